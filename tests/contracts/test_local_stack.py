"""The whole local stack against the strict recorder: the nine steps, and what waits for what."""

import os

import pytest

from stacks import compose as compose_any
from stacks.local import compose
from stacks.settings import LocalSettings
from tests.contracts.recorder import SECRET, SIGNATURE, Recording, record
from tests.contracts.steps import called_in_order
from tests.parsing import parse_local

pytestmark = pytest.mark.unit

STEPS = (
    "Registry",
    "Release",
    "Supervisor",
    "Database",
    "Secrets",
    "Migration",
    "AppService",
    "Autoscaler",
    "RolloutCheck",
)
OUTPUTS = {"url", "release", "previous_release", "migration", "evidence", "api_key_file", "rollback"}


def settings(**keys: object) -> LocalSettings:
    return parse_local(keys)


def recorded(chosen: LocalSettings, *, preview: bool = False) -> Recording:
    return record(lambda: compose(chosen), preview=preview)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return recorded(settings())


def test_a_reader_meets_the_nine_steps_in_their_order() -> None:
    assert called_in_order(compose, STEPS) == list(STEPS)


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("profile", ["dev", "prod"])
def test_the_stack_composes_with_known_and_with_unknown_values(profile: str, preview: bool) -> None:
    made = recorded(settings(profile=profile), preview=preview)
    assert {component.type.rsplit(":", 1)[-1] for component in made.components()} == set(STEPS)
    assert len(made.resources) == 2 * len(STEPS)
    assert sorted(made.outputs) == sorted(component.urn for component in made.components())


@pytest.mark.parametrize("preview", [False, True])
def test_nothing_is_printed_while_the_stack_composes(preview: bool, capfd: pytest.CaptureFixture[str]) -> None:
    recorded(settings(), preview=preview)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_the_outputs_are_those_that_people_and_tools_ask_for() -> None:
    found: list[set[str]] = []
    record(lambda: found.append(set(compose_any(settings()))))
    assert found == [OUTPUTS]


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("release-build", {"registry-folder"}),
        ("database-server", {"supervisor-daemon"}),
        ("secrets-api-key", {"supervisor-daemon"}),
        ("migration-task", {"database-server", "release-build", "secrets-api-key"}),
        ("service-processes", {"migration-task", "database-server", "release-build", "supervisor-daemon"}),
        ("autoscaler-scale", {"service-processes"}),
        ("rollout-check", {"service-processes", "migration-task", "release-build"}),
    ],
)
def test_each_step_waits_for_those_that_it_needs(recording: Recording, later: str, earlier: set[str]) -> None:
    assert earlier <= recording.needed_by(later)


def test_the_database_needs_no_release_so_a_broken_one_cannot_touch_it(recording: Recording) -> None:
    assert recording.needed_by("database-server").isdisjoint({"release-build", "migration-task"})


def test_nothing_needs_a_later_step(recording: Recording) -> None:
    assert recording.needed_by("registry-folder") <= {"registry"}
    assert recording.needed_by("migration-task").isdisjoint({"service-processes", "rollout-check"})


def test_no_value_of_a_secret_stands_anywhere_only_where_it_is_kept(recording: Recording) -> None:
    texts = {text for resource in recording.resources for text in resource.plain_texts} | recording.plain_outputs
    assert not {text for text in texts if "://" in text and not text.startswith("http://127.0.0.1:")}
    assert not {text for text in texts if text.startswith("rag_")}
    assert recording.one("service-processes").inputs["web"]["secrets"] == {"DATABASE_URL": "<database-server.url_file>"}


def test_each_process_is_handed_its_own_secrets_and_no_others(recording: Recording) -> None:
    service, task = recording.one("service-processes").inputs, recording.one("migration-task").inputs
    assert set(service["web"]["secrets"]) == {"DATABASE_URL"}
    assert set(service["worker"]["secrets"]) == {"DATABASE_URL"}
    assert set(task["migrate"]["secrets"]) == {"DATABASE_URL", "BOOTSTRAP_API_KEY"}


def test_every_provider_is_stored_as_a_secret(recording: Recording) -> None:
    for resource in recording.resources:
        if resource.custom:
            assert resource.inputs["__provider"][SIGNATURE] == SECRET


@pytest.mark.parametrize(
    ("keys", "protected"),
    [
        ({"profile": "dev"}, set[str]()),
        ({"profile": "prod"}, {"database-server"}),
        ({"profile": "dev", "database": {"protect": True}}, {"database-server"}),
        ({"profile": "prod", "database": {"protect": False}}, set[str]()),
    ],
)
def test_the_data_and_nothing_else_is_protected_by_one_knob(keys: dict[str, object], protected: set[str]) -> None:
    made = recorded(settings(**keys))
    assert {resource.name for resource in made.resources if resource.protect} == protected


def test_web_processes_follow_the_processors_of_this_container_and_not_those_of_its_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def one(_process: int) -> set[int]:
        return {0}

    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", one, raising=False)
    made = recorded(settings(app={"web_processes": {"min": 1, "max": 4}}))
    assert made.one("autoscaler-scale").inputs["workers"] == 1


def test_the_service_is_held_to_the_web_processes_that_the_connection_budget_counts() -> None:
    chosen = settings(app={"web_processes": {"min": 1, "max": 3}})
    assert recorded(chosen).one("service-processes").inputs["most_web_processes"] == chosen.connections.web_processes


def test_a_rollback_deploys_the_digest_that_was_asked_for_and_not_this_checkout() -> None:
    digest = "sha256:" + "d" * 64
    made = recorded(settings(release={"digest": digest}))
    build = made.one("release-build").inputs
    assert (build["digest"], build["source"]) == (digest, "")
    for name in ("migration-task", "service-processes", "rollout-check"):
        assert made.one(name).inputs["digest"] == digest


def test_one_digest_names_the_release_in_every_step(recording: Recording) -> None:
    digest = recording.one("release-build").inputs["digest"]
    for name in ("migration-task", "service-processes"):
        inputs = recording.one(name).inputs
        assert inputs["digest"] == digest
        assert inputs["environment"]["APP_RELEASE"] == digest
    assert recording.one("rollout-check").inputs["digest"] == digest
