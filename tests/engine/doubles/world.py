"""What exists in the doubled cloud, and what its providers were asked: files, because each run has new processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

from tests.engine.doubles.wire import plain

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.engine.doubles.wire import Json, Properties


class Object(TypedDict):
    """One existing object."""

    type: str
    inputs: Properties
    state: Properties


class Call(TypedDict):
    """One request to a provider; secrets are redacted, and their paths listed."""

    package: str
    method: str
    token: str
    urn: str
    preview: bool
    inputs: Json
    secrets: list[str]


@dataclass(frozen=True, kw_only=True)
class World:
    """The cloud behind all doubles of one engine."""

    folder: Path

    def objects(self) -> dict[str, Object]:
        """Return every existing object by its type and id."""
        path = self.folder / "world.json"
        return cast("dict[str, Object]", json.loads(path.read_text())) if path.is_file() else {}

    def calls(self) -> list[Call]:
        """Return every request so far, in order."""
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []

    def record(self, call: Call) -> None:
        """Append a request to the log."""
        with self._locked(), (self.folder / "calls.jsonl").open("a") as file:
            file.write(json.dumps(call) + "\n")

    def put(self, identifier: str, item: Object) -> None:
        """Create or replace an object."""
        with self._locked():
            self._write(self.objects() | {identifier: item})

    def claim(self, identifier: str, item: Object, unique: str | None) -> bool:
        """Create an object unless another of its type has the same value of `unique`; say whether it was created."""
        with self._locked():
            found = self.objects()
            if unique is not None and any(
                other["type"] == item["type"]
                and plain(other["inputs"].get(unique)) == plain(item["inputs"].get(unique))
                for other in found.values()
            ):
                return False
            self._write(found | {identifier: item})
            return True

    def take(self, names: list[str]) -> str | None:
        """Take names for good; return one that was taken before, in which case none is taken now."""
        path = self.folder / "taken.json"
        with self._locked():
            taken = cast("list[str]", json.loads(path.read_text())) if path.is_file() else []
            known = next((name for name in names if name in taken), None)
            if known is None:
                path.write_text(json.dumps([*taken, *names]))
            return known

    def remove(self, identifier: str) -> None:
        """Delete an object, as someone might behind the engine's back; harmless when there is none."""
        with self._locked():
            self._write({key: value for key, value in self.objects().items() if key != identifier})

    def _write(self, objects: dict[str, Object]) -> None:
        scratch = self.folder / "world.json.new"
        scratch.write_text(json.dumps(objects, indent=1))
        scratch.replace(self.folder / "world.json")

    @contextlib.contextmanager
    def _locked(self) -> Generator[None]:
        with (self.folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
