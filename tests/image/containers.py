"""Containers of the image, as strict as any platform may run them."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from tests.image.engine import Engine

T = TypeVar("T")
PATIENCE_SECONDS: Final = 90.0
STOP_SECONDS: Final = 60
"""More than the drain, the linger and the longest request of these tests."""

_NO_SHELL: Final = tuple(
    word
    for shell in ("/usr/bin/dash", "/usr/bin/bash")
    for word in ("--mount", f"type=bind,source=/dev/null,target={shell},readonly")
)
STRICT: Final = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),  # noqa: S108  # in the container
    *("--network", "host"),
    *_NO_SHELL,
)
"""A read-only root, no capability, and nothing in the place of the shells: whoever calls one gets an error."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container that was started."""

    engine: Engine
    id: str

    def output(self) -> str:
        """What it has written so far, both streams."""
        done = self.engine.attempt("logs", self.id)
        return done.stdout + done.stderr

    def running(self) -> bool:
        return self._state("{{.State.Running}}") == "true"

    def health(self) -> str:
        """The engine's judgement: starting, healthy or unhealthy."""
        return self._state("{{.State.Health.Status}}")

    def python(self, code: str) -> str:
        """Run a line of Python inside; what it printed."""
        return self.engine.docker("exec", self.id, "python", "-c", code).strip()

    def stop(self) -> int:
        """Stop it as a platform does, by the image's own signal; its exit status."""
        self.engine.docker("stop", "--time", str(STOP_SECONDS), self.id, seconds=STOP_SECONDS + 30)
        return self.exit_status()

    def exit_status(self) -> int:
        """Of a container that has ended."""
        assert not self.running()
        return int(self._state("{{.State.ExitCode}}"))

    def eventually(self, what: Callable[[], T | None], describe: str) -> T:
        """Ask until there is an answer; fails with the container's output when it ends before or stays silent."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline and self.running():
            answer = what()
            if answer:
                return answer
            time.sleep(0.1)
        raise AssertionError(f"never came: {describe}; the container wrote:\n{self.output()[-4000:]}")

    def _state(self, template: str) -> str:
        return self.engine.docker("inspect", "--format", template, self.id).strip()


def variables(environment: Mapping[str, str]) -> list[str]:
    return [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]


def run_once(
    engine: Engine,
    image: str,
    *command: str,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = STRICT,
) -> tuple[int, str]:
    """Run a container to its end: its exit status and all that it wrote."""
    done = engine.attempt("run", "--rm", *options, *variables(environment or {}), image, *command)
    return done.returncode, done.stdout + done.stderr


@contextlib.contextmanager
def running(
    engine: Engine, image: str, *command: str, environment: Mapping[str, str], options: Sequence[str] = ()
) -> Generator[Container]:
    """A strict container for the length of the block."""
    words = ["run", "--detach", *STRICT, *options, *variables(environment), image, *command]
    container = Container(engine=engine, id=engine.docker(*words).strip())
    try:
        yield container
    finally:
        engine.docker("rm", "--force", "--volumes", container.id)


def configuration(engine: Engine, image: str) -> dict[str, object]:
    """The image's own configuration."""
    [inspected] = json.loads(engine.docker("image", "inspect", image))
    configured: dict[str, object] = inspected["Config"]
    return configured
