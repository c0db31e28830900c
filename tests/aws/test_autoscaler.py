"""Scaling: by processors and by requests, quickly up and slowly down, within the bounds."""

from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.aws.autoscaler import Autoscaler, AutoscalerArgs
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


def test_where_releases_move_between_two_groups_no_policy_counts_the_requests_of_one_of_them() -> None:
    assert [policy.name for policy in policies(recorded(two_groups=True))] == ["scaler-cpu"]


def test_at_the_worst_more_tasks_are_asked_for_within_five_minutes() -> None:
    for policy in policies(recorded()):
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
