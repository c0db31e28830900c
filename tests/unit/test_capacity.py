"""The arithmetic that refuses what could only fail under load or in the middle of a rollout."""

import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.ingestion.worker import RELEASE_SECONDS
from app.settings import LINGER_SECONDS, Settings
from app.worker import pool_size
from components.local.programs import STOP_SECONDS
from components.local.slots import WORKER_SECONDS
from stacks import capacity
from stacks.capacity import POSTGRES_RESERVED, ConnectionBudget, ReleaseTimes, web_workers
from stacks.settings import PROJECT
from stacks.settings.local import LocalRolloutSettings
from stacks.settings.shared import AppSettings

pytestmark = pytest.mark.unit


def budget(
    *,
    max_connections: int = 5000,
    web: int = 4,
    workers: int = 0,
    jobs: int = 1,
    pool: int = 10,
    overflow: int = 20,
    replicas: int = 10,
    surge: int = 1,
) -> ConnectionBudget:
    return ConnectionBudget(
        max_connections=max_connections,
        web_processes=web,
        worker_processes=workers,
        worker_concurrency=jobs,
        pool_size=pool,
        max_overflow=overflow,
        replicas=replicas,
        surge=surge,
    )


def test_pools_are_per_process_so_ten_replicas_of_four_processes_hold_1200_connections() -> None:
    steady = budget()
    assert steady.peak - steady.fixed == 4 * 30 * 10 == 1200


def test_a_rollout_at_200_percent_doubles_them_to_2400() -> None:
    surging = budget(surge=2)
    assert surging.peak - surging.fixed == 2400


def application(**given: object) -> Settings:
    return Settings.model_validate({"database_url": "postgresql://rag:0123456789abcdef@127.0.0.1/rag"} | given)


@pytest.mark.parametrize("jobs", range(1, 17))
def test_a_worker_holds_what_its_own_code_opens_and_the_connection_that_listens_for_jobs(jobs: int) -> None:
    opened = pool_size(application(worker_concurrency=jobs)) + 1
    assert budget(workers=1, jobs=jobs).peak - budget().peak == 10 * opened
    assert budget(workers=1, jobs=jobs, surge=2).peak - budget(surge=2).peak == 20 * opened


def test_the_webs_pool_size_is_no_business_of_the_workers() -> None:
    assert {budget(workers=1, pool=pool).fixed for pool in (1, 10, 100)} == {10 * 3 + 3}


def test_a_workers_jobs_at_a_time_are_by_default_the_applications_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKER_CONCURRENCY", raising=False)
    assert AppSettings().worker_concurrency == application().worker_concurrency


@pytest.mark.parametrize(
    "text", ["1", "16", "17", "0", "-1", " 2 ", "3.0", "3.5", "1_0", "two", "true", "", "9" * 5000, "٣"]
)
def test_a_workers_jobs_at_a_time_are_read_as_the_application_reads_them(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_CONCURRENCY", text)
    try:
        theirs = application().worker_concurrency
    except ValidationError:
        with pytest.raises(ValidationError, match="the worker would not start"):
            AppSettings(environment={"WORKER_CONCURRENCY": text})
    else:
        assert AppSettings(environment={"WORKER_CONCURRENCY": text}).worker_concurrency == theirs


def test_the_migration_and_the_monitoring_have_their_places_too() -> None:
    assert budget().fixed == 1 + 2


def test_what_postgresql_keeps_for_its_superuser_is_not_ours() -> None:
    peak = budget().peak
    assert budget(max_connections=peak + POSTGRES_RESERVED).fits
    assert not budget(max_connections=peak + POSTGRES_RESERVED - 1).fits


small = st.integers(min_value=1, max_value=40)
budgets = st.builds(
    budget,
    max_connections=st.integers(10, 5000),
    web=small,
    workers=st.integers(0, 5),
    jobs=st.integers(1, 16),
    pool=small,
    overflow=st.integers(0, 40),
    replicas=st.integers(1, 20),
    surge=st.integers(1, 2),
)


def with_pool(original: ConnectionBudget, pool: int) -> ConnectionBudget:
    return budget(
        max_connections=original.max_connections,
        web=original.web_processes,
        workers=original.worker_processes,
        jobs=original.worker_concurrency,
        pool=pool,
        overflow=0,
        replicas=original.replicas,
        surge=original.surge,
    )


@given(budgets)
def test_the_largest_pool_fits_and_a_larger_one_does_not(original: ConnectionBudget) -> None:
    largest = original.largest_pool
    assert not with_pool(original, largest + 1).fits
    assert largest == 0 or with_pool(original, largest).fits


@given(budgets)
def test_a_budget_fits_exactly_when_its_pool_is_no_larger_than_the_largest(original: ConnectionBudget) -> None:
    assert original.fits == (original.pool_size + original.max_overflow <= original.largest_pool)


@given(budgets)
def test_the_explanation_carries_every_number_and_a_remedy(original: ConnectionBudget) -> None:
    explained = original.explain()
    assert f"{original.web_pools} web processes x ({original.pool_size} + {original.max_overflow})" in explained
    assert f"{original.workers} workers x (2 x {original.worker_concurrency} + 1 that listens)" in explained
    assert f"= {original.peak} connections" in explained
    assert f"leaves {original.available}" in explained
    remedy = f"that fits is {original.largest_pool}" if original.largest_pool else "no pool fits: raise max_connections"
    assert explained.endswith(remedy) or remedy in explained.split("; ")[-1]


def test_the_default_release_takes_less_than_15_minutes_and_a_failed_one_goes_back_in_less_than_5() -> None:
    times = LocalRolloutSettings().times
    assert times.rollout < 15 * 60
    assert times.rollback < 5 * 60


TIMES = ReleaseTimes(startup=60, drain=2, graceful=30)


def test_a_release_counts_from_the_end_of_its_migration_and_a_failed_one_counts_both_changes_of_the_worker() -> None:
    assert (TIMES.rollout, TIMES.rollback) == (60 + 21 + 35, 60 + 21 + 21 + 35)


@pytest.mark.parametrize(("drain", "graceful"), [(0, 1), (2, 30), (60, 120)])
def test_a_web_process_is_given_as_long_to_stop_as_gunicorn_itself_gives_it(
    drain: int, graceful: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://rag:0123456789abcdef@127.0.0.1/rag")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setenv("DRAIN_SECONDS", str(drain))
    monkeypatch.setenv("GRACEFUL_TIMEOUT_SECONDS", str(graceful))
    times = ReleaseTimes(startup=60, drain=drain, graceful=graceful)
    assert times.web_stop == runpy.run_path(str(PROJECT / "gunicorn_conf.py"))["graceful_timeout"]
    assert times.web_stop - drain - graceful == LINGER_SECONDS + capacity.EXIT_SECONDS


def test_a_worker_is_given_what_it_takes_to_stop_and_what_the_slots_wait_for_a_new_one() -> None:
    assert TIMES.worker_change == 2 * RELEASE_SECONDS + WORKER_SECONDS
    assert TIMES.web_stop < STOP_SECONDS


@pytest.mark.parametrize(("cpus", "workers"), [(1, 2), (2, 2), (3, 3), (4, 4), (64, 4)])
def test_one_web_process_for_each_processor_within_the_bounds(cpus: int, workers: int) -> None:
    assert web_workers(cpus=cpus, low=2, high=4) == workers
