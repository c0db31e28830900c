"""Run the engine and explain those of its errors that a newcomer cannot read."""

from __future__ import annotations

import collections
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TAIL_LINES: Final = 200

_EXPLANATIONS: Final = {
    "incorrect passphrase": (
        "The passphrase in .local/pulumi/passphrase is not the one that the stack was created with, so its secrets "
        "cannot be read and nothing was changed. Restore the file. When it is lost, remove .local (`make down` first): "
        "`make up` then begins anew, without the old data."
    ),
    "the stack is currently locked": (
        "Another run is working on this stack. Wait for it; when you know that it is over, "
        "run `python -m tools.stack cancel --stack local`."
    ),
    "could not find plugin": (
        "A provider plugin is missing, and nothing is downloaded for the local stack. Was the CLI's folder changed? "
        "Remove it (`python -m tools.pulumi_cli` prints it) and try again."
    ),
}


def say(message: str) -> None:
    """Tell the user what happens, on standard error."""
    sys.stderr.write(f"stack: {message}\n")
    sys.stderr.flush()


def explain(text: str) -> list[str]:
    """Return what the known errors in the engine's output mean and what to do about them."""
    return [advice for sign, advice in _EXPLANATIONS.items() if sign in text]


def run_explained(command: Sequence[str], folder: Path, environment: Mapping[str, str], *, quiet: bool = False) -> int:
    """Run the engine, let its output through as it comes, and add explanations when it fails.

    `quiet` shows the output only of a run that failed. Returns the exit code; an interrupt is the engine's to handle.
    """
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
    if code != 0:
        if quiet:
            sys.stderr.writelines(tail)
        for advice in explain("".join(tail)):
            sys.stderr.write(f"stack: {advice}\n")
    return code
