"""The platform and the application agree: what one sets, the other reads, and nothing needed is left out."""

import importlib.util
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import annotated_types
import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.http import health
from app.settings import API_KEY_PATTERN, Settings
from app.tenancy.keys import generate_key, public_part
from components.local.programs import STOP_SECONDS
from components.local.secrets import new_api_key
from components.workload import (
    BOOTSTRAP_API_KEY,
    DATABASE_URL,
    MANAGED_ENVIRONMENT,
    MIGRATE,
    OPERATOR_ENVIRONMENT,
    WEB,
    WORKER,
    Probes,
    Process,
)
from stacks.local import local_workload
from stacks.settings import LocalSettings
from stacks.settings.local import LocalAppSettings, LocalMachine, ProcessBounds
from stacks.settings.shared import RolloutSettings
from tests.parsing import parse_local

pytestmark = pytest.mark.unit

DIGEST = "sha256:" + "a" * 64
PROCESSES = (WEB, WORKER, MIGRATE)
READ = Settings.environment_names()


@pytest.fixture(scope="module")
def settings() -> LocalSettings:
    return parse_local({})


def environment(settings: LocalSettings) -> dict[str, str]:
    return local_workload(settings).environment_for(DIGEST)


def test_every_variable_that_the_platform_sets_is_one_that_the_application_reads(settings: LocalSettings) -> None:
    secrets = {name for process in PROCESSES for name in process.secrets}
    assert set(environment(settings)) | secrets <= set(READ)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: cast(Process, process).name)
def test_nothing_that_a_process_cannot_run_without_is_left_out(process: Process, settings: LocalSettings) -> None:
    required = {name for name, variable in READ.items() if variable.required}
    assert required <= set(environment(settings)) | process.secrets


def test_a_secret_is_never_among_the_plain_variables(settings: LocalSettings) -> None:
    secret = {name for name, variable in READ.items() if variable.secret}
    assert secret == {DATABASE_URL, BOOTSTRAP_API_KEY}
    assert not secret & set(environment(settings))
    assert not secret & OPERATOR_ENVIRONMENT


def test_only_the_migration_may_read_the_key_that_it_stores() -> None:
    assert [process.name for process in PROCESSES if BOOTSTRAP_API_KEY in process.secrets] == ["migrate"]


def test_every_name_that_the_application_reads_is_either_the_platforms_or_the_operators() -> None:
    assert set(MANAGED_ENVIRONMENT) | OPERATOR_ENVIRONMENT == set(READ)
    assert not set(MANAGED_ENVIRONMENT) & OPERATOR_ENVIRONMENT


def test_what_the_platform_sets_are_names_that_an_operator_cannot_take(settings: LocalSettings) -> None:
    assert set(environment(settings)) <= set(MANAGED_ENVIRONMENT)


def test_what_operators_set_reaches_the_processes_and_wins_over_nothing_of_the_platforms() -> None:
    settings = parse_local({"app": {"environment": {"LOG_LEVEL": "DEBUG", "CHUNK_SIZE": "500"}}})
    plain = parse_local({})
    assert environment(settings) == environment(plain) | {"LOG_LEVEL": "DEBUG", "CHUNK_SIZE": "500"}


def test_the_applications_own_settings_accept_the_environment_and_mean_the_same(
    settings: LocalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in READ:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(DATABASE_URL, "postgresql://rag:0123456789abcdef@127.0.0.1:54330/rag")
    monkeypatch.setenv(BOOTSTRAP_API_KEY, new_api_key())
    read = Settings.model_validate({})
    assert (read.app_release, read.app_env, read.api_host) == (DIGEST, "dev", "127.0.0.1")
    assert (read.api_port, read.api_workers) == (settings.local.port, settings.app.web_processes.min)
    assert (read.db_pool_size, read.db_max_overflow) == (settings.app.pool_size, settings.app.max_overflow)
    assert read.drain_seconds == settings.rollout.drain_seconds
    assert read.graceful_timeout_seconds == settings.rollout.graceful_seconds


def bounds(model: type[BaseModel], field: str) -> Iterator[tuple[str, float]]:
    info: FieldInfo = model.model_fields[field]
    for rule in info.metadata:
        if isinstance(rule, annotated_types.Ge):
            yield "ge", float(str(rule.ge))
        if isinstance(rule, annotated_types.Le):
            yield "le", float(str(rule.le))


@pytest.mark.parametrize(
    ("model", "key", "variable"),
    [
        (RolloutSettings, "drain_seconds", "drain_seconds"),
        (RolloutSettings, "graceful_seconds", "graceful_timeout_seconds"),
        (LocalAppSettings, "pool_size", "db_pool_size"),
        (LocalAppSettings, "max_overflow", "db_max_overflow"),
        (ProcessBounds, "min", "api_workers"),
        (ProcessBounds, "max", "api_workers"),
        (LocalMachine, "port", "api_port"),
    ],
)
def test_no_stack_can_choose_a_value_that_the_application_would_refuse_when_it_starts(
    model: type[BaseModel], key: str, variable: str
) -> None:
    ours, theirs = dict(bounds(model, key)), dict(bounds(Settings, variable))
    assert ours["ge"] >= theirs["ge"]
    assert ours["le"] <= theirs["le"]


def test_the_process_manager_never_kills_before_gunicorn_itself_would_at_the_slowest_drain_of_all(
    settings: LocalSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slowest = {name: dict(bounds(Settings, name))["le"] for name in ("drain_seconds", "graceful_timeout_seconds")}
    values = environment(settings) | {name.upper(): f"{value:.0f}" for name, value in slowest.items()}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(DATABASE_URL, "postgresql://rag:0123456789abcdef@127.0.0.1:54330/rag")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    configuration = runpy.run_path(str(settings.project / "gunicorn_conf.py"))
    assert sum(slowest.values()) < configuration["graceful_timeout"] < STOP_SECONDS


@pytest.mark.parametrize("path", [Probes().health, Probes().live, Probes().ready])
def test_every_probe_is_a_path_that_the_application_offers(path: str) -> None:
    assert path in {route.path for route in health.router.routes if isinstance(route, APIRoute)}


def test_the_commands_of_the_processes_name_things_that_exist(settings: LocalSettings) -> None:
    assert WEB.command == ("gunicorn", "--config", "gunicorn_conf.py", "app.main:app")
    assert (settings.project / WEB.command[2]).is_file()
    for process in (WORKER, MIGRATE):
        assert process.command[:2] == ("python", "-m")
        assert importlib.util.find_spec(process.command[2]) is not None


def test_a_key_that_the_platform_makes_is_one_that_the_application_accepts() -> None:
    for key in (new_api_key() for _ in range(200)):
        assert API_KEY_PATTERN.fullmatch(key)
        assert public_part(key) == key[4:12]
        assert len(key) == len(generate_key())


def test_no_two_keys_are_alike() -> None:
    assert len({new_api_key() for _ in range(200)}) == 200
