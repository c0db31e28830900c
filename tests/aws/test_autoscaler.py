"""Scaling: by processors and by requests, quickly up and slowly down, within the bounds."""

from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.aws.autoscaler import Autoscaler, AutoscalerArgs
from tests.aws.metric_math import calculated
from tests.contracts.cases.aws_b2 import CASES, a_load_balancer
from tests.contracts.conftest import event_loop_of_its_own as event_loop_of_its_own  # noqa: PLC0414  # why: a fixture
from tests.contracts.recorder import Recording, Registered, record

pytestmark = pytest.mark.unit

TRACKING_MINUTES = 3
"""Target tracking adds tasks when three values of a minute each were above the target."""
PUBLISHING_SECONDS = 60
"""What CloudWatch may take to show a minute's value."""
PROMISED_SECONDS = 5 * 60


def recorded(*, two_groups: bool = False, **changes: Any) -> Recording:
    given = CASES[Autoscaler](pulumi.Output.from_input)
    assert isinstance(given, AutoscalerArgs)

    def program() -> None:
        balancer = a_load_balancer(pulumi.Output.from_input, two_groups=two_groups)
        Autoscaler("scaler", replace(given, load_balancer=balancer, **changes))

    return record(program)


def policies(recording: Recording) -> list[Registered]:
    return [resource for resource in recording.resources if resource.type.endswith(":Policy")]


def test_the_number_of_tasks_stays_within_the_bounds_that_the_connections_were_counted_for() -> None:
    target = recorded(min=2, max=10).one("scaler-tasks").inputs
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 10)
    assert target["resourceId"] == "service/rag-prod/rag-prod"
    assert (target["serviceNamespace"], target["scalableDimension"]) == ("ecs", "ecs:service:DesiredCount")


def test_tasks_follow_processors_and_requests() -> None:
    made = {
        policy.name: policy.inputs["targetTrackingScalingPolicyConfiguration"]
        for policy in policies(recorded(cpu=60, requests_per_target=600))
    }
    cpu, requests = made["scaler-cpu"], made["scaler-requests"]
    assert (cpu["targetValue"], requests["targetValue"]) == (60, 600)
    assert cpu["predefinedMetricSpecification"] == {"predefinedMetricType": "ECSServiceAverageCPUUtilization"}
    assert requests["predefinedMetricSpecification"] == {
        "predefinedMetricType": "ALBRequestCountPerTarget",
        "resourceLabel": "app/rag-prod/1/targetgroup/primary/2",
    }


def test_where_releases_move_between_two_groups_tasks_follow_the_requests_of_both_added_up() -> None:
    made = recorded(two_groups=True, requests_per_target=600).one("scaler-requests").inputs
    tracking = made["targetTrackingScalingPolicyConfiguration"]
    assert tracking["targetValue"] == 600
    assert "predefinedMetricSpecification" not in tracking, "it would count the requests of one group, also when empty"
    *groups, total = tracking["customizedMetricSpecification"]["metrics"]
    assert [query["metricStat"]["metric"]["metricName"] for query in groups] == ["RequestCountPerTarget"] * 2
    named = [{pair["name"]: pair["value"] for pair in query["metricStat"]["metric"]["dimensions"]} for query in groups]
    assert named == [
        {"LoadBalancer": "app/rag-prod/1", "TargetGroup": "targetgroup/primary/2"},
        {"LoadBalancer": "app/rag-prod/1", "TargetGroup": "targetgroup/alternate/3"},
    ]
    assert [query["returnData"] for query in (*groups, total)] == [False, False, True]


@pytest.mark.parametrize(
    ("primary", "alternate", "per_task"),
    [(900, None, 900), (None, 900, 900), (810, 90, 900), (0, 900, 900), (None, None, 0)],
    ids=["rests", "rests in the other", "canary", "shifted", "night"],
)
def test_whichever_group_serves_the_number_is_what_each_task_of_one_group_must_carry(
    primary: float | None, alternate: float | None, per_task: float
) -> None:
    tracking = recorded(two_groups=True).one("scaler-requests").inputs["targetTrackingScalingPolicyConfiguration"]
    (expression,) = [
        query["expression"] for query in tracking["customizedMetricSpecification"]["metrics"] if "expression" in query
    ]
    assert calculated(expression, {"primary": primary, "alternate": alternate}) == per_task


@pytest.mark.parametrize("two_groups", [False, True])
def test_tasks_follow_processors_and_requests_with_every_strategy(two_groups: bool) -> None:
    assert [policy.name for policy in policies(recorded(two_groups=two_groups))] == ["scaler-cpu", "scaler-requests"]


@pytest.mark.parametrize("two_groups", [False, True])
def test_at_the_worst_more_tasks_are_asked_for_within_five_minutes(two_groups: bool) -> None:
    for policy in policies(recorded(two_groups=two_groups)):
        cooldown = policy.inputs["targetTrackingScalingPolicyConfiguration"]["scaleOutCooldown"]
        assert TRACKING_MINUTES * 60 + PUBLISHING_SECONDS + cooldown <= PROMISED_SECONDS


def test_tasks_leave_more_slowly_than_they_come_and_may_leave() -> None:
    for policy in policies(recorded()):
        tracking = policy.inputs["targetTrackingScalingPolicyConfiguration"]
        assert tracking["scaleInCooldown"] > tracking["scaleOutCooldown"]
        assert not tracking.get("disableScaleIn", False)


def test_every_policy_belongs_to_the_target_and_waits_for_it() -> None:
    recording = recorded()
    for policy in policies(recording):
        assert policy.inputs["resourceId"] == recording.one("scaler-tasks").inputs["resourceId"]
        assert "scaler-tasks" in recording.needed_by(policy.name)
