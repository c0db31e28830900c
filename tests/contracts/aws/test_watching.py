"""What watches a release and the service, in the whole AWS stack: long enough, each group by itself, and the worker."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from components.aws.alarms import LATE_SECONDS, MINUTE
from stacks.settings import AwsSettings
from tests.aws_settings import parse_aws, parse_production
from tests.contracts.aws.recording import of_type, recorded

pytestmark = pytest.mark.unit

SHIFTING = ("canary", "blue-green")
every_strategy = pytest.mark.parametrize("strategy", ["rolling", *SHIFTING])


def stack(strategy: str, **rollout: object) -> AwsSettings:
    return parse_production(rollout={"strategy": strategy, **rollout})


def service(settings: AwsSettings) -> Mapping[str, Any]:
    return recorded(settings).one("service-service").inputs


def judges(settings: AwsSettings) -> Sequence[Mapping[str, Any]]:
    """The alarms that ECS is given, as they are made."""
    made = {alarm.inputs["name"]: alarm.inputs for alarm in of_type(recorded(settings), "MetricAlarm")}
    return [made[name] for name in service(settings)["alarms"]["alarmNames"]]


def rings_within(alarm: Mapping[str, Any]) -> float:
    """Seconds from the first bad answer on: the minute under way, the alarm's own ones, and what CloudWatch is late."""
    (period,) = {query["metric"]["period"] for query in alarm["metricQueries"] if "metric" in query}
    return period * (1 + alarm["evaluationPeriods"]) + LATE_SECONDS


@pytest.mark.parametrize("strategy", SHIFTING)
@pytest.mark.parametrize("startup", [10, 30, 60])
def test_trap_a_bake_that_ends_before_an_alarm_can_ring_calls_a_bad_release_a_success(
    strategy: str, startup: int
) -> None:
    settings = stack(strategy, startup_seconds=startup)
    configuration = service(settings)["deploymentConfiguration"]
    bakes = [configuration["bakeTimeInMinutes"]]
    if strategy == "canary":
        bakes.append(configuration["canaryConfiguration"]["canaryBakeTimeInMinutes"])
    slowest = max(rings_within(alarm) for alarm in judges(settings))
    assert all(int(minutes) * MINUTE >= slowest for minutes in bakes)


@every_strategy
def test_trap_a_canarys_errors_drown_in_those_of_all_requests(strategy: str) -> None:
    """Each number that judges a release is one group's; and each group that can serve has its judges."""
    found = [
        query["metric"]["dimensions"]["TargetGroup"]
        for alarm in judges(stack(strategy))
        for query in alarm["metricQueries"]
        if "metric" in query
    ]
    groups = {f"<{group.name}.arnSuffix>" for group in of_type(recorded(stack(strategy)), "TargetGroup")}
    assert set(found) == groups
    assert len(groups) == (1 if strategy == "rolling" else 2)


@every_strategy
def test_tasks_follow_processors_and_requests_with_every_strategy(strategy: str) -> None:
    assert {policy.name for policy in of_type(recorded(stack(strategy)), "Policy") if "autoscaler" in policy.name} == {
        "autoscaler-cpu",
        "autoscaler-requests",
    }


@every_strategy
def test_ecs_may_double_the_tasks_in_a_release_or_a_failover_and_the_connection_budget_counts_both(
    strategy: str,
) -> None:
    settings = stack(strategy, migration_seconds=60)
    told, budget = service(settings), settings.connections_of(settings.max_connections)
    assert budget.surge * 100 == told["deploymentMaximumPercent"]
    at_most = recorded(settings).one("autoscaler-tasks").inputs["maxCapacity"] * told["deploymentMaximumPercent"] / 100
    assert budget.web_pools == at_most * settings.app.web_processes
    assert budget.workers == at_most


def test_old_tasks_stay_until_as_many_new_ones_are_healthy_so_a_failover_takes_no_task_away_first() -> None:
    assert service(parse_aws())["deploymentMinimumHealthyPercent"] == 100


def test_the_watch_over_workers_looks_at_this_stacks_service_and_knows_the_worker_by_its_containers_name() -> None:
    made = recorded(parse_production())
    detail = json.loads(made.one("observability-worker").inputs["eventPattern"])["detail"]
    assert detail["group"] == [f"service:{made.one('service-service').inputs['name']}"]
    assert detail["clusterArn"][0].endswith(f":cluster/{made.one('cluster-cluster').inputs['name']}")
    containers = made.one("service-definition").inputs["containerDefinitions"]
    names = {one["name"]: one["essential"] for one in json.loads(containers)}
    assert [name for name, essential in names.items() if not essential] == detail["containers"]["name"]
