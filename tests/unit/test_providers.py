"""What the dynamic providers decide: what is a difference, and which release is the one to go back to."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic import DiffResult, ResourceProvider

from components.local import app_service, supervisor
from components.local.paths import LocalPaths
from components.local.process import ProcessSpec
from components.local.slots import Slots, Taken
from tests.contracts.cases import classes_below_components

pytestmark = pytest.mark.unit

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
PROVIDERS: dict[str, type[Any]] = {
    cls.__qualname__: cls for cls in classes_below_components() if issubclass(cls, ResourceProvider)
}
STATE: dict[str, Any] = {
    "keep": 5.0,
    "port": 8000.0,
    "max_connections": 100.0,
    "digest": A,
    "release": "/r",
    "programs": "/b",
    "environment": {},
    "web": {"command": [], "secrets": {}},
    "worker": {"command": [], "secrets": {}},
    "workers": 2.0,
    "ready": "/readyz",
    "health": "/health",
    "startup_seconds": 60.0,
    "most_web_processes": 4.0,
}


class Control:
    """A supervisord that runs and has nothing to do."""

    def __init__(self, _socket: Path) -> None:
        self.reloads = 0

    def running(self) -> bool:
        return True

    def reload(self) -> None:
        self.reloads += 1


def diff(provider: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
    result: DiffResult = PROVIDERS[provider]().diff("id", olds, news)
    return result


@pytest.mark.parametrize(
    "provider",
    [
        "_RegistryProvider",
        "_ReleaseProvider",
        "_SupervisorProvider",
        "_DatabaseProvider",
        "_SecretsProvider",
        "_ServiceProvider",
        "_ScaleProvider",
    ],
)
def test_a_state_folder_that_moved_is_a_difference_for_everything_that_lives_in_it(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "Supervisorctl", Control)
    roots = [tmp_path / "one", tmp_path / "two"]
    for root in roots:
        LocalPaths(root).release(A).mkdir(parents=True)
        LocalPaths(root).secrets.mkdir()
        (LocalPaths(root).secrets / "BOOTSTRAP_API_KEY").touch()
    assert diff(provider, STATE | {"root": str(roots[0])}, STATE | {"root": str(roots[1])}).changes


def test_a_release_that_the_registry_lost_is_published_again(tmp_path: Path) -> None:
    state = STATE | {"root": str(tmp_path)}
    assert diff("_ReleaseProvider", state, state).changes
    LocalPaths(tmp_path).release(A).mkdir(parents=True)
    assert not diff("_ReleaseProvider", state, state).changes


def test_only_another_digest_is_another_migration() -> None:
    state = STATE | {"root": "/r"}
    assert not diff("_MigrationProvider", state, state | {"environment": {"LOG_LEVEL": "DEBUG"}, "root": "/x"}).changes
    changed = diff("_MigrationProvider", state, state | {"digest": B})
    assert (changed.changes, changed.replaces) == (True, ["digest"])


def test_a_migration_is_never_run_by_a_destroy() -> None:
    assert "delete" not in vars(PROVIDERS["_MigrationProvider"])
    assert "read" not in vars(PROVIDERS["_MigrationProvider"])


def test_a_refresh_never_runs_anything() -> None:
    assert [name for name, cls in PROVIDERS.items() if "read" in vars(cls)] == []


class Service:
    """The service's provider with slots that decide as the test says."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._broken = set[str]()
        self._serving = ""
        self._state: dict[str, Any] | None = None
        self.asked: int | None = None
        self.scales_at_start: list[int | None] = []
        self._root = str(root)
        slots: Callable[[LocalPaths], Service] = lambda _paths: self  # noqa: E731  # why: a typed stand-in
        monkeypatch.setattr(app_service, "Supervisorctl", Control)
        monkeypatch.setattr(app_service, "Slots", slots)

    def take_over(self, web: ProcessSpec, _worker: ProcessSpec, *, ready: str, health: str, seconds: int) -> Taken:
        assert (ready, health, seconds) == ("/readyz", "/health", 60)
        self.scales_at_start.append(self.asked)
        if web.digest in self._broken:
            return Taken(serving=self._serving, evidence="broken")
        self._serving = web.digest
        return Taken(serving=web.digest, evidence="")

    def scaled_to(self) -> int | None:
        return self.asked

    def scale(self, workers: int) -> None:
        self.asked = workers

    def deploy(self, digest: str, *, broken: bool = False, most: float = 4.0) -> tuple[str, str]:
        """Deploys; returns what serves and what the stack calls the release before."""
        self._broken = {digest} if broken else set[str]()
        provider, news = (
            PROVIDERS["_ServiceProvider"](),
            STATE | {"root": self._root, "digest": digest, "most_web_processes": most},
        )
        done = provider.create(news) if self._state is None else provider.update("service", self._state, news)
        state: dict[str, Any] = done.outs
        self._state = state
        return state["serving"], state["previous"]


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(tmp_path, monkeypatch)


def test_the_release_before_is_the_one_that_served_before(service: Service) -> None:
    assert service.deploy(A) == (A, "")
    assert service.deploy(B) == (B, A)
    assert service.deploy(C) == (C, B)


def test_the_same_release_again_does_not_become_its_own_predecessor(service: Service) -> None:
    service.deploy(A)
    service.deploy(B)
    assert service.deploy(B) == (B, A)


def test_a_release_that_failed_does_not_make_the_serving_one_its_own_predecessor(service: Service) -> None:
    service.deploy(A)
    service.deploy(B)
    assert service.deploy(C, broken=True) == (B, A)
    assert service.deploy(B) == (B, A)


def test_a_release_that_failed_and_then_succeeds_goes_back_to_the_one_that_served(service: Service) -> None:
    service.deploy(A)
    service.deploy(B, broken=True)
    assert service.deploy(B) == (B, A)


def test_after_a_rollback_one_can_go_forward_again(service: Service) -> None:
    service.deploy(A)
    service.deploy(B)
    assert service.deploy(A) == (A, B)


@pytest.mark.parametrize(("asked", "started"), [(8, 2), (3, 2), (2, 2), (1, 1), (None, None)])
def test_a_scale_above_a_bound_that_was_lowered_is_brought_down_before_the_next_generation_starts(
    service: Service, asked: int | None, started: int | None
) -> None:
    service.deploy(A, most=8.0)
    service.asked = asked
    service.deploy(B, most=2.0)
    assert service.scales_at_start[-1] == started


def test_another_bound_of_the_web_processes_alone_restarts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = STATE | {"root": str(tmp_path)}
    running = ProcessSpec.of(state, "web")

    def runs(_slots: Slots) -> ProcessSpec:
        return running

    monkeypatch.setattr(Slots, "serving", runs)
    monkeypatch.setattr(Slots, "worker", runs)
    assert not diff("_ServiceProvider", state, state | {"most_web_processes": 2.0}).changes
    assert diff("_ServiceProvider", state, state | {"environment": {"LOG_LEVEL": "DEBUG"}}).changes
