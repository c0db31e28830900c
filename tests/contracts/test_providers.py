"""Dynamic providers: the state holds them by name and never their code, and always as a secret."""

import base64
import importlib
import sys

import dill  # pyright: ignore[reportMissingTypeStubs]  # why: it ships no types; Pulumi stores providers with it
import pytest
from pulumi.dynamic import CreateResult, ResourceProvider
from pulumi.dynamic.dynamic import (
    serialize_provider,  # pyright: ignore[reportUnknownVariableType]  # why: its parameter is untyped
)

from components.contracts import DeploymentError
from components.dynamic import plain_errors
from tests.contracts.cases import classes_below_components

pytestmark = pytest.mark.unit

PROVIDERS = [cls for cls in classes_below_components() if issubclass(cls, ResourceProvider)]
every_provider = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda cls: str(cls.__qualname__))


def stored(provider: type[ResourceProvider]) -> bytes:
    """What the state would hold of a provider."""
    return base64.b64decode(serialize_provider(provider()))


def test_there_are_providers_to_look_at() -> None:
    assert len(PROVIDERS) >= 9


@every_provider
def test_the_state_holds_a_provider_by_its_name_and_nothing_of_its_code(provider: type[ResourceProvider]) -> None:
    kept = stored(provider)
    assert provider.__module__.encode() in kept
    assert provider.__qualname__.encode() in kept
    assert len(kept) < 200, "a name is short; a class's code is not"


@every_provider
def test_a_correction_of_a_providers_code_is_no_change_of_the_state_and_is_what_runs_next(
    provider: type[ResourceProvider], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(provider)

    def corrected(_self: ResourceProvider, _props: dict[str, object]) -> CreateResult:
        return CreateResult(id_="corrected")

    monkeypatch.setattr(provider, "create", corrected)
    assert stored(provider) == before
    loaded = dill.loads(before)  # noqa: S301  # pyright: ignore[reportUnknownMemberType]  # why: our own bytes
    assert isinstance(loaded, provider)
    assert loaded.create({}).id == "corrected"


@every_provider
def test_a_provider_is_always_stored_as_a_secret(provider: type[ResourceProvider]) -> None:
    assert provider.serialize_as_secret_always is True
    assert "serialize_as_secret_always" not in vars(provider)


@every_provider
def test_a_provider_keeps_nothing_between_calls_so_that_nothing_can_be_captured(
    provider: type[ResourceProvider],
) -> None:
    assert vars(provider()) == {}
    assert provider.__init__ is ResourceProvider.__init__


@every_provider
def test_every_step_shows_an_error_for_people_without_its_frames(provider: type[ResourceProvider]) -> None:
    steps = {name: getattr(provider, name) for name in ("create", "read", "diff", "update", "delete", "check")}
    own = {name: step for name, step in steps.items() if step is not getattr(ResourceProvider, name)}
    assert "create" in own
    for name, step in own.items():
        assert hasattr(step, "__wrapped__"), f"{name} lacks @plain_errors"


@every_provider
def test_a_provider_lives_in_a_module_that_every_process_can_import(provider: type[ResourceProvider]) -> None:
    assert getattr(importlib.import_module(provider.__module__), provider.__qualname__) is provider


def test_a_deployment_error_loses_its_frames_and_keeps_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "tracebacklimit", 100, raising=False)

    @plain_errors
    def step() -> None:
        raise DeploymentError("the port is taken")

    with pytest.raises(DeploymentError, match="the port is taken"):
        step()
    assert sys.tracebacklimit == 0


def test_a_defect_keeps_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "tracebacklimit", 100, raising=False)

    @plain_errors
    def step() -> None:
        raise KeyError("port")

    with pytest.raises(KeyError):
        step()
    assert (sys.tracebacklimit or 0) >= 100


def test_a_defect_after_a_deployment_error_in_the_same_process_keeps_its_frames_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "tracebacklimit", 100, raising=False)

    @plain_errors
    def step(error: Exception) -> None:
        raise error

    with pytest.raises(DeploymentError):
        step(DeploymentError("the port is taken"))
    with pytest.raises(KeyError):
        step(KeyError("port"))
    assert (sys.tracebacklimit or 0) >= 100
