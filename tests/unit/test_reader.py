"""What the reader of the configuration says: the key, the guide of its target, and the form that is wanted."""

import json
from collections.abc import Mapping

import pytest

from stacks.settings import PROJECT
from stacks.settings.reader import GUIDES, TARGETS, SettingsError, parse_settings
from tools import advice

pytestmark = pytest.mark.unit

LEAST: Mapping[str, Mapping[str, object]] = {
    "local": {},
    "kubernetes": {
        "kubernetes": {"context": "c"},
        "registry": {"repository": "registry.example.com/team/rag"},
        "ingress": {"host": "rag.example.com", "class": "nginx", "controller_namespace": "i", "issuer": "letsencrypt"},
    },
    "aws": {"aws": {"region": "eu-central-1", "allow_plain_http": True}},
}
"""What a stack of each target cannot leave out."""


def refusal(cloud: str, **values: object) -> str:
    merged = {**LEAST[cloud], **values}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in merged.items()}
    config = {"rag:cloud": cloud} | {f"rag:{key}": text for key, text in texts.items()}
    with pytest.raises(SettingsError) as raised:
        parse_settings(config, file="Pulumi.test.yaml")
    return str(raised.value)


def test_every_target_has_a_guide() -> None:
    assert set(GUIDES) == set(TARGETS) == set(LEAST)
    assert all((PROJECT / guide).is_file() for guide in GUIDES.values())
    assert {**advice.GUIDES, "local": advice.OTHER_GUIDE} == GUIDES, "what the commands say is the same"


@pytest.mark.parametrize("cloud", TARGETS)
def test_an_unknown_key_and_a_wrong_value_name_the_guide_of_their_own_target(cloud: str) -> None:
    for values in ({"nonsense": 1}, {"project": "x"}, {"profile": "staging"}):
        told = refusal(cloud, **values)
        assert GUIDES[cloud] in told
        assert not any(guide in told for other, guide in GUIDES.items() if other != cloud)


@pytest.mark.parametrize("cloud", ["kubernetes", "aws"])
def test_a_missing_key_names_the_guide_of_its_target(cloud: str) -> None:
    nothing: dict[str, object] = {}
    told = refusal(cloud, **{cloud: nothing})
    assert "is missing and has no default" in told
    assert GUIDES[cloud] in told


def test_what_concerns_several_keys_names_them_and_no_key_of_its_own() -> None:
    told = refusal("aws", profile="prod")
    assert told.startswith("aws.allow_plain_http is for trying things out")
    assert told.endswith("[Pulumi.test.yaml]")
    assert "*" not in told


VPC = {"id": "vpc-0123abcd", "public_subnets": ["subnet-0123abc1", "subnet-0123abc2"]}
PRIVATE = ["subnet-0123abc3", "subnet-0123abc4"]


@pytest.mark.parametrize(
    ("values", "key", "form"),
    [
        ({"network": {"vpc": {**VPC, "private_subnets": PRIVATE, "id": "my-vpc"}}}, "network.vpc.id", "write vpc-"),
        ({"network": {"vpc": {**VPC, "private_subnets": ["a", "b"]}}}, "private_subnets.0", "write subnet-"),
        (
            {"oidc": {"repository": "o/n", "environment": "e", "state_bucket": "s3://state/x"}},
            "oidc.state_bucket",
            "write the name alone, without s3://",
        ),
    ],
)
def test_an_id_of_another_form_is_told_which_form_and_not_by_a_pattern(
    values: Mapping[str, object], key: str, form: str
) -> None:
    told = refusal("aws", **values)
    assert key in told
    assert form in told
    assert "pattern" not in told
