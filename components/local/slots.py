"""Blue and green: how a release takes over from another on one machine without losing a request. No Pulumi here.

Two slots share one listening socket. The idle one is started with the new release and asked over a private socket;
only when it is ready does the old one drain. If it never is, it is stopped, and nobody noticed.
"""

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil

from components.contracts import DeploymentError
from components.local.files import tail, write_file
from components.local.paths import LocalPaths
from components.local.process import ProcessSpec
from components.local.supervisorctl import ALIVE, Supervisorctl, wait_until

SLOTS = (0, 1)
HOLDER = 2
"""The process of the same group that keeps the shared socket open, whatever becomes of the slots."""
BROKEN = frozenset({"FATAL", "EXITED", "ABSENT"})
LOG_LINES = 30
WORKER_SECONDS = 15
CRASHES = 2
"""A new release whose web process ended so many times while it started is not waited for any longer."""
SCALE = "web.scale"
SCALE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Taken:
    """How a release's turn ended: what serves now, and why it is not the new release if it is not."""

    serving: str
    evidence: str


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(5)
        self.sock.connect(str(self._path))


class Slots:
    """The two web slots and the worker of one machine."""

    def __init__(self, paths: LocalPaths) -> None:
        self._paths = paths
        self._control = Supervisorctl(paths.control_socket)

    @property
    def active(self) -> int | None:
        """The slot that serves, by the record of the last release; None before the first."""
        record = self._paths.slots / "active"
        return int(record.read_text()) if record.exists() else None

    def serving(self) -> ProcessSpec | None:
        """What the active slot runs; None when nothing serves (before the first release, after `make down`)."""
        active = self.active
        if active is None or self._control.state(_program(active)) not in ALIVE:
            return None
        return ProcessSpec.read(self._file(f"web-{active}"))

    def worker(self) -> ProcessSpec | None:
        """What the worker runs; None when it is not kept running."""
        if self._control.state("worker") not in ALIVE:
            return None
        return ProcessSpec.read(self._file("worker"))

    def take_over(self, web: ProcessSpec, worker: ProcessSpec, *, ready: str, health: str, seconds: int) -> Taken:
        """Lets a release take over. The old web process is stopped only after the new one answered that it is ready
        and the new worker runs; else both old ones stay or come back, and the evidence says why.
        """
        self._control.start(_program(HOLDER))
        before, worker_before = self.serving(), self.worker()
        if before == web and worker_before == worker:
            return Taken(serving=web.digest, evidence="")
        active = self.active
        idle = 0 if active is None or before is None else 1 - active
        for slot in SLOTS:
            if before is None or slot == idle:
                self._control.stop(_program(slot))
        write_file(self._file(f"web-{idle}"), web.to_json(socket=self._paths.slot_socket(idle)))
        self._control.start(_program(idle))
        if not self._becomes_ready(idle, web, ready=ready, health=health, seconds=seconds):
            evidence = self._evidence(_program(idle), f"web-{idle}", web, f"never became ready (it had {seconds} s)")
            self._control.stop(_program(idle))
            return Taken(serving=before.digest if before else "", evidence=evidence)
        if not self._run_worker(worker):
            evidence = self._evidence("worker", "worker", worker, "has a worker that does not keep running")
            self._control.stop("worker")
            if before and worker_before:
                self._run_worker(worker_before)
            self._control.stop(_program(idle))
            return Taken(serving=before.digest if before else "", evidence=evidence)
        write_file(self._paths.slots / "active", str(idle))
        self._control.stop(_program(1 - idle))
        return Taken(serving=web.digest, evidence="")

    def _run_worker(self, worker: ProcessSpec) -> bool:
        """Restarts the worker with this release, unless it already runs it; it hands its job back when it stops.

        Says whether it stays up: supervisord calls a process RUNNING once it has lived for its `startsecs`.
        """
        if self.worker() == worker:
            return True
        self._control.stop("worker")
        write_file(self._file("worker"), worker.to_json())
        self._control.start("worker")
        wait_until(lambda: self._control.state("worker") != "STARTING", seconds=WORKER_SECONDS)
        return self._control.state("worker") == "RUNNING"

    def scale(self, workers: int) -> None:
        """Runs this many web processes from now on: the serving slot at once, and every later release from its start.

        gunicorn adds or retires one process for each TTIN or TTOU; none of them is restarted.
        """
        write_file(self._paths.slots / SCALE, str(workers))
        active = self.active
        master = None if active is None else self._control.pid(_program(active))
        if active is None or master is None:
            return
        # One signal at a time, each seen to work: equal signals merge while the first waits to be handled.
        while (running := _children(master)) not in {workers, None}:
            self._control.signal(_program(active), "TTIN" if workers > (running or 0) else "TTOU")
            if not wait_until(lambda before=running: _children(master) != before, seconds=SCALE_SECONDS):
                raise DeploymentError(
                    f"the web process count stays at {running} instead of {workers}, so the service serves with fewer "
                    f"or more processes than asked for; see `make logs`, then run `make up` again"
                )

    def scaled_to(self) -> int | None:
        """How many web processes were last asked for; None when never."""
        record = self._paths.slots / SCALE
        return int(record.read_text()) if record.exists() else None

    def stop(self) -> None:
        """Stops the worker and both slots."""
        for program in ("worker", *(_program(slot) for slot in (*SLOTS, HOLDER))):
            if self._control.state(program) in ALIVE:
                self._control.stop(program)

    def _becomes_ready(self, slot: int, web: ProcessSpec, *, ready: str, health: str, seconds: int) -> bool:
        seen: set[int | None] = set()

        def settled() -> bool:
            seen.add(self._control.pid(_program(slot)))
            # supervisord goes on trying, which is right for what served before and too long for a new release.
            crashed = self._control.state(_program(slot)) in BROKEN or len(seen - {None}) > CRASHES
            return crashed or self._answers(slot, web, ready=ready, health=health)

        wait_until(settled, seconds=seconds, every=0.1)
        return self._answers(slot, web, ready=ready, health=health)

    def _answers(self, slot: int, web: ProcessSpec, *, ready: str, health: str) -> bool:
        status, _ = self._get(slot, ready)
        if status != http.client.OK:
            return False
        status, body = self._get(slot, health)
        return status == http.client.OK and body.get("release") == web.digest

    def _get(self, slot: int, path: str) -> tuple[int, dict[str, object]]:
        connection = _UnixConnection(self._paths.slot_socket(slot))
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = cast(object, json.loads(response.read() or b"{}"))
            return response.status, cast(dict[str, object], body) if isinstance(body, dict) else {}
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            connection.close()

    def _evidence(self, program: str, log_name: str, process: ProcessSpec, what: str) -> str:
        log, state = self._paths.log(log_name), self._control.state(program)
        return (
            f"release {process.digest} {what} (its process is {state}). "
            f"The end of its log ({log}):\n{tail(log, lines=LOG_LINES)}"
        )

    def _file(self, name: str) -> Path:
        return self._paths.slots / f"{name}.json"


def _children(master: int) -> int | None:
    """How many processes a gunicorn master has; None when it is gone (its successor starts right)."""
    try:
        return len(psutil.Process(master).children())
    except psutil.NoSuchProcess:
        return None


def _program(slot: int) -> str:
    return f"web:slot-{slot}"
