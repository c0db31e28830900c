"""Where in AWS a stack may live, under which name, and what it is told when AWS would refuse that halfway through."""

import pytest

from components.aws.regions import OPT_IN_REGIONS, WITHOUT_AUTHORITY
from stacks.settings import AwsSettings, SettingsError
from tests.aws_settings import DEV, DOMAIN, PRODUCTION, REGION, ZONE, parse_aws, parse_production
from tests.parsing import FILE, parse_as

pytestmark = pytest.mark.unit


def refusal(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_aws(**keys)
    return str(caught.value)


def refusal_in_production(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_production(**keys)
    return str(caught.value)


def test_a_stack_that_says_nothing_of_its_place_is_told_which_key_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_as(AwsSettings, {"cloud": "aws"})
    assert str(caught.value).startswith("rag:aws: is missing and has no default, so nothing was deployed")


@pytest.mark.parametrize("region", ["eu-central-9", "frankfurt", "", "EU-CENTRAL-1", "cn-north-1"])
def test_a_region_that_aws_has_not_is_refused_with_those_that_it_has(region: str) -> None:
    message = refusal(aws={**DEV, "region": region})
    assert message.startswith(f"rag:aws: region {region!r} is none of AWS's")
    assert "choose one of" in message
    assert REGION in message
    assert FILE in message


@pytest.mark.parametrize("region", sorted(OPT_IN_REGIONS - WITHOUT_AUTHORITY))
def test_a_region_that_is_off_in_new_accounts_must_have_been_enabled(region: str) -> None:
    message = refusal(aws={**DEV, "region": region})
    assert f"region {region} is off in every new account" in message
    assert f"aws account enable-region --region-name {region}" in message
    assert parse_aws(aws={**DEV, "region": region, "opted_in": True}).aws.region == region


@pytest.mark.parametrize("account", ["12345678901", "1234567890123", "12345678901a", 123456789012, True, ""])
def test_an_account_id_is_twelve_digits_in_quotes(account: object) -> None:
    message = refusal(aws={**DEV, "account_id": account})
    assert message.startswith("rag:aws.account_id: is no account id")
    assert "in quotes" in message


def test_an_account_id_keeps_its_leading_zeros() -> None:
    assert parse_aws(aws={**DEV, "account_id": "001234567890"}).aws.account_id == "001234567890"


def test_without_a_domain_there_is_no_tls_so_plain_http_must_be_asked_for() -> None:
    message = refusal(aws={"region": REGION})
    assert "domain is missing, so there is no certificate" in message
    assert "set domain and hosted_zone, or, to try things out, allow_plain_http: true" in message


def test_plain_http_is_refused_in_production() -> None:
    message = refusal_in_production(aws=DEV)
    assert "aws.allow_plain_http is for trying things out" in message
    assert "set aws.domain and aws.hosted_zone instead" in message


def test_plain_http_beside_a_domain_is_refused_because_it_would_do_nothing() -> None:
    assert "allow_plain_http has no effect beside a domain" in refusal(aws={**PRODUCTION, "allow_plain_http": True})


@pytest.mark.parametrize("given_one", [{"domain": DOMAIN}, {"hosted_zone": ZONE}])
def test_a_domain_and_its_hosted_zone_belong_together(given_one: dict[str, str]) -> None:
    assert "domain and hosted_zone belong together" in refusal(aws={**DEV, **given_one})


@pytest.mark.parametrize("domain", ["https://rag.example.com", "rag.example.com/", "rag", "Rag.example.com"])
def test_a_domain_is_a_bare_host_name(domain: str) -> None:
    assert "is no domain name" in refusal(aws={**PRODUCTION, "domain": domain})


@pytest.mark.parametrize("zone", ["example.com", "z0123456789", "/hostedzone/Z0123456789"])
def test_a_hosted_zone_is_named_by_its_id(zone: str) -> None:
    message = refusal(aws={**PRODUCTION, "hosted_zone": zone})
    assert message.startswith("rag:aws.hosted_zone:")
    assert "aws route53 list-hosted-zones" in message


@pytest.mark.parametrize("region", sorted(WITHOUT_AUTHORITY))
def test_a_region_whose_databases_the_image_cannot_verify_is_refused(region: str) -> None:
    message = refusal(aws={**DEV, "region": region, "opted_in": True})
    assert f"region {region} has databases whose certificates the image cannot verify yet" in message
    assert "certificates/README.md says how" in message
