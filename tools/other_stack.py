"""A stack elsewhere than on this machine: the user's own backend, credentials and tracked file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tools.engine_run import run_explained, say
from tools.local_state import StateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

IMAGE: Final = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class OtherStack:
    """A stack with the user's own backend, credentials and tracked file: Pulumi does the work."""

    name: str
    root: Path
    pulumi: Path
    extra: Sequence[str]

    def run(self, command: str, target: str | None) -> int:
        """Run `preview`, `up` or `rollback` (to the image `target`, or to the one before) and return the exit code."""
        if command == "rollback":
            self._choose(target or self._previous())
            command = "up"
        return self._engine(command, *self.extra)

    def _choose(self, image: str) -> None:
        if IMAGE.fullmatch(image) is None:
            raise StateError(
                f"`{image}` is no image by its digest, so nobody would know what is deployed; write "
                "TO=repository@sha256:... (the output `image` of an earlier deployment). Nothing was changed."
            )
        say(
            f"going back to {image}, which is written to Pulumi.{self.name}.yaml as rag:release.image; remove that key "
            "to deploy the checkout's source again. The database is not migrated down."
        )
        if self._engine("config", "set", "--path", "rag:release.image", image) != 0:
            raise StateError(f"Pulumi.{self.name}.yaml could not be written, so nothing was deployed.")

    def _previous(self) -> str:
        """The image that users got before the present one."""
        done = subprocess.run(
            [str(self.pulumi / "pulumi"), "stack", "output", "--json", "--stack", self.name],
            cwd=self.root,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StateError(
                f"The outputs of the stack `{self.name}` cannot be read, so nothing was changed: {done.stderr.strip()}"
            )
        value: object = json.loads(done.stdout).get("previous_release")
        if not isinstance(value, str) or not value:
            raise StateError(
                f"The stack `{self.name}` has had one release, so there is none to go back to; nothing was changed. "
                "An image that you know is deployed with TO=repository@sha256:..."
            )
        return value

    @property
    def _environment(self) -> dict[str, str]:
        found = dict(os.environ) | {"PATH": f"{self.pulumi}{os.pathsep}{os.environ.get('PATH', '')}"}
        return {"PULUMI_PYTHON_CMD": sys.executable} | found

    def _engine(self, *arguments: str) -> int:
        command = [str(self.pulumi / "pulumi"), *arguments, "--stack", self.name]
        return run_explained(command, self.root, self._environment)
