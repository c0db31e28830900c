"""When a release is followed again by the next update."""

import pytest

from components.aws.followed_rollout import (
    _EcsRolloutProvider,  # pyright: ignore[reportPrivateUsage]  # why: its diff is what repeats a failed release
)
from tests.aws.told_ecs import BEFORE, CLUSTER, OURS, REGION, SERVICE, THEIRS
from tests.contracts.cases.shared import DIGEST

pytestmark = pytest.mark.unit

STATE = {
    "region": REGION,
    "cluster": CLUSTER,
    "service": SERVICE,
    "task_definition": OURS,
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
        ({}, {"task_definition": THEIRS}, True),
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
