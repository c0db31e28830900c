"""Blue and green without supervisord: a stand-in process manager, and real sockets that answer the probes."""

import http.server
import json
import socketserver
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from components.local import slots as slots_module
from components.local.files import write_file
from components.local.paths import LocalPaths
from components.local.process import ProcessSpec
from components.local.slots import Slots, Taken
from components.local.supervisorctl import Supervisorctl

pytestmark = pytest.mark.unit

OLD = "sha256:" + "a" * 64
NEW = "sha256:" + "b" * 64
NEWER = "sha256:" + "c" * 64
HOLDER = "web:slot-2"


def web(digest: str) -> ProcessSpec:
    return ProcessSpec(
        digest=digest, release=f"/releases/{digest}", programs="/bin", command=["gunicorn"], environment={}, secrets={}
    )


def worker(digest: str) -> ProcessSpec:
    return ProcessSpec(
        digest=digest, release=f"/releases/{digest}", programs="/bin", command=["python"], environment={}, secrets={}
    )


class Probes(socketserver.ThreadingUnixStreamServer):
    """One web process: answers `/readyz` and `/health` on its slot's private socket."""

    daemon_threads = True

    def __init__(self, path: Path, digest: str, ready: int) -> None:
        super().__init__(str(path), ProbeHandler)
        self.digest, self.ready = digest, ready


class ProbeHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Probes)
        status = self.server.ready if self.path == "/readyz" else 200
        body = json.dumps({"release": self.server.digest}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # why: the base class's name for it
        """Keeps the tests' output quiet."""


@dataclass
class Manager(Supervisorctl):
    """Runs what the slots' files say, in the way that the test has chosen for each release."""

    paths: LocalPaths
    never_ready: set[str] = field(default_factory=set[str])
    dying: set[str] = field(default_factory=set[str])
    dying_workers: set[str] = field(default_factory=set[str])
    flapping: set[str] = field(default_factory=set[str])
    looks: int = 0
    lying: set[str] = field(default_factory=set[str])
    states: dict[str, str] = field(default_factory=dict[str, str])
    calls: list[str] = field(default_factory=list[str])
    servers: dict[str, Probes] = field(default_factory=dict[str, Probes])

    def state(self, name: str) -> str:
        return self.states.get(name, "STOPPED")

    def pid(self, name: str) -> int | None:
        # One that flaps is another process whenever it is looked at.
        self.looks += 1
        return self.looks if self.states.get(name) == "RUNNING" and name in self.flapping else 1

    def start(self, name: str) -> None:
        if self.states.get(name) == "RUNNING":
            return
        self.calls.append(f"start {name}")
        if name == HOLDER:
            self.states[name] = "RUNNING"
            return
        file = "worker" if name == "worker" else f"web-{name[-1]}"
        spec = ProcessSpec.read(self.paths.slots / f"{file}.json")
        assert spec is not None
        write_file(self.paths.log(file), f"log of {spec.digest}\n")
        if name == "worker":
            self.states[name] = "FATAL" if spec.digest in self.dying_workers else "RUNNING"
        elif spec.digest in self.dying:
            self.states[name] = "FATAL"
        else:
            self.states[name] = "RUNNING"
            self._serve(name, spec.digest)

    def _serve(self, name: str, digest: str) -> None:
        ready = 503 if digest in self.never_ready else 200
        server = Probes(self.paths.slot_socket(int(name[-1])), OLD if digest in self.lying else digest, ready)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.servers[name] = server

    def stop(self, name: str) -> None:
        self.calls.append(f"stop {name}")
        self.states[name] = "STOPPED"
        server = self.servers.pop(name, None)
        if server is not None:
            server.shutdown()
            server.server_close()
            Path(str(server.server_address)).unlink()


@dataclass
class Machine:
    paths: LocalPaths
    manager: Manager
    slots: Slots

    def deploy(self, digest: str, *, seconds: int = 0) -> Taken:
        self.manager.calls.clear()
        return self.slots.take_over(web(digest), worker(digest), ready="/readyz", health="/health", seconds=seconds)

    @property
    def runs(self) -> dict[str, str]:
        """What runs now, by program."""
        found: dict[str, str] = {}
        for name, state in self.manager.states.items():
            spec = ProcessSpec.read(self.paths.slots / f"{'worker' if name == 'worker' else f'web-{name[-1]}'}.json")
            if name != HOLDER and state == "RUNNING" and spec is not None:
                found[name] = spec.digest
        return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Machine]:
    paths = LocalPaths(tmp_path)
    paths.sockets.mkdir(parents=True)
    manager = Manager(paths)
    make: Callable[[Path], Manager] = lambda _socket: manager  # noqa: E731  # why: a typed stand-in for the class
    monkeypatch.setattr(slots_module, "Supervisorctl", make)
    yield Machine(paths, manager, Slots(paths))
    for name in list(manager.servers):
        manager.stop(name)


def test_before_the_first_release_nothing_serves(machine: Machine) -> None:
    assert machine.slots.serving() is None
    assert machine.slots.worker() is None
    assert machine.slots.active is None


def test_the_first_release_takes_a_slot_and_the_worker(machine: Machine) -> None:
    assert machine.deploy(OLD) == Taken(serving=OLD, evidence="")
    assert machine.runs == {"web:slot-0": OLD, "worker": OLD}
    assert machine.slots.serving() == web(OLD)


def test_what_holds_the_shared_socket_starts_before_the_first_release_and_outlives_a_failed_one(
    machine: Machine,
) -> None:
    machine.manager.never_ready.add(OLD)
    machine.deploy(OLD)
    assert machine.manager.calls[0] == f"start {HOLDER}"
    machine.deploy(NEW)
    assert f"stop {HOLDER}" not in machine.manager.calls
    assert machine.manager.states[HOLDER] == "RUNNING"
    machine.slots.stop()
    assert machine.manager.states[HOLDER] == "STOPPED"


def test_a_new_release_takes_over_and_the_old_one_drains_only_after_it_is_ready(machine: Machine) -> None:
    machine.deploy(OLD)
    assert machine.deploy(NEW) == Taken(serving=NEW, evidence="")
    assert machine.runs == {"web:slot-1": NEW, "worker": NEW}
    calls = machine.manager.calls
    assert calls.index("start web:slot-1") < calls.index("start worker") < calls.index("stop web:slot-0")


def test_releases_alternate_between_the_slots(machine: Machine) -> None:
    taken: list[int | None] = []
    for digest in (OLD, NEW, NEWER):
        machine.deploy(digest)
        taken.append(machine.slots.active)
    assert taken == [0, 1, 0]


def test_a_release_that_is_never_ready_is_stopped_and_the_old_one_was_never_touched(machine: Machine) -> None:
    machine.deploy(OLD)
    machine.manager.never_ready.add(NEW)
    taken = machine.deploy(NEW)
    assert taken.serving == OLD
    assert f"release {NEW} never became ready (it had 0 s)" in taken.evidence
    assert f"log of {NEW}" in taken.evidence
    assert str(machine.paths.log("web-1")) in taken.evidence
    assert machine.runs == {"web:slot-0": OLD, "worker": OLD}
    assert not {"stop web:slot-0", "stop worker"} & set(machine.manager.calls)


@pytest.mark.timeout(60)
def test_a_release_that_crashes_is_given_up_at_once_and_not_after_its_time(machine: Machine) -> None:
    machine.deploy(OLD)
    machine.manager.dying.add(NEW)
    taken = machine.deploy(NEW, seconds=250)  # waiting for all of them exceeds the limit above
    assert taken.serving == OLD
    assert "its process is FATAL" in taken.evidence


@pytest.mark.timeout(60)
def test_a_release_that_lives_just_long_enough_to_be_called_running_each_time_is_given_up_too(machine: Machine) -> None:
    machine.deploy(OLD)
    machine.manager.never_ready.add(NEW)
    machine.manager.flapping.add("web:slot-1")
    taken = machine.deploy(NEW, seconds=250)  # waiting for all of them exceeds the limit above
    assert taken.serving == OLD
    assert "its process is RUNNING" in taken.evidence


def test_a_process_that_answers_for_another_release_is_not_taken_for_the_new_one(machine: Machine) -> None:
    machine.deploy(OLD)
    machine.manager.lying.add(NEW)
    assert machine.deploy(NEW).serving == OLD


def test_a_first_release_that_fails_leaves_nothing_that_serves_and_says_so(machine: Machine) -> None:
    machine.manager.never_ready.add(NEW)
    assert machine.deploy(NEW).serving == ""
    assert machine.runs == {}
    assert machine.slots.active is None


def test_a_worker_that_dies_brings_the_old_worker_back_and_the_old_web_serves_on(machine: Machine) -> None:
    machine.deploy(OLD)
    machine.manager.dying_workers.add(NEW)
    taken = machine.deploy(NEW)
    assert taken.serving == OLD
    assert "has a worker that does not keep running" in taken.evidence
    assert f"log of {NEW}" in taken.evidence
    assert machine.runs == {"web:slot-0": OLD, "worker": OLD}
    assert machine.slots.active == 0
    assert "stop web:slot-0" not in machine.manager.calls


def test_a_release_after_a_failed_one_takes_over_from_the_one_that_serves(machine: Machine) -> None:
    machine.deploy(OLD)
    machine.manager.never_ready.add(NEW)
    machine.deploy(NEW)
    assert machine.deploy(NEWER) == Taken(serving=NEWER, evidence="")
    assert machine.runs == {"web:slot-1": NEWER, "worker": NEWER}


def test_the_release_that_already_runs_is_left_alone(machine: Machine) -> None:
    machine.deploy(OLD)
    assert machine.deploy(OLD) == Taken(serving=OLD, evidence="")
    assert machine.manager.calls == []


def test_a_release_whose_worker_is_gone_is_started_again(machine: Machine) -> None:
    machine.deploy(OLD)
    machine.manager.stop("worker")
    assert machine.deploy(OLD).serving == OLD
    assert machine.runs == {"web:slot-1": OLD, "worker": OLD}


def test_after_everything_was_stopped_the_same_release_comes_back(machine: Machine) -> None:
    machine.deploy(OLD)
    machine.slots.stop()
    assert machine.runs == {}
    assert machine.slots.serving() is None
    assert machine.deploy(OLD).serving == OLD
    assert machine.runs == {"web:slot-0": OLD, "worker": OLD}


def test_a_slot_that_a_killed_deployment_left_running_is_cleared_first(machine: Machine) -> None:
    machine.deploy(OLD)
    write_file(machine.paths.slots / "web-1.json", web(NEWER).to_json())
    machine.manager.start("web:slot-1")
    assert machine.deploy(NEW).serving == NEW
    assert machine.runs == {"web:slot-1": NEW, "worker": NEW}


def test_a_scale_is_remembered_for_every_later_release(machine: Machine) -> None:
    assert machine.slots.scaled_to() is None
    write_file(machine.paths.slots / "web.scale", "3")
    assert machine.slots.scaled_to() == 3


def test_a_slots_file_holds_paths_of_secrets_and_comes_back_as_it_was(machine: Machine) -> None:
    spec = ProcessSpec(
        digest=OLD, release="/r", programs="/b", command=["x"], environment={"A": "1"}, secrets={"KEY": "/secrets/KEY"}
    )
    file = machine.paths.slots / "web-0.json"
    write_file(file, spec.to_json(socket=Path("/run/web-0.sock")))
    assert ProcessSpec.read(file) == spec
    assert ProcessSpec.read(file.with_name("never.json")) is None
