"""What a stack on AWS may say of its database, and what it is told when RDS would refuse it halfway through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.aws.instance_classes import CLASSES, memory_of, smallest_class
from components.aws.windows import DAY, DAYS, WEEK, daily, require_apart, weekly
from stacks.capacity_aws import rds_max_connections
from stacks.settings import SettingsError
from tests.aws_settings import ACCOUNT, REGION, parse_aws, parse_production

pytestmark = pytest.mark.unit


def refusal(**database: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_aws(database=database)
    return str(caught.value)


def test_an_unknown_instance_class_is_an_error_that_says_how_to_choose() -> None:
    message = refusal(instance_class="db.m5.large")
    assert message.startswith("rag:database.instance_class: 'db.m5.large' is no instance class that is known here")
    assert "choose db.t4g.micro" in message


def test_storage_below_gp3s_least_and_a_limit_without_room_are_refused() -> None:
    assert refusal(storage_gb=19).startswith("rag:database.storage_gb:")
    assert "max_storage_gb 109 leaves storage_gb 100 no room" in refusal(storage_gb=100, max_storage_gb=109)
    assert parse_aws(database={"storage_gb": 100, "max_storage_gb": 110}).database.max_storage_gb == 110


@pytest.mark.parametrize("days", [0, 36])
def test_backups_are_never_off_and_rds_keeps_them_35_days_at_most(days: int) -> None:
    assert refusal(backup_days=days).startswith("rag:database.backup_days:")


def too_many_connections(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_aws(**{"replicas": {"min": 1, "max": 10}, **keys})
    return str(caught.value)


def test_a_database_too_small_for_the_pools_is_refused_with_the_numbers_the_key_and_the_smallest_class_that_fits() -> (
    None
):
    message = too_many_connections()
    assert "connection budget" in message
    assert "max_connections 112" in message
    assert "raise max_connections" not in message, "a stack on AWS has no such key"
    assert "set database.instance_class: db.t4g.medium" in message
    fitting = parse_aws(replicas={"min": 1, "max": 10}, database={"instance_class": "db.t4g.medium"})
    assert fitting.max_connections == 450
    assert "db.t4g.medium" in too_many_connections(database={"instance_class": "db.t4g.small"})


def test_where_no_class_holds_so_many_connections_the_message_says_that() -> None:
    message = too_many_connections(app={"web_processes": 2, "pool_size": 200, "max_overflow": 200})
    assert "no database.instance_class that is known here holds so many" in message


@given(like=st.sampled_from(sorted(CLASSES)), least=st.floats(0.5, 128))
def test_the_smallest_class_is_of_the_same_family_where_that_has_one_and_none_smaller_would_do(
    like: str, least: float
) -> None:
    found = smallest_class(like, lambda memory: memory >= least)
    assert found is not None
    assert CLASSES[found] >= least
    family = like.rsplit(".", 1)[0] + "."
    related = {name for name, memory in CLASSES.items() if name.startswith(family) and memory >= least}
    assert found.startswith(family) == bool(related)
    assert CLASSES[found] == min(CLASSES[name] for name in related or {n for n, m in CLASSES.items() if m >= least})
    assert smallest_class(like, lambda _: False) is None


def test_the_budget_leaves_what_rds_keeps_for_itself() -> None:
    settings = parse_aws()
    assert settings.connections_of(112).peak == 12 * 5 + 6 * 3 + 1 + 2 + 10


MEASURED = {"db.t4g.small": 181, "db.m7g.large": 832}
"""What RDS itself sets for a class (`SHOW max_connections`), as others have published it."""


@pytest.mark.parametrize("instance_class", MEASURED)
def test_what_the_server_is_told_is_at_most_a_quarter_above_what_rds_would_set_itself(instance_class: str) -> None:
    """RDS takes the memory that it leaves to the database, and not the class's, which the documented formula names."""
    ours = rds_max_connections(memory_of(instance_class))
    assert MEASURED[instance_class] < ours <= MEASURED[instance_class] * 1.25


@pytest.mark.parametrize("version", [16, 19, "seventeen"])
def test_a_major_version_that_was_not_tried_is_refused(version: object) -> None:
    assert refusal(major_version=version).startswith("rag:database.major_version:")


def test_the_major_version_is_17_until_the_stack_asks_for_the_next() -> None:
    assert parse_aws().database.major_version == 17
    assert parse_aws(database={"major_version": 18}).database.major_version == 18


def test_what_interrupts_the_service_waits_for_the_window_in_production_and_comes_at_once_in_dev() -> None:
    assert parse_production().database.apply_immediately_of("prod") is False
    assert parse_aws().database.apply_immediately_of("dev") is True
    assert parse_production(database={"apply_immediately": True}).database.apply_immediately_of("prod") is True
    assert parse_aws(database={"apply_immediately": False}).database.apply_immediately_of("dev") is False


@pytest.mark.parametrize("window", ["3:00-4:00", "03:00", "24:00-01:00", "sun:03:00-sun:04:00", "03:00-04:60", ""])
def test_a_backup_window_that_rds_cannot_read_is_refused_with_an_example(window: str) -> None:
    message = refusal(backup_window=window)
    assert message.startswith(f"rag:database.backup_window: {window!r} is no window of a day")
    assert "03:00-04:00" in message


@pytest.mark.parametrize("window", ["04:30-05:30", "Sun:04:30-Sun:05:30", "sun:04:30", "sun:4:30-sun:5:30", "x"])
def test_a_maintenance_window_that_rds_cannot_read_is_refused_with_an_example(window: str) -> None:
    message = refusal(maintenance_window=window)
    assert message.startswith(f"rag:database.maintenance_window: {window!r} is no window of a week")
    assert "sun:04:30-sun:05:30" in message


def test_windows_under_half_an_hour_are_refused() -> None:
    assert "lasts 29 minutes" in refusal(backup_window="03:00-03:29")
    assert "lasts 0 minutes" in refusal(maintenance_window="sun:04:30-sun:04:30")


@pytest.mark.parametrize(
    ("backup", "maintenance", "day"),
    [
        ("03:00-04:00", "tue:03:30-tue:05:00", "tue"),
        ("03:00-04:00", "mon:00:00-sun:23:59", "mon"),
        ("23:30-00:30", "mon:00:00-mon:00:30", "sun"),
        ("00:00-00:30", "sun:23:45-mon:00:15", "mon"),
    ],
)
def test_windows_that_meet_on_some_day_are_refused_also_across_midnight_and_the_weeks_end(
    backup: str, maintenance: str, day: str
) -> None:
    message = refusal(backup_window=backup, maintenance_window=maintenance)
    assert f"overlap on {day}" in message
    assert "move one of them" in message


@given(
    start=st.integers(0, DAY - 1),
    length=st.integers(30, DAY - 1),
    begin=st.integers(0, WEEK - 1),
    lasting=st.integers(30, DAY),
)
def test_windows_are_apart_exactly_when_no_minute_of_the_week_lies_in_both(
    start: int, length: int, begin: int, lasting: int
) -> None:
    def clock(minute: int) -> str:
        return f"{minute % DAY // 60:02}:{minute % 60:02}"

    def weekday(minute: int) -> str:
        return f"{DAYS[minute % WEEK // DAY]}:{clock(minute)}"

    backup = f"{clock(start)}-{clock(start + length)}"
    maintenance = f"{weekday(begin)}-{weekday(begin + lasting)}"
    assert (daily(backup), weekly(maintenance)) == ((start, length), (begin, lasting))
    minutes = {(begin + minute) % WEEK for minute in range(lasting)}
    both = minutes & {(day * DAY + start + minute) % WEEK for day in range(7) for minute in range(length)}
    if both:
        with pytest.raises(ValueError, match="overlap"):
            require_apart(backup, maintenance)
    else:
        require_apart(backup, maintenance)


@pytest.mark.parametrize(
    "snapshot",
    [
        "rag-prod-database-final-0a1b2c3d",
        "rds:rag-prod-database-2026-01-31-03-10",
        f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:shared",
        "awsbackup:job-0a1b2c3d",
    ],
)
def test_a_database_may_be_made_from_every_kind_of_snapshot(snapshot: str) -> None:
    assert parse_production(database={"restore_from": snapshot}).database.restore_from == snapshot


@pytest.mark.parametrize("snapshot", ["", "-x", "a--b", "a-", "1a", "2026-01-31T09:30:00Z", "arn:aws:s3:::bucket"])
def test_what_is_no_snapshot_is_refused_with_how_to_find_one(snapshot: str) -> None:
    message = refusal(restore_from=snapshot)
    assert message.startswith(f"rag:database.restore_from: {snapshot!r} is no snapshot of RDS")
    assert "aws rds describe-db-snapshots" in message


def test_a_snapshot_of_another_region_is_refused_because_rds_would_not_find_it() -> None:
    message = refusal(restore_from=f"arn:aws:rds:us-east-1:{ACCOUNT}:snapshot:theirs")
    assert f"database.restore_from lies in us-east-1, and the stack in {REGION}" in message
    assert "copy it there" in message
