"""The cluster's processes: started with a log each, watched while something is awaited, and ended by their ids."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BOUND: Final = Path(__file__).with_name("bound.py")
POLL_SECONDS: Final = 0.1
STOP_SECONDS: Final = 20.0
TAIL_BYTES: Final = 2000


class ClusterError(Exception):
    """The test cluster does not work; the message names the part and holds the end of its log."""


@dataclass(frozen=True, kw_only=True)
class Processes:
    """Programs that run until `stop`, or until this process dies."""

    folder: Path
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, "subprocess.Popen[bytes]"])

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by name."""
        return {name: process.pid for name, process in self._running.items()}

    def start(self, program: Path, *arguments: str) -> None:
        """Start a program under its own name, its output going to a log."""
        command = [sys.executable, "-I", str(BOUND), str(os.getpid()), str(program), *arguments]
        # A home of its own: kwok and kubectl would read the user's settings.
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder)}
        with self._log(program.name).open("ab") as log:
            self._running[program.name] = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until(self, holds: Callable[[], bool], *, what: str, by: str, seconds: float) -> None:
        """Poll until the condition holds; raises ClusterError with the log of the program that has to bring it."""
        deadline = time.monotonic() + seconds
        while not holds():
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise ClusterError(
                        f"{name} of the test cluster ended with code {process.returncode} while {what} was awaited. "
                        f"Its log ends:\n{self.tail(name)}"
                    )
            if time.monotonic() > deadline:
                raise ClusterError(f"{what} did not come within {seconds:.0f} s. {by}'s log ends:\n{self.tail(by)}")
            time.sleep(POLL_SECONDS)

    def tail(self, name: str) -> str:
        """Return the end of a program's log."""
        log = self._log(name)
        return log.read_text(errors="replace")[-TAIL_BYTES:] if log.is_file() else "(there is no log)"

    def stop(self) -> None:
        """End everything at once: what the servers would still write is thrown away with the folder."""
        # The newest first, so that none complains in its log of the ones that it needs.
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.kill()
        for process in self._running.values():
            process.wait(STOP_SECONDS)

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"
