"""Where the stack lives: its provider, its account, its names, and what is fixed for its life."""

import json

import pulumi
import pytest

from tests.aws_settings import ACCOUNT, DEV, REGION, parse_aws, parse_production
from tests.contracts.aws.recording import EVERYTHING, recorded
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", ["aws", "registry-repository", "login-helper", "network-vpc", "database-password"])
def test_what_is_fixed_is_judged_before_anything_else(dev: Recording, name: str) -> None:
    assert "lasting-settings-record" in dev.needed_by(name)
    assert "lasting-place-record" in dev.needed_by(name) or name == "aws"


def test_nothing_is_touched_by_a_change_of_what_is_fixed(production: Recording) -> None:
    outside = {"aws", "lasting-settings", "lasting-settings-record", "lasting-place", "lasting-place-record"}
    for resource in production.resources:
        if resource.name not in outside:
            assert "lasting-place-record" in production.needed_by(resource.name), resource.name


def test_what_is_fixed_is_recorded_as_it_is_used(production: Recording) -> None:
    settings, place = (production.one(f"lasting-{part}-record").inputs["facts"] for part in ("settings", "place"))
    assert settings == {
        "name": "rag-test",
        "aws.region": REGION,
        "network.vpc": "",
        "network.cidr": production.one("network-vpc").inputs["cidrBlock"],
        "secrets.kms_key": "create",
        "database.major_version": "17",
        "database.restore_from": "",
    }
    assert place == {
        "aws.account_id": ACCOUNT,
        "network.zones": [production.one(f"network-public-{at}").inputs["availabilityZone"] for at in range(3)],
        "network.zone_names": [],
    }


def test_every_resource_of_aws_is_made_by_the_stacks_own_provider_and_never_by_the_machines() -> None:
    made = recorded(parse_production(**EVERYTHING)).resources
    own = [resource for resource in made if resource.custom and resource.type.startswith("aws:")]
    assert len(own) > 100
    assert [resource.name for resource in own if "pulumi:providers:aws::aws::" not in resource.provider] == []


def test_the_provider_names_the_region_and_tags_everything_with_the_stack() -> None:
    tags = {"team": "search"}
    inputs = recorded(parse_aws(aws={**DEV, "tags": tags})).one("aws").inputs
    assert inputs["region"] == REGION
    assert json.loads(inputs["defaultTags"])["tags"] == {**tags, "rag:stack": "rag-test", "rag:profile": "dev"}
    assert "allowedAccountIds" not in inputs


def test_a_foreign_account_is_refused_where_the_settings_name_the_own_one() -> None:
    inputs = recorded(parse_aws(aws={**DEV, "account_id": ACCOUNT})).one("aws").inputs
    assert json.loads(inputs["allowedAccountIds"]) == [ACCOUNT]


def test_a_prefix_that_aws_would_refuse_ends_before_anything_is_registered() -> None:
    with pytest.raises(pulumi.RunError, match="AWS refuses a load balancer's name beyond 32"):
        recorded(parse_aws(name="a" * 28))
