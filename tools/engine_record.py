"""What the engine wrote down about a stack: its outputs, and how its last update ended."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypedDict, cast

from tools.advice import advice_in
from tools.local_state import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tools.advice import Advice

SUCCEEDED: Final = "succeeded"


class _Update(TypedDict):
    kind: str
    result: str


class _Operation(TypedDict):
    type: str


class _Deployment(TypedDict, total=False):
    pending_operations: list[_Operation] | None


@dataclass(frozen=True, kw_only=True)
class Before:
    """Where a rollback goes: None when no release is known; `failed` when the last update did not end well."""

    release: str | None
    failed: bool


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """Reads the record of a stack, on every backend, and changes nothing.

    Each question raises StateError when it has no answer, with what to do about it.
    """

    stack: str
    root: Path
    program: Path
    environment: Mapping[str, str]
    advice: Sequence[Advice]

    def outputs(self) -> dict[str, object]:
        """The outputs of the last update that succeeded; a secret one is `[secret]`."""
        return cast("dict[str, object]", json.loads(self._answer("stack", "output", "--json")))

    def release_before(self, outputs: Mapping[str, object], *, proven: str) -> Before:
        """The release to go back to; of the outputs, `proven` is the one that users were last seen to get.

        Outputs are written by updates that succeed. So after a failed one `proven` still serves, or served last, and is
        the release before the one that failed; only after a success is it the present one.
        """
        failed = self.last_update_failed()
        value = outputs.get(proven if failed else "previous_release")
        return Before(release=value if isinstance(value, str) and value else None, failed=failed)

    def last_update_failed(self) -> bool:
        """Whether the last update, whatever a preview refused aside, ended otherwise than well, or not at all."""
        updates = [entry for entry in self._history() if entry["kind"] == "update"]
        return (bool(updates) and updates[0]["result"] != SUCCEEDED) or self._interrupted()

    def _history(self) -> list[_Update]:
        # Newest first. More than a page, because refreshes stand there too.
        return cast("list[_Update]", json.loads(self._answer("stack", "history", "--json", "--page-size", "100")))

    def _interrupted(self) -> bool:
        """Whether an engine was killed in the midst of an update, which no history tells.

        Creations that were cut off stay in the state until somebody resolves them; anything else is gone with the next
        update, so it can only be the last one's.
        """
        deployment = cast("_Deployment", json.loads(self._answer("stack", "export"))["deployment"])
        return any(operation["type"] == "updating" for operation in deployment.get("pending_operations") or [])

    def _answer(self, *question: str) -> str:
        done = subprocess.run(
            [str(self.program), *question, "--stack", self.stack, "--non-interactive"],
            cwd=self.root,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            told = done.stderr.strip()
            meaning = "".join(f"\n{text}" for text in advice_in(told, self.advice))
            raise StateError(
                f"`pulumi {' '.join(question)}` of the stack `{self.stack}` does not work, so nothing was changed: "
                f"{told}{meaning}"
            )
        return done.stdout
