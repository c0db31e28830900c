"""Stops a task should whoever started it be killed: as a program of its own (`python -m components.aws.watchdog`).

A plugin of Pulumi cannot do that for itself: its calls run beside the main thread, where Python allows no signal
handlers, and a cancelled update ends in SIGKILL.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from components.aws.ecs_api import clients
from components.aws.fargate import stop

ABANDONED = "whoever started it is gone"
DONE = "done"


@contextmanager
def watched(task: str, *, cluster: str, region: str) -> Generator[None]:
    """Has a task stopped, should this process be killed inside of the context: by the watchdog, which outlives it.

    It has a session of its own, because Pulumi ends a plugin together with its whole process group.
    """
    order = {"task": task, "cluster": cluster, "region": region}
    with subprocess.Popen(
        [sys.executable, "-m", "components.aws.watchdog"],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    ) as watchdog:
        # One that did not start is no reason to give up what it should watch.
        with suppress(BrokenPipeError):
            _tell(watchdog, json.dumps(order))
        try:
            yield
        finally:
            with suppress(BrokenPipeError):
                _tell(watchdog, DONE)


def _tell(watchdog: subprocess.Popen[str], line: str) -> None:
    if watchdog.stdin is not None:
        watchdog.stdin.write(f"{line}\n")
        watchdog.stdin.flush()


def watch(orders: Iterator[str]) -> None:
    """The watchdog: takes a task, and stops it unless it is told, before the lines end, that all is done."""
    order = cast(dict[str, str], json.loads(next(orders)))
    ecs, _ = clients(order["region"])
    if next(orders, "").strip() != DONE:
        stop(ecs, order["cluster"], order["task"], ABANDONED)


if __name__ == "__main__":
    watch(iter(sys.stdin))
