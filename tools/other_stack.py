"""A stack elsewhere than on this machine: the user's own backend, credentials and tracked file."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from tools.advice import other_advice
from tools.configuration import config_of, load_document
from tools.engine_record import EngineRecord
from tools.engine_run import run_explained, say
from tools.local_state import StateError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tools.advice import Advice
    from tools.configuration import ConfigDocument

IMAGE: Final = re.compile(r"[a-z0-9][a-z0-9._:/-]*@sha256:[0-9a-f]{64}")
ASKING: Final = frozenset({"up", "rollback", "destroy"})
"""The commands that Pulumi asks about before it does anything."""
WITHOUT_QUESTION: Final = frozenset({"--yes", "-y", "--yes=true", "--skip-preview", "-f"})


@dataclass(frozen=True, kw_only=True)
class OtherStack:
    """A stack with the user's own backend, credentials and tracked file: Pulumi does the work, and asks before it.

    `extra` are options that go to Pulumi as they are.
    """

    name: str
    root: Path
    pulumi: Path
    extra: Sequence[str]

    def run(self, command: str, target: str | None) -> int:
        """Run `preview`, `up`, `destroy` or `rollback` (to the image `target`, or to the one before).

        Returns the exit code; raises StateError before anything is written or done when it cannot go well.
        """
        self._require_an_answer(command)
        config = self._config()
        if command == "rollback":
            return self._go_back(target, config)
        self._record(config).outputs()
        pinned = _pinned(config)
        if pinned is not None and command != "destroy":
            say(
                f"{self.file.name} pins a release: {pinned} is deployed, not the checkout's source. Remove "
                "rag:release.image there to deploy the source."
            )
        return self._engine(config, command, *self.extra)

    @property
    def file(self) -> Path:
        """The stack's tracked configuration."""
        return self.root / f"Pulumi.{self.name}.yaml"

    def _require_an_answer(self, command: str) -> None:
        """Without a terminal nobody can say yes; Pulumi finds that out only after the file has been written."""
        agreed = bool(WITHOUT_QUESTION & set(self.extra)) or os.environ.get("PULUMI_SKIP_CONFIRMATIONS") == "true"
        if command in ASKING and not agreed and not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise StateError(
                f"Pulumi asks before it changes the stack `{self.name}`, and there is no terminal to answer at, so "
                f"nothing was done. To go ahead without the question: `make {command} STACK={self.name} ARGS=--yes`."
            )

    def _config(self) -> ConfigDocument:
        if not self.file.is_file():
            known = ", ".join(sorted(path.name for path in self.root.glob("Pulumi.*.yaml"))) or "none"
            raise StateError(
                f"There is no {self.file.name}, so the stack `{self.name}` has no configuration and nothing was done. "
                f"Files here: {known}; copy the one of your target."
            )
        return config_of(load_document(self.file), self.file.name)

    def _go_back(self, target: str | None, config: ConfigDocument) -> int:
        if target is not None:
            _require_image(target)
        record = self._record(config)
        outputs = record.outputs()
        image = target or self._before(record, outputs)
        self._choose(image, config)
        code = self._engine(config, "up", *self.extra)
        if code == 0:
            say(f"{self.file.name} names the release that is deployed now: commit this file.")
        else:
            say(self._half_way(image, _pinned(config)))
        return code

    def _before(self, record: EngineRecord, outputs: Mapping[str, object]) -> str:
        before = record.release_before(outputs, proven="image")
        if before.release is None:
            raise StateError(
                f"The stack `{self.name}` has had one release at most, so there is none to go back to; nothing was "
                "changed. An image that you know is deployed with TO=repository@sha256:..."
            )
        if before.failed:
            older = outputs.get("previous_release")
            further = f"To go one further back: TO={older}" if older else "There is none before it."
            say(f"the last update failed, so this goes to the last release that users were seen to get. {further}")
        _require_image(before.release)
        return before.release

    def _choose(self, image: str, config: ConfigDocument) -> None:
        say(
            f"going back to {image}, which is written to {self.file.name} as rag:release.image; remove that key "
            "to deploy the checkout's source again. The database is not migrated down."
        )
        if self._engine(config, "config", "set", "--path", "rag:release.image", image) != 0:
            raise StateError(f"{self.file.name} could not be written, so nothing was deployed.")

    def _half_way(self, image: str, pinned: str | None) -> str:
        undo = "remove rag:release.image there" if pinned is None else f"set rag:release.image to {pinned} there"
        again = " ".join(["make up", f"STACK={self.name}", *(["ARGS=--yes"] if "--yes" in self.extra else [])])
        return (
            f"the rollback to {image} was declined or failed (see above), and {self.file.name} names that image "
            f"already. To try again: `{again}`. To undo it: {undo}, and run the same command if the update had changed "
            "anything."
        )

    def _record(self, config: ConfigDocument) -> EngineRecord:
        return EngineRecord(
            stack=self.name,
            root=self.root,
            program=self.pulumi / "pulumi",
            environment=self._environment,
            advice=self._advice(config),
        )

    @property
    def _environment(self) -> Mapping[str, str]:
        found = dict(os.environ) | {"PATH": f"{self.pulumi}{os.pathsep}{os.environ.get('PATH', '')}"}
        return {"PULUMI_PYTHON_CMD": sys.executable} | found

    def _advice(self, config: ConfigDocument) -> tuple[Advice, ...]:
        return other_advice(self.name, str(config.get("rag:cloud")))

    def _engine(self, config: ConfigDocument, *arguments: str) -> int:
        command = [str(self.pulumi / "pulumi"), *arguments, "--stack", self.name]
        return run_explained(command, self.root, self._environment, self._advice(config))


def _require_image(image: str) -> None:
    if IMAGE.fullmatch(image) is None:
        raise StateError(
            f"`{image}` is no image by its digest, so nobody would know what is deployed; write "
            "TO=repository@sha256:... (the output `image` of an earlier deployment). Nothing was changed."
        )


def _pinned(config: ConfigDocument) -> str | None:
    """The image that the configuration names, whichever way the key is written."""
    release = config.get("rag:release")
    image = cast("ConfigDocument", release).get("image") if isinstance(release, dict) else None
    return image if isinstance(image, str) else None
