"""What a run of the engine did, read from its event log rather than from its words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.engine.doubles.wire import Json

UNCHANGED = frozenset({"same", "read", "refresh"})


class EngineFailureError(AssertionError):
    """A run ended otherwise than the test requires; the message holds the engine's whole output."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step on one resource, as planned, and how it ended."""

    # create, update, same, delete, create-replacement, replace, delete-replaced, read, ...
    op: str
    type: str
    urn: str
    # The properties that differ.
    differs: tuple[str, ...]
    done: bool
    failed: bool

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def is_implicit(self) -> bool:
        """Whether the engine made it up itself: the stack, or a provider that the program does not name."""
        default = self.type.startswith("pulumi:providers:") and self.name.startswith("default")
        return default or self.type == "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One resource as a preview would make it; its inputs as they travel (secrets and unknowns marked)."""

    urn: str
    type: str
    inputs: Mapping[str, Json]

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rsplit("::", 1)[-1]

    @property
    def custom(self) -> bool:
        """Whether a provider makes it; components and providers are the program's and the engine's own."""
        return not self.type.startswith(("rag:", "pulumi:"))


@dataclass(frozen=True, kw_only=True)
class Result:
    """One command of the engine."""

    command: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    steps: tuple[Step, ...]
    # Messages of severity error, as the user reads them.
    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def output(self) -> str:
        """Everything the command printed."""
        return f"{self.stdout}\n{self.stderr}"

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something; empty after a deployment that is up to date."""
        return tuple(step for step in self.steps if step.op not in UNCHANGED)

    def changed(self, *operations: str) -> list[str]:
        """Return the names of the program's own resources that these operations were done on, sorted."""
        return sorted(step.name for step in self.changes if step.op in operations and not step.is_implicit)

    def step(self, name: str) -> Step:
        """Return the last step on the resource of that name; raises EngineFailureError when there is none."""
        found = [step for step in self.steps if step.name == name]
        if not found:
            raise EngineFailureError(f"no step on {name!r}; there are {[step.name for step in self.steps]}")
        return found[-1]

    def require(self) -> Result:
        """Return this result when the command succeeded; raises EngineFailureError with its output otherwise."""
        if self.code != 0:
            raise EngineFailureError(f"{' '.join(self.command)} ended with code {self.code}:\n{self.output}")
        return self

    def require_failure(self) -> Result:
        """Return this result when the command failed; raises EngineFailureError otherwise."""
        if self.code == 0:
            raise EngineFailureError(f"{' '.join(self.command)} succeeded, but had to fail:\n{self.output}")
        return self


class _State(TypedDict, total=False):
    type: str
    inputs: dict[str, Json]


class _Metadata(TypedDict, total=False):
    op: str
    urn: str
    type: str
    diffs: list[str] | None
    detailedDiff: dict[str, object] | None
    new: _State | None
    old: _State | None


class _Diagnostic(TypedDict, total=False):
    severity: str
    message: str
    urn: str


class _Step(TypedDict):
    metadata: _Metadata


class _Event(TypedDict, total=False):
    resourcePreEvent: _Step
    resOutputsEvent: _Step
    resOpFailedEvent: _Step
    diagnosticEvent: _Diagnostic


def read_events(path: Path) -> tuple[tuple[Step, ...], tuple[str, ...], tuple[str, ...]]:
    """Return steps, errors and warnings from an event log; empty when the command wrote none."""
    lines = path.read_text().splitlines() if path.is_file() else []
    events = [cast("_Event", json.loads(line)) for line in lines]
    ended = [event["resOutputsEvent"]["metadata"] for event in events if "resOutputsEvent" in event]
    done = {_key(metadata) for metadata in ended}
    failed = {_key(event["resOpFailedEvent"]["metadata"]) for event in events if "resOpFailedEvent" in event}
    # A refresh tells only at the end of a step what it found: nothing, an update, or that the object is gone.
    found = {metadata.get("urn", ""): metadata for metadata in ended}
    planned = [event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event]
    known = [found.get(item.get("urn", ""), item) if item.get("op") == "refresh" else item for item in planned]
    steps = tuple(_step(metadata, done, failed) for metadata in known)
    return steps, _messages(events, "error"), _messages(events, "warning")


def read_planned(path: Path) -> tuple[Planned, ...]:
    """Return the resources that an event log's run would make or keep, in the order in which the engine met them."""
    events = [cast("_Event", json.loads(line)) for line in path.read_text().splitlines()]
    found = [event["resourcePreEvent"]["metadata"] for event in events if "resourcePreEvent" in event]
    return tuple(
        Planned(urn=metadata.get("urn", ""), type=metadata.get("type", ""), inputs=new.get("inputs", {}))
        for metadata in found
        if (new := metadata.get("new")) is not None
    )


def _messages(events: list[_Event], severity: str) -> tuple[str, ...]:
    found = [event["diagnosticEvent"] for event in events if "diagnosticEvent" in event]
    return tuple(item.get("message", "") for item in found if item.get("severity") == severity)


def _key(metadata: _Metadata) -> tuple[str, str]:
    return metadata.get("op", ""), metadata.get("urn", "")


def _step(metadata: _Metadata, done: set[tuple[str, str]], failed: set[tuple[str, str]]) -> Step:
    return Step(
        op=metadata.get("op", ""),
        type=metadata.get("type", ""),
        urn=metadata.get("urn", ""),
        differs=tuple(sorted(metadata.get("detailedDiff") or metadata.get("diffs") or ())),
        done=_key(metadata) in done,
        failed=_key(metadata) in failed,
    )
