"""When a release is followed again by the next update."""

from dataclasses import asdict

import pulumi
import pytest

from components.aws.followed_rollout import (
    _EcsRolloutProvider,  # pyright: ignore[reportPrivateUsage]  # why: its diff is what repeats a failed release
)
from tests.aws.told_ecs import BEFORE, CLUSTER, REGION, REVISION, SERVICE, THEIRS
from tests.contracts.cases.shared import DIGEST

pytestmark = pytest.mark.unit

STATE = {
    "region": REGION,
    "cluster": CLUSTER,
    "service": SERVICE,
    "revision": {**asdict(REVISION), "port": 8000.0},
    "strategy": "CANARY",
    "digest": DIGEST,
    "serving": DIGEST,
    "evidence": "",
    "seconds": 600.0,
}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({}, {}, False),
        ({}, {"seconds": 900.0}, False),
        ({}, {"strategy": "BLUE_GREEN"}, True),
        ({}, {"service": f"{SERVICE}-2"}, True),
        ({}, {"digest": BEFORE}, True),
        ({"serving": BEFORE}, {}, True),
        ({"serving": ""}, {}, True),
    ],
)
def test_a_release_is_followed_again_when_it_is_another_and_when_the_last_one_was_not_taken(
    before: dict[str, object], after: dict[str, object], changes: bool
) -> None:
    assert _EcsRolloutProvider().diff("rollout", {**STATE, **before}, {**STATE, **after}).changes is changes


@pytest.mark.parametrize(
    "other",
    [
        {"task_definition": THEIRS},
        {"task_definition": pulumi.output.UNKNOWN},
        {"subnets": ["subnet-1"]},
        {"groups": ["sg-2"]},
        {"public_address": True},
        {"port": 9000.0},
        {"primary": "another-group"},
        {"alternate": "", "rule": "", "role": ""},
        {"rule": pulumi.output.UNKNOWN},
    ],
    ids="-".join,
)
def test_whatever_begins_a_deployment_of_ecs_is_followed_because_ecs_may_take_it_back_in_silence(
    other: dict[str, object],
) -> None:
    news = {**STATE, "revision": {**asdict(REVISION), "port": 8000.0, **other}}
    assert _EcsRolloutProvider().diff("rollout", STATE, news).changes is True


def test_a_state_that_was_written_before_the_way_was_part_of_it_is_followed_once_more() -> None:
    before = {key: value for key, value in STATE.items() if key not in {"revision", "strategy"}}
    assert _EcsRolloutProvider().diff("rollout", before, STATE).changes is True
