"""The alarms as data: which judge a release, what a silent service means, and from what on they ring."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from components.aws.alarms import (
    FEWEST_REQUESTS,
    GIB,
    JUDGED_PERIODS,
    LATE_SECONDS,
    MINUTE,
    Alarm,
    Limits,
    alarms,
    seconds_to_judge,
)
from tests.aws.metric_math import calculated

pytestmark = pytest.mark.unit

LIMITS = Limits(latency_seconds=5, startup_seconds=30, max_connections=900, storage_gb=50, two_groups=False)
BOTH = replace(LIMITS, two_groups=True)
Values = Mapping[str, float | None]
"""What the metrics of an alarm say in each of its periods; None where CloudWatch has no number."""


def one(key: str, limits: Limits = LIMITS) -> Alarm:
    (found,) = [alarm for alarm in alarms(limits) if alarm.key == key]
    return found


def result(alarm: Alarm, values: Values) -> float | None:
    """An alarm's number, as CloudWatch calculates."""
    assert set(values) == set(alarm.metrics)
    if alarm.expression is None:
        return next(iter(values.values()))
    return calculated(alarm.expression, values)


def rings(alarm: Alarm, values: Values) -> bool:
    """Whether an alarm rings when all of its periods look like this."""
    value = result(alarm, values)
    if value is None:
        return alarm.missing == "breaching"
    return {
        "GreaterThanThreshold": value > alarm.threshold,
        "GreaterThanOrEqualToThreshold": value >= alarm.threshold,
        "LessThanThreshold": value < alarm.threshold,
    }[alarm.comparison]


@pytest.mark.parametrize("limits", [LIMITS, BOTH], ids=["one group", "two groups"])
def test_a_service_that_nobody_uses_at_night_wakes_nobody(limits: Limits) -> None:
    """Tasks and database report; requests, errors and latencies have no number at all."""
    idle: Mapping[str, float] = {"primary": 2, "unhealthy": 0, "cpu": 3, "free": 50 * GIB, "connections": 12}
    for alarm in alarms(limits):
        assert not rings(alarm, {name: idle.get(name) for name in alarm.metrics}), alarm.key


@pytest.mark.parametrize(
    ("requests", "errors", "ring"),
    [(1000, 11, True), (1000, 10, False), (1000, None, False), (FEWEST_REQUESTS - 1, 19, False), (100, 2, True)],
)
def test_more_than_one_percent_of_errors_ring_once_there_are_enough_requests_to_say_so(
    requests: float, errors: float | None, ring: bool
) -> None:
    assert rings(one("errors-primary"), {"requests": requests, "errors": errors}) is ring


@pytest.mark.parametrize(("requests", "latency", "ring"), [(100, 5.1, True), (100, 5.0, False), (99, 60, False)])
def test_a_slow_hundredth_rings_and_one_slow_upload_at_night_does_not(
    requests: float, latency: float, ring: bool
) -> None:
    assert rings(one("latency-primary"), {"requests": requests, "latency": latency}) is ring


def test_a_service_without_a_single_task_rings_though_cloudwatch_has_no_number_for_it() -> None:
    assert rings(one("no-healthy-task"), {"primary": None})
    assert rings(one("no-healthy-task"), {"primary": 0})
    assert not rings(one("no-healthy-task"), {"primary": 1})


@pytest.mark.parametrize(
    ("primary", "alternate", "ring"),
    [(None, 2, False), (2, None, False), (0, 2, False), (0, 0, True), (None, None, True)],
)
def test_tasks_of_either_group_keep_the_service_up(primary: float | None, alternate: float | None, ring: bool) -> None:
    assert rings(one("no-healthy-task", BOTH), {"primary": primary, "alternate": alternate}) is ring


@pytest.mark.parametrize(("limits", "groups"), [(LIMITS, {"primary"}), (BOTH, {"primary", "alternate"})])
def test_errors_latency_and_unhealthy_tasks_of_each_group_judge_a_release_and_nothing_else_does(
    limits: Limits, groups: set[str]
) -> None:
    judges = [alarm for alarm in alarms(limits) if alarm.judges]
    assert {alarm.key for alarm in judges} == {
        f"{what}-{group}" for what in ("errors", "latency", "unhealthy") for group in groups
    }
    for alarm in judges:
        assert {metric.of for metric in alarm.metrics.values()} == {alarm.key.rsplit("-", 1)[-1]}


def test_a_canary_whose_every_twentieth_request_fails_rings_though_that_is_few_of_all_requests() -> None:
    """A tenth of 10,000 requests a minute, of which 5 % fail: half a per cent of all."""
    everyone, canary = {"requests": 10_000, "errors": 50}, {"requests": 1000, "errors": 50}
    assert not rings(one("errors-primary", BOTH), everyone), "so a number of all requests would let it pass"
    assert rings(one("errors-alternate", BOTH), canary)


def test_the_databases_alarms_never_take_a_release_back() -> None:
    assert not [alarm for alarm in alarms(BOTH) if alarm.judges and "database" in alarm.key]


@pytest.mark.parametrize("startup", [1, 30, 60, 61, 120, 300])
@pytest.mark.parametrize("two_groups", [False, True])
def test_a_task_that_is_starting_up_in_its_time_takes_no_release_back_and_a_bad_one_does_in_the_time_that_is_counted(
    startup: int, two_groups: bool
) -> None:
    limits = replace(LIMITS, startup_seconds=startup, two_groups=two_groups)
    unhealthy = one("unhealthy-primary", limits)
    assert unhealthy.period * unhealthy.periods > startup
    assert max(alarm.seconds for alarm in alarms(limits) if alarm.judges) == seconds_to_judge(startup)


def test_an_alarm_rings_later_than_its_periods_by_the_one_under_way_and_what_cloudwatch_is_late_by() -> None:
    judge = one("errors-primary")
    assert judge.periods == JUDGED_PERIODS
    assert judge.seconds == (judge.periods + 1) * MINUTE + LATE_SECONDS == 300


@pytest.mark.parametrize(("storage", "gib"), [(20, 2), (10, 2), (50, 5), (200, 20)])
def test_a_disk_rings_at_a_tenth_or_two_gib(storage: int, gib: float) -> None:
    alarm = one("database-storage", replace(LIMITS, storage_gb=storage))
    assert rings(alarm, {"free": gib * GIB - 1})
    assert not rings(alarm, {"free": gib * GIB})


def test_connections_ring_above_four_fifths_of_what_the_server_takes() -> None:
    alarm = one("database-connections", replace(LIMITS, max_connections=900))
    assert not rings(alarm, {"connections": 720})
    assert rings(alarm, {"connections": 721})


def test_without_an_error_the_share_is_a_number_and_the_chart_has_no_hole() -> None:
    assert result(one("errors-primary"), {"requests": 1000, "errors": None}) == 0
