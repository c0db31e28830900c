"""The client against a real supervisord, with small programs instead of the service."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import pytest

from components.contracts import DeploymentError
from components.local.files import write_file
from components.local.paths import LocalPaths
from components.local.supervisor import start_supervisord
from components.local.supervisorctl import Supervisorctl, wait_until

pytestmark = pytest.mark.integration

SLEEPER = "import time; time.sleep(120)"
COUNTER = """
import signal, sys, time
counted = 0
def count(*_):
    global counted
    counted += 1
    open(sys.argv[1], "w").write(str(counted))
signal.signal(signal.SIGTTIN, count)
open(sys.argv[1], "w").write("0")
while True:
    time.sleep(60)
"""

SLOW = """
import pathlib, signal, sys, time
def leave(*_):
    time.sleep(1)
    pathlib.Path(sys.argv[2]).touch()
    sys.exit()
signal.signal(signal.SIGTERM, leave)
pathlib.Path(sys.argv[1]).touch()
while True:
    time.sleep(60)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Generator[LocalPaths]:
    """One supervisord for all tests here, ended with them."""
    paths = LocalPaths(tmp_path_factory.mktemp("state"))
    start_supervisord(paths, port=free_port())
    yield paths
    Supervisorctl(paths.control_socket).shutdown(seconds=20)


@pytest.fixture
def control(paths: LocalPaths) -> Generator[Supervisorctl]:
    control = Supervisorctl(paths.control_socket)
    yield control
    for file in (paths.supervisor / "programs").glob("*.conf"):
        file.unlink()
    control.reload()
    assert control.processes() == []


@pytest.fixture
def program(paths: LocalPaths) -> Callable[..., None]:
    def write(name: str, code: str, *, argument: str = "", autostart: bool = False, startsecs: int = 0) -> None:
        script = paths.root / f"{name}.py"
        script.write_text(code)
        lines = [
            f"[program:{name}]",
            f"command = {sys.executable} {script} {argument}",
            f"autostart = {str(autostart).lower()}",
            f"startsecs = {startsecs}",
            "startretries = 0",
        ]
        write_file(paths.supervisor / "programs" / f"{name}.conf", "\n".join(lines))

    return write


def becomes(control: Supervisorctl, name: str, state: str) -> bool:
    return wait_until(lambda: control.state(name) == state, seconds=15)


def test_supervisord_answers_and_a_second_start_changes_nothing(paths: LocalPaths, control: Supervisorctl) -> None:
    before = (paths.supervisor / "supervisord.pid").read_text()
    start_supervisord(paths, port=free_port())
    assert control.running()
    assert (paths.supervisor / "supervisord.pid").read_text() == before


def test_supervisord_lives_in_a_session_of_its_own_so_that_it_outlives_the_deployment(paths: LocalPaths) -> None:
    pid = int((paths.supervisor / "supervisord.pid").read_text())
    assert os.getsid(pid) != os.getsid(0)


def test_the_deployers_environment_does_not_reach_what_supervisord_runs(paths: LocalPaths) -> None:
    pid = int((paths.supervisor / "supervisord.pid").read_text())
    kept = {"HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "LC_CTYPE"}
    assert set(psutil.Process(pid).environ()) - {""} <= kept


def test_a_program_is_added_started_and_stopped(control: Supervisorctl, program: Callable[..., None]) -> None:
    assert control.state("sleeper") == "ABSENT"
    program("sleeper", SLEEPER)
    control.reload()
    assert control.state("sleeper") == "STOPPED"
    assert control.pid("sleeper:sleeper") is None
    control.start("sleeper")
    assert becomes(control, "sleeper", "RUNNING")
    pid = control.pid("sleeper:sleeper")
    assert pid is not None
    control.stop("sleeper")
    assert control.state("sleeper") == "STOPPED"
    assert not psutil.pid_exists(pid)


def test_starting_and_stopping_twice_is_no_error(control: Supervisorctl, program: Callable[..., None]) -> None:
    program("sleeper", SLEEPER)
    control.reload()
    for _ in range(2):
        control.start("sleeper")
    assert becomes(control, "sleeper", "RUNNING")
    for _ in range(2):
        control.stop("sleeper")
    control.stop("never-heard-of")


def test_starting_a_program_that_does_not_exist_is_an_error_that_names_it(control: Supervisorctl) -> None:
    with pytest.raises(DeploymentError, match="could not start never-heard-of"):
        control.start("never-heard-of")


def test_a_program_that_ends_at_once_is_seen_as_failed(control: Supervisorctl, program: Callable[..., None]) -> None:
    program("crash", "raise SystemExit(3)", startsecs=5)
    control.reload()
    control.start("crash")
    assert becomes(control, "crash", "FATAL")
    control.stop("crash")


def test_a_reload_leaves_what_did_not_change_running_and_restarts_what_did(
    control: Supervisorctl, program: Callable[..., None]
) -> None:
    for name in ("same", "changed"):
        program(name, SLEEPER, autostart=True)
    control.reload()
    assert becomes(control, "same", "RUNNING")
    assert becomes(control, "changed", "RUNNING")
    before = {name: control.pid(f"{name}:{name}") for name in ("same", "changed")}
    program("changed", SLEEPER, argument="another", autostart=True)
    control.reload()
    assert becomes(control, "changed", "RUNNING")
    assert control.pid("same:same") == before["same"]
    assert control.pid("changed:changed") not in {None, before["changed"]}


def test_a_program_whose_file_is_gone_is_stopped_and_removed(
    control: Supervisorctl, program: Callable[..., None], paths: LocalPaths
) -> None:
    program("sleeper", SLEEPER, autostart=True)
    control.reload()
    assert becomes(control, "sleeper", "RUNNING")
    pid = control.pid("sleeper:sleeper")
    (paths.supervisor / "programs" / "sleeper.conf").unlink()
    control.reload()
    assert control.state("sleeper") == "ABSENT"
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_a_program_that_is_killed_is_back_because_supervisord_keeps_it(
    control: Supervisorctl, program: Callable[..., None], paths: LocalPaths
) -> None:
    program("sleeper", SLEEPER)
    file = paths.supervisor / "programs" / "sleeper.conf"
    file.write_text(file.read_text() + "\nautorestart = true")
    control.reload()
    control.start("sleeper")
    assert becomes(control, "sleeper", "RUNNING")
    before = control.pid("sleeper:sleeper")
    assert before is not None
    os.kill(before, signal.SIGKILL)
    assert wait_until(lambda: control.pid("sleeper:sleeper") not in {None, before}, seconds=15)


def test_a_signal_reaches_the_process_by_name(
    control: Supervisorctl, program: Callable[..., None], tmp_path: Path
) -> None:
    count = tmp_path / "count"
    program("counter", COUNTER, argument=str(count))
    control.reload()
    control.start("counter")
    assert wait_until(lambda: count.exists() and count.read_text() == "0", seconds=15)
    control.signal("counter", "TTIN")
    assert wait_until(lambda: count.read_text() == "1", seconds=15)


def test_a_port_that_is_taken_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = int(listener.getsockname()[1])
        with pytest.raises(DeploymentError) as caught:
            start_supervisord(LocalPaths(tmp_path), port=port)
    message = str(caught.value)
    assert f"port {port} of 127.0.0.1 is in use" in message
    assert "nothing was changed" in message
    assert "set local.port" in message
    assert list(tmp_path.iterdir()) == []


def test_without_a_supervisord_questions_have_answers_and_no_errors(tmp_path: Path) -> None:
    control = Supervisorctl(tmp_path / "none.sock")
    assert not control.running()
    assert control.processes() == []
    assert control.state("web:slot-0") == "ABSENT"
    assert control.pid("web:slot-0") is None
    control.shutdown(seconds=0)


def test_a_shutdown_stops_every_program_and_supervisord_itself(tmp_path: Path) -> None:
    paths = LocalPaths(tmp_path)
    start_supervisord(paths, port=free_port())
    control = Supervisorctl(paths.control_socket)
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    text = f"[program:sleeper]\ncommand = {sys.executable} {tmp_path / 'sleeper.py'}\nstartsecs = 0"
    write_file(paths.supervisor / "programs" / "sleeper.conf", text)
    control.reload()
    assert becomes(control, "sleeper", "RUNNING")
    supervisord = int((paths.supervisor / "supervisord.pid").read_text())
    child = control.pid("sleeper:sleeper")
    control.shutdown(seconds=20)
    assert not control.running()
    assert child is not None
    assert not psutil.pid_exists(child)
    # Our own child until somebody waits for it: gone or a zombie, never running.
    gone = lambda: not psutil.pid_exists(supervisord) or psutil.Process(supervisord).status() == "zombie"  # noqa: E731
    assert wait_until(gone, seconds=15)


def slow_program(paths: LocalPaths) -> Path:
    """Runs a program that takes a second to leave; returns the file that it leaves behind when it has."""
    started, ended = paths.root / "started", paths.root / "ended"
    script = paths.root / "slow.py"
    script.write_text(SLOW)
    text = f"[program:slow]\ncommand = {sys.executable} {script} {started} {ended}\nstartsecs = 0"
    write_file(paths.supervisor / "programs" / "slow.conf", text)
    Supervisorctl(paths.control_socket).reload()
    assert wait_until(started.exists, seconds=15)
    return ended


def test_a_shutdown_waits_for_a_program_that_takes_its_time_to_stop(tmp_path: Path) -> None:
    paths = LocalPaths(tmp_path)
    start_supervisord(paths, port=free_port())
    control = Supervisorctl(paths.control_socket)
    ended = slow_program(paths)
    control.shutdown(seconds=20)
    assert ended.exists()


def test_a_shutdown_that_takes_too_long_is_told_and_can_be_waited_for_again(tmp_path: Path) -> None:
    paths = LocalPaths(tmp_path)
    start_supervisord(paths, port=free_port())
    control = Supervisorctl(paths.control_socket)
    ended = slow_program(paths)
    with pytest.raises(DeploymentError, match="did not stop within 0 s; its programs are still running"):
        control.shutdown(seconds=0)
    control.shutdown(seconds=20)
    assert ended.exists()


def test_waiting_ends_when_its_time_is_over_and_says_so() -> None:
    asked: list[int] = []

    def never() -> bool:
        asked.append(1)
        return False

    assert not wait_until(never, seconds=0)
    assert asked
    assert wait_until(lambda: True, seconds=0)
