"""Run the engine and explain those of its errors that a newcomer cannot read."""

from __future__ import annotations

import collections
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from tools.advice import advice_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tools.advice import Advice

TAIL_LINES: Final = 200
LOGGED: Final = frozenset({"up", "preview", "destroy", "refresh"})
"""The engine's commands that write an event log: their errors go to standard output, which belongs to the terminal."""


def say(message: str) -> None:
    """Tell the user what happens, on standard error."""
    sys.stderr.write(f"stack: {message}\n")
    sys.stderr.flush()


def run_explained(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    advice: Iterable[Advice],
    *,
    quiet: bool = False,
) -> int:
    """Run the engine, let its output through as it comes, and add advice when it fails.

    `quiet` shows the output only of a run that failed. Returns the exit code; an interrupt is the engine's to handle.
    """
    with tempfile.TemporaryDirectory(prefix="rag-engine-") as scratch:
        log = Path(scratch) / "events"
        # The switch only makes the option known; Pulumi's own automation library works the same way.
        logged = command[1] in LOGGED
        code, tail = _run(
            [*command, *(("--event-log", str(log)) if logged else ())],
            folder,
            {**environment, **({"PULUMI_DEBUG_COMMANDS": "true"} if logged else {})},
            quiet=quiet,
        )
        if code != 0:
            for text in advice_in("\n".join([*tail, *_errors(log)]), advice):
                say(text)
    return code


def _run(command: Sequence[str], folder: Path, environment: Mapping[str, str], *, quiet: bool) -> tuple[int, list[str]]:
    """The exit code, and the end of what was written to standard error (`quiet`: to both)."""
    process = subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(environment),
        stdin=None if sys.stdin.isatty() else subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else subprocess.PIPE,
        text=True,
        errors="replace",
    )
    tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
    # Ctrl-C reaches the engine too: it must have the time to write its state, so this process waits for it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for line in (process.stdout if quiet else process.stderr) or ():
            tail.append(line)
            if not quiet:
                sys.stderr.write(line)
                sys.stderr.flush()
        code = process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    if code != 0 and quiet:
        sys.stderr.writelines(tail)
    return code, list(tail)


def _errors(log: Path) -> list[str]:
    """The messages of severity error in an event log; what cannot be read is left out, for advice is an addition."""
    found: list[str] = []
    for line in log.read_text(errors="replace").splitlines() if log.is_file() else ():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            diagnostic = cast("dict[str, dict[str, str]]", json.loads(line))["diagnosticEvent"]
            if diagnostic["severity"] == "error":
                found.append(diagnostic["message"])
    return found
