"""Names, tags and ARNs that one of AWS's services would refuse halfway through a deployment, refused before it."""

import re
from collections.abc import Mapping

import botocore.session
import pytest
from botocore.model import Shape, StructureShape
from hypothesis import given
from hypothesis import strategies as st

from stacks.settings import SettingsError
from stacks.settings.aws_rules import MOST_KEY, MOST_TEXT, require_tags
from tests.aws_settings import ACCOUNT, DEV, DOMAIN, PRODUCTION, REGION, parse_aws, parse_production

pytestmark = pytest.mark.unit

ELSEWHERE, STRANGER = "us-east-1", "999999999999"
KEY = "arn:aws:kms:{region}:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OIDC = {"repository": "owner/name", "environment": "prod"}


def refusal(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_aws(**keys)
    return str(caught.value)


def refused_tags(tags: dict[str, object]) -> str:
    return refusal(aws={**DEV, "tags": tags})


def test_a_domain_that_no_certificate_can_bear_is_refused_with_its_length() -> None:
    longest = f"{'a' * 44}.{'b' * 7}.example.com"
    assert parse_aws(aws={**PRODUCTION, "domain": longest}).aws.domain == longest
    message = refusal(aws={**PRODUCTION, "domain": f"a{longest[1:]}a".replace("coma", "acom")})
    assert message.startswith("rag:aws.domain: ")
    assert "has 65 characters, and a certificate's name holds 64" in message


@pytest.mark.parametrize("key", ["rag:stack", "Rag:stack", "aws:cloudformation:stack-name", "AWS:x", "Aws:x"])
def test_the_programs_own_tags_and_awss_are_not_for_operators_however_they_are_written(key: str) -> None:
    assert f"the tag {key!r} is not yours to set" in refused_tags({key: "other"})


def test_tags_over_awss_limits_are_refused() -> None:
    assert "over AWS's limits" in refused_tags({"k" * 129: "v"})
    assert "over AWS's limits" in refused_tags({"": "v"})
    assert "over AWS's limits" in refused_tags({"k": "v" * 257})
    assert "41 tags are over 40" in refused_tags({f"k{at}": "v" for at in range(41)})
    assert len(parse_aws(aws={**DEV, "tags": {f"k{at}": "v" for at in range(40)}}).aws.tags) == 40


@pytest.mark.parametrize("tags", [{"team*": "search"}, {"team": "search & find"}, {"team": "a,b"}, {"team": "a\tb"}])
def test_characters_that_some_service_refuses_in_a_tag_are_refused_with_those_that_go(tags: dict[str, object]) -> None:
    message = refused_tags(tags)
    assert "which some services would refuse in the middle of the deployment" in message
    assert "_.:/=+-@" in message


def test_keys_that_differ_in_capital_letters_only_are_refused_because_iam_takes_them_for_one() -> None:
    message = refused_tags({"Team": "a", "team": "b"})
    assert "the tags 'Team' and 'team' differ in capital letters only" in message


@pytest.mark.parametrize("service", ["ecs", "elbv2", "wafv2", "iam"])
def test_the_characters_of_a_tag_are_those_that_aws_itself_publishes(service: str) -> None:
    """Their models name the classes of letters, separators and numbers, and the same marks."""
    shape: Shape = botocore.session.get_session().get_service_model(service).shape_for("Tag")
    assert isinstance(shape, StructureShape)
    members: Mapping[str, Shape] = {name.lower(): member for name, member in shape.members.items()}
    for name, most in (("key", MOST_KEY), ("value", MOST_TEXT)):
        limits: Mapping[str, object] = members[name].metadata
        assert limits["max"] == most
        assert r"[\p{L}\p{Z}\p{N}_.:/=+\-@]" in str(limits["pattern"])


@given(st.text(st.sampled_from("aZ9 _.:/=+-@äЖ五٣"), min_size=1, max_size=40))
def test_letters_and_digits_of_every_script_are_taken(text: str) -> None:
    require_tags({f"k{text}": text})


@pytest.mark.parametrize("value", [7, 1.5, True, None])
def test_a_tag_that_yaml_did_not_read_as_text_is_refused_with_the_advice_to_quote_it(value: object) -> None:
    message = refused_tags({"cost_center": value})
    assert message.startswith("rag:aws.tags.cost_center: is no text")
    assert 'quote it, for example "007"' in message


def test_a_key_of_another_region_is_refused_because_the_store_of_secrets_would_not_find_it() -> None:
    message = refusal(secrets={"kms_key": KEY.format(region=ELSEWHERE, account=ACCOUNT)})
    assert f"secrets.kms_key lies in {ELSEWHERE}, and the stack in {REGION}" in message
    assert parse_aws(secrets={"kms_key": KEY.format(region=REGION, account=STRANGER)}).secrets.kms_key.startswith("arn")


def test_a_boundary_of_another_account_is_refused_where_the_account_is_known() -> None:
    theirs = {**OIDC, "permissions_boundary": f"arn:aws:iam::{STRANGER}:policy/limits"}
    message = refusal(aws={**DEV, "account_id": ACCOUNT}, oidc=theirs)
    assert f"oidc.permissions_boundary belongs to account {STRANGER}, and aws.account_id is {ACCOUNT}" in message
    assert parse_production(oidc=theirs).oidc is not None


@pytest.mark.parametrize("zone", [f"{REGION}z", f"{REGION}-1a", REGION, "euc1-az1", f"{REGION.upper()}A"])
def test_what_is_no_zone_is_refused_with_how_to_find_one(zone: str) -> None:
    message = refusal(network={"zone_names": [f"{REGION}a", zone]})
    assert message.startswith(f"rag:network.zone_names: {zone!r} is no availability zone")
    assert "aws ec2 describe-availability-zones" in message


def test_every_refusal_names_the_file() -> None:
    assert re.search(r"\[Pulumi\..*yaml\]$", refusal(aws={**PRODUCTION, "domain": f"{'a' * 60}.{DOMAIN}"}))
