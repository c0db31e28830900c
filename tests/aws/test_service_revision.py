"""When a revision that ECS tells of is the one that was ordered, and how an order says it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from components.aws.service_revision import ServiceRevision
from tests.aws.told_ecs import BALANCER, NETWORK, OURS, REVISION, THEIRS
from tests.judges.botocore_shapes import findings

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ServiceRevisionTypeDef

pytestmark = pytest.mark.unit

ROLLING = replace(REVISION, alternate="", rule="", role="")
ONE_GROUP = {key: value for key, value in BALANCER.items() if key != "advancedConfiguration"}


def told(*, network: dict[str, Any] | None = None, balancer: dict[str, Any] | None = None, **more: Any) -> Any:
    found: dict[str, Any] = {
        "taskDefinition": OURS,
        "networkConfiguration": {"awsvpcConfiguration": NETWORK["awsvpcConfiguration"] | (network or {})},
        "loadBalancers": [BALANCER | (balancer or {})],
    }
    return cast("ServiceRevisionTypeDef", found | more)


def shifting(**other: str) -> dict[str, Any]:
    return {"advancedConfiguration": BALANCER["advancedConfiguration"] | other}


@pytest.mark.parametrize("revision", [REVISION, ROLLING], ids=["two groups", "one group"])
def test_an_order_is_one_that_aws_takes(revision: ServiceRevision) -> None:
    request = {
        "service": "rag",
        "networkConfiguration": revision.network(),
        "loadBalancers": [revision.balancer()],
    }
    assert findings("ecs", "UpdateService", request) == []


def test_what_was_ordered_is_ours_in_whatever_order_ecs_tells_it() -> None:
    assert REVISION.describes(told())
    assert REVISION.describes(told(network={"subnets": ["subnet-2", "subnet-1"]}))
    swapped = {"targetGroupArn": "second-group", **shifting(alternateTargetGroupArn="first-group")}
    assert REVISION.describes(told(balancer=swapped)), "ECS serves from either"
    assert ROLLING.describes(told(loadBalancers=[ONE_GROUP]))


@pytest.mark.parametrize(
    "other",
    [
        told(taskDefinition=THEIRS),
        told(network={"subnets": ["subnet-1"]}),
        told(network={"subnets": ["subnet-1", "subnet-3"]}),
        told(network={"securityGroups": ["sg-2"]}),
        told(network={"assignPublicIp": "ENABLED"}),
        told(balancer={"targetGroupArn": "another-group"}),
        told(balancer={"containerName": "worker"}),
        told(balancer={"containerPort": 9000}),
        told(balancer=shifting(productionListenerRule="another-rule")),
        told(balancer=shifting(roleArn="another-role")),
        told(loadBalancers=[ONE_GROUP]),
        told(loadBalancers=[]),
        told(networkConfiguration={}),
        {},
    ],
)
def test_a_revision_with_anything_else_is_not_ours(other: ServiceRevisionTypeDef) -> None:
    assert not REVISION.describes(other)


def test_a_service_that_still_has_two_groups_is_not_the_rolling_one_that_was_ordered() -> None:
    assert not ROLLING.describes(told())


def test_the_engines_numbers_become_whole_again() -> None:
    assert ServiceRevision.of({**asdict(REVISION), "port": 8000.0}) == REVISION
