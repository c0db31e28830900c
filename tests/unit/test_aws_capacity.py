"""AWS's arithmetic: the connections of an RDS instance, the memory of a task, the times of a release on ECS."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.aws.alarms import seconds_to_judge
from components.aws.instance_classes import CLASSES, memory_of
from components.aws.task import TaskSize
from stacks.capacity import ContainerTimes
from stacks.capacity_aws import (
    ASK_SECONDS,
    FARGATE_START_SECONDS,
    FEWEST_FAILED_TASKS,
    HEALTH_INTERVAL_SECONDS,
    HEALTHY_THRESHOLD,
    MOST_FAILED_TASKS,
    SHIFT_SECONDS,
    EcsTimes,
    failed_tasks,
    migration_seconds,
    rds_max_connections,
    task_memory,
)
from tests.aws_settings import parse_aws, parse_production

pytestmark = pytest.mark.unit


def times(*, fewest: int = 2, shifts: int = 0, bake: int = 0, startup: int = 30, drain: int = 30) -> EcsTimes:
    shared = ContainerTimes(startup=startup, drain=drain, graceful=30, batches=1)
    return EcsTimes(shared=shared, fewest=fewest, shifts=shifts, bake=bake, ring=seconds_to_judge(startup))


def test_a_db_t3_medium_holds_about_450_connections_and_not_87() -> None:
    assert rds_max_connections(memory_of("db.t3.medium")) == 4 * 2**30 // 9531392 == 450


def test_the_largest_servers_stop_at_rdss_own_limit() -> None:
    assert rds_max_connections(32) < 5000
    assert rds_max_connections(memory_of("db.r7g.4xlarge")) == 5000


def test_more_memory_never_holds_fewer_connections() -> None:
    by_memory = sorted((memory, rds_max_connections(memory)) for memory in set(CLASSES.values()))
    assert by_memory == sorted(by_memory, key=lambda pair: (pair[1], pair[0]))


@pytest.mark.parametrize(
    ("desired", "failed"), [(1, 3), (2, 3), (6, 3), (7, 4), (10, 5), (25, 13), (400, 200), (1000, 200)]
)
def test_the_circuit_breaker_waits_for_half_of_the_tasks_but_for_three_at_least(desired: int, failed: int) -> None:
    assert failed_tasks(desired) == failed


@given(st.integers(min_value=1, max_value=5000))
def test_the_circuit_breaker_stays_within_its_bounds(desired: int) -> None:
    assert FEWEST_FAILED_TASKS <= failed_tasks(desired) <= MOST_FAILED_TASKS


@pytest.mark.parametrize(("fewest", "rounds"), [(1, 3), (2, 2), (3, 1), (10, 1)])
def test_one_task_alone_fails_three_times_in_a_row_and_three_fail_at_once(fewest: int, rounds: int) -> None:
    assert times(fewest=fewest).rounds == rounds


def test_a_release_that_never_gets_healthy_costs_every_round_its_whole_start_up() -> None:
    one, three = times(fewest=1), times(fewest=3)
    assert one.given_up - three.given_up == 2 * one.fail
    assert times(fewest=1, startup=31).given_up - one.given_up == 3


def test_two_good_answers_put_a_task_to_work() -> None:
    assert HEALTH_INTERVAL_SECONDS * HEALTHY_THRESHOLD == 10
    assert times(startup=30).start == FARGATE_START_SECONDS + 30 + 10


def test_a_task_fails_no_sooner_than_either_of_its_checks_can_tell() -> None:
    assert times(startup=1).fail == FARGATE_START_SECONDS + 30
    assert times(startup=30).fail == FARGATE_START_SECONDS + 30 + 15


@pytest.mark.parametrize("startup", [1, 30, 60, 61, 200])
def test_a_rolling_release_is_watched_for_as_long_as_its_alarms_take_to_ring(startup: int) -> None:
    assert times(startup=startup).watch == seconds_to_judge(startup)


@pytest.mark.parametrize("shifts", [0, 1, 2])
def test_a_migration_has_its_own_time_which_no_release_is_promised_within(shifts: int) -> None:
    """Its data decides how long it takes, and the release before serves meanwhile."""
    assert migration_seconds(300) == FARGATE_START_SECONDS + 300
    assert parse_production(rollout={"migration_seconds": 3600}).times == parse_production().times
    released = times(shifts=shifts, bake=300)
    assert released.rollout == released.start + released.watch + released.deregistration + released.stop + ASK_SECONDS


def test_each_part_of_a_release_counts_once_on_its_way_to_users() -> None:
    before = times(shifts=1, bake=120)
    assert times(shifts=1, bake=121).rollout - before.rollout == 1
    assert times(shifts=2, bake=120).rollout - before.rollout == before.watch
    assert times(shifts=1, bake=120, drain=31).rollout - before.rollout == 1
    assert times(shifts=1, bake=120, startup=31).rollout - before.rollout == 1


def test_after_a_rolling_release_the_way_back_starts_the_old_tasks_again_and_otherwise_they_wait() -> None:
    assert times(shifts=0).called_back > times(shifts=1, bake=120).called_back


def test_the_way_back_from_an_alarm_is_counted_from_its_ringing_on() -> None:
    """Until then nobody knows that the release is bad; how long that takes is what it is watched for."""
    rolling, shifted = times(shifts=0), times(shifts=2, bake=300)
    assert rolling.called_back == rolling.start + rolling.deregistration + rolling.stop
    assert shifted.called_back == SHIFT_SECONDS + shifted.deregistration + shifted.stop


def test_the_way_back_is_the_slower_of_the_two() -> None:
    slow_start, quick_start = times(fewest=1, startup=60), times(fewest=3, startup=1)
    assert slow_start.rollback == slow_start.given_up > slow_start.called_back
    assert quick_start.rollback == quick_start.called_back > quick_start.given_up


@pytest.mark.parametrize("strategy", ["rolling", "canary", "blue-green"])
def test_the_defaults_release_within_15_minutes_and_go_back_within_5(strategy: str) -> None:
    for settings in (parse_aws(rollout={"strategy": strategy}), parse_production(rollout={"strategy": strategy})):
        assert settings.times.rollout <= 900
        assert settings.times.rollback <= 300


def test_the_hungrier_of_a_tasks_two_containers_decides_its_memory() -> None:
    assert task_memory(web_processes=2, worker_concurrency=1, parse=512) == 2 * (256 + 512)
    assert task_memory(web_processes=2, worker_concurrency=2, parse=512) == 2 * (256 + 1024)
    assert task_memory(web_processes=8, worker_concurrency=1, parse=512) == 2 * 8 * 256


def test_a_tasks_halves_are_what_its_containers_are_given() -> None:
    size = TaskSize(cpu=512, memory=2048)
    assert size.web[1] == size.worker[1] == 1024


def test_an_unknown_class_is_an_error_that_says_how_to_choose() -> None:
    with pytest.raises(ValueError, match=re.escape("'db.x9.huge' is no instance class that is known here")) as caught:
        memory_of("db.x9.huge")
    for words in ("how many connections it holds", "db.t4g.micro", "db.m7g.large", "db.r7g.large"):
        assert words in str(caught.value)
