"""What cannot change while a stack lives: each refusal says the key, what would happen and what to do."""

from collections.abc import Mapping

import pytest

from components.aws.lasting import (
    FIXED,
    _LastingProvider,  # pyright: ignore[reportPrivateUsage]  # why: what the engine calls
    lasting_facts,
)
from components.contracts import DeploymentError

pytestmark = pytest.mark.unit

Facts = Mapping[str, object]
A, B, C, D = (f"eu-central-1{letter}" for letter in "abcd")
ARN, OTHER = (f"arn:aws:kms:eu-central-1:123456789012:key/{number}" for number in (1, 2))
SETTINGS: Facts = {
    "name": "rag-prod",
    "aws.region": "eu-central-1",
    "network.vpc": "",
    "network.cidr": "10.20.0.0/16",
    "secrets.kms_key": "create",
}


def refusal(old: Facts, new: Facts) -> str:
    with pytest.raises(DeploymentError) as caught:
        lasting_facts(old, new)
    return str(caught.value)


def zones(*names: str, named: bool = False) -> Facts:
    return {"network.zones": list(names), "network.zone_names": list(names) if named else []}


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("name", "rag-prod", "search-prod"),
        ("aws.region", "eu-central-1", "eu-west-1"),
        ("aws.account_id", "123456789012", "210987654321"),
        ("network.cidr", "10.20.0.0/16", "10.30.0.0/16"),
        ("network.vpc", "vpc-0123456789abcdef0", "vpc-0123456789abcdef1"),
        ("network.vpc", "", "vpc-0123456789abcdef0"),
        ("network.vpc", "vpc-0123456789abcdef0", ""),
    ],
)
def test_a_fact_of_a_living_stack_cannot_change(key: str, before: str, after: str) -> None:
    message = refusal({key: before}, {key: after})
    assert message.startswith(f"{key} is fixed while the stack lives")
    assert f"from {before or 'none'} to {after or 'none'}: {FIXED[key]}" in message
    assert f"Nothing was changed; set it back to {before or 'none'}, or make another stack" in message


def test_what_does_not_change_is_accepted_and_recorded_as_it_was() -> None:
    assert lasting_facts(SETTINGS, SETTINGS) == SETTINGS


def test_a_stack_that_is_older_than_the_record_or_than_one_of_its_facts_records_what_it_finds() -> None:
    assert lasting_facts({}, SETTINGS) == SETTINGS
    assert lasting_facts({"name": "rag-prod"}, SETTINGS) == SETTINGS


def test_a_fact_that_is_no_longer_told_stays_on_record() -> None:
    assert lasting_facts(SETTINGS, {"name": "rag-prod"}) == SETTINGS


def test_every_change_that_must_not_happen_is_named_at_once() -> None:
    message = refusal(SETTINGS, {**SETTINGS, "name": "x", "network.cidr": "10.30.0.0/16"})
    assert [line.split(" ")[0] for line in message.splitlines()] == ["name", "network.cidr"]


def test_moving_to_an_existing_network_is_refused_for_the_network_and_not_for_its_addresses() -> None:
    message = refusal(SETTINGS, {**SETTINGS, "network.vpc": "vpc-0123456789abcdef0", "network.cidr": ""})
    assert [line.split(" ")[0] for line in message.splitlines()] == ["network.vpc"]


@pytest.mark.parametrize(("before", "after"), [("aws", "create"), ("aws", ARN), (ARN, OTHER), (ARN, "create")])
def test_secrets_can_get_a_key_and_one_that_is_not_the_stacks_own_can_be_left_for_another(
    before: str, after: str
) -> None:
    assert lasting_facts({"secrets.kms_key": before}, {"secrets.kms_key": after}) == {"secrets.kms_key": after}


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("create", "aws", "is the stack's own and would be deleted"),
        ("create", ARN, "is the stack's own and would be deleted"),
        (ARN, "aws", "could not be used by the tasks any more"),
    ],
)
def test_secrets_cannot_leave_a_key_that_they_would_go_on_being_encrypted_with(
    before: str, after: str, why: str
) -> None:
    message = refusal({"secrets.kms_key": before}, {"secrets.kms_key": after})
    assert message.startswith(f"secrets.kms_key would change from {before} to {after}")
    assert why in message
    assert f"set it back to {before}" in message


def version(major: int, restored: str = "") -> Facts:
    return {"database.major_version": str(major), "database.restore_from": restored}


def test_the_database_goes_on_to_the_next_version_and_back_only_by_a_snapshot() -> None:
    assert lasting_facts(version(17), version(18)) == version(18)
    assert lasting_facts(version(9), version(10)) == version(10)
    assert lasting_facts(version(18), version(17, "before")) == version(17, "before")
    for old, new in (
        (version(18), version(17)),
        (version(18, "before"), version(17)),
        (version(18, "x"), version(17, "x")),
    ):
        message = refusal(old, new)
        assert message.startswith("database.major_version would go from 18 to 17: RDS never goes back")
        assert "restore a snapshot of version 17 (database.restore_from)" in message


@pytest.mark.parametrize("named", [False, True])
def test_a_zone_can_be_added_behind_the_others(named: bool) -> None:
    assert lasting_facts(zones(A, B), zones(A, B, C, named=named))["network.zones"] == [A, B, C]


@pytest.mark.parametrize("listed", [(B, C), (B, A), (A, C)])
def test_a_region_that_lists_other_zones_today_changes_nothing_because_subnets_stay(listed: tuple[str, ...]) -> None:
    assert lasting_facts(zones(A, B), zones(*listed))["network.zones"] == [A, B]
    assert lasting_facts(zones(A, B), zones(*listed, D))["network.zones"] == [A, B, D]


@pytest.mark.parametrize("names", [(B, A), (A, C), (B, C, A)])
def test_zones_that_are_named_begin_with_those_in_use(names: tuple[str, ...]) -> None:
    message = refusal(zones(A, B), zones(*names, named=True))
    assert message.startswith(f"network.zone_names would no longer begin with {A}, {B}")
    assert f"let network.zone_names begin with {A}, {B}" in message


@pytest.mark.parametrize("named", [False, True])
def test_no_zone_can_be_left_while_something_stands_in_it(named: bool) -> None:
    message = refusal(zones(A, B, C), zones(A, B, named=named))
    assert message.startswith("network.zones would go from 3 to 2")
    assert "set network.zones back to 3" in message


def test_a_zone_in_use_is_not_taken_a_second_time_where_the_region_lists_a_new_one_before_it() -> None:
    message = refusal(zones(A, C), zones(A, B, C))
    assert message.startswith(f"network.zones would make second subnets in {C}")
    assert f"network.zone_names begins with {A}, {C}" in message


def test_an_existing_network_has_no_zones_of_the_stacks_own() -> None:
    assert lasting_facts(zones(), zones()) == zones()


def test_the_engine_is_told_a_difference_only_where_the_record_would_be_another() -> None:
    provider = _LastingProvider()
    record = dict(provider.create({"facts": dict(zones(A, B))}).outs or {})
    assert provider.diff("lasting", record, {"facts": dict(zones(B, C))}).changes is False
    assert provider.diff("lasting", record, {"facts": dict(zones(A, B, C))}).changes is True
    assert provider.update("lasting", record, {"facts": dict(zones(B, A, C))}).outs == {"facts": zones(A, B, C)}
    with pytest.raises(DeploymentError):
        provider.diff("lasting", record, {"facts": dict(zones(A))})
