"""The alarms as data: which judge a release, what a silent service means, and from what on they ring."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from components.aws.alarms import FEWEST_REQUESTS, GIB, Alarm, Limits, alarms
from stacks.capacity import ContainerTimes
from stacks.capacity_aws import EcsTimes

pytestmark = pytest.mark.unit

LIMITS = Limits(latency_seconds=5, startup_seconds=30, max_connections=900, storage_gb=50, two_groups=False)
BOTH = replace(LIMITS, two_groups=True)
Values = Mapping[str, float | None]
"""What the metrics of an alarm say in each of its periods; None where CloudWatch has no number."""


def one(key: str, limits: Limits = LIMITS) -> Alarm:
    (found,) = [alarm for alarm in alarms(limits) if alarm.key == key]
    return found


def result(alarm: Alarm, values: Values) -> float | None:
    """An alarm's number, as CloudWatch calculates: what has no value has no result, unless it is filled or summed."""
    assert set(values) == set(alarm.metrics)
    if alarm.expression is None:
        return next(iter(values.values()))

    def choose(condition: bool, yes: float, no: float) -> float:
        return yes if condition else no

    def fill(value: float | None, other: float) -> float:
        return other if value is None else value

    def total(listed: list[float | None]) -> float | None:
        there = [value for value in listed if value is not None]
        return sum(there) if there else None

    names = {"IF": choose, "FILL": fill, "SUM": total, **values}
    try:
        return eval(alarm.expression, {"__builtins__": {}}, names)  # noqa: S307  # why: our own text
    except (TypeError, ZeroDivisionError):
        return None


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
    assert rings(one("errors"), {"requests": requests, "errors": errors}) is ring


@pytest.mark.parametrize(("requests", "latency", "ring"), [(100, 5.1, True), (100, 5.0, False), (99, 60, False)])
def test_a_slow_hundredth_rings_and_one_slow_upload_at_night_does_not(
    requests: float, latency: float, ring: bool
) -> None:
    assert rings(one("latency"), {"requests": requests, "latency": latency}) is ring


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
def test_errors_latency_and_unhealthy_tasks_of_any_group_judge_a_release_and_nothing_else_does(
    limits: Limits, groups: set[str]
) -> None:
    judges = {alarm.key for alarm in alarms(limits) if alarm.judges}
    assert judges == {"errors", "latency", *(f"unhealthy-{group}" for group in groups)}


def test_the_databases_alarms_never_take_a_release_back() -> None:
    assert not [alarm for alarm in alarms(BOTH) if alarm.judges and "database" in alarm.key]


@pytest.mark.parametrize("startup", [1, 30, 60, 61, 120, 300])
def test_a_task_that_is_starting_up_in_its_time_takes_no_release_back_and_a_bad_one_does_in_the_promised_time(
    startup: int,
) -> None:
    limits = replace(LIMITS, startup_seconds=startup)
    assert one("unhealthy-primary", limits).seconds > startup
    shared = ContainerTimes(startup=startup, drain=30, graceful=30, migration=300, batches=1)
    promised = EcsTimes(shared=shared, fewest=2, shifts=0, bake=0).alarm
    assert all(alarm.seconds <= promised for alarm in alarms(limits) if alarm.judges)


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
    assert result(one("errors"), {"requests": 1000, "errors": None}) == 0
