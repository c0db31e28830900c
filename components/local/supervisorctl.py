"""Talks to the local target's supervisord over its Unix socket. Used by the components and by `tools/operate.py`."""

import http.client
import time
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol, TypedDict, TypeVar, cast

from supervisor.xmlrpc import SupervisorTransport  # pyright: ignore[reportMissingTypeStubs]  # why: it ships no types

from components.contracts import DeploymentError

ALIVE: Final = frozenset({"STARTING", "RUNNING", "BACKOFF", "STOPPING"})
SHUTTING_DOWN: Final = 6
BAD_NAME: Final = 10
ALREADY_ADDED: Final = 90
NOT_RUNNING: Final = 70
ALREADY_STARTED: Final = 60
UNREACHABLE: Final = (OSError, http.client.HTTPException)
"""What a call raises when there is no supervisord, or when it ends in the middle of an answer."""


T = TypeVar("T")


class ProcessInfo(TypedDict):
    """What supervisord says of one process (its `getProcessInfo`)."""

    name: str
    group: str
    statename: str
    pid: int
    start: int
    now: int
    spawnerr: str
    exitstatus: int


class _Rpc(Protocol):
    def getState(self) -> dict[str, object]: ...  # noqa: N802  # why: the remote method's own name
    def getAllProcessInfo(self) -> list[ProcessInfo]: ...  # noqa: N802  # why: as above
    def getProcessInfo(self, name: str) -> ProcessInfo: ...  # noqa: N802  # why: as above
    def startProcess(self, name: str, wait: bool) -> bool: ...  # noqa: N802  # why: as above
    def stopProcess(self, name: str, wait: bool) -> bool: ...  # noqa: N802  # why: as above
    def reloadConfig(self) -> list[list[list[str]]]: ...  # noqa: N802  # why: as above
    def addProcessGroup(self, name: str) -> bool: ...  # noqa: N802  # why: as above
    def removeProcessGroup(self, name: str) -> bool: ...  # noqa: N802  # why: as above
    def stopProcessGroup(self, name: str, wait: bool) -> list[ProcessInfo]: ...  # noqa: N802  # why: as above
    def signalProcess(self, name: str, signal: str) -> bool: ...  # noqa: N802  # why: as above
    def shutdown(self) -> bool: ...


class Supervisorctl:
    """A client of one supervisord. Every call opens its own connection, so that a restart in between is no error."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def running(self) -> bool:
        """Whether a supervisord answers."""
        try:
            return self._call(lambda rpc: rpc.getState()).get("statename") == "RUNNING"
        except (*UNREACHABLE, xmlrpc.client.Error):
            return False

    def gone(self) -> bool:
        """Whether nothing answers. While its programs stop, supervisord is no longer running but still answers."""
        try:
            self._call(lambda rpc: rpc.getState())
        except UNREACHABLE:
            return True
        except xmlrpc.client.Fault:
            return False
        return False

    def processes(self) -> list[ProcessInfo]:
        """All processes, or none when supervisord is not running."""
        try:
            return self._call(lambda rpc: rpc.getAllProcessInfo())
        except UNREACHABLE:
            return []

    def state(self, name: str) -> str:
        """One process's state as supervisord names it (`RUNNING`, `FATAL`, ...); `ABSENT` when there is none."""
        try:
            return self._call(lambda rpc: rpc.getProcessInfo(name))["statename"]
        except UNREACHABLE:
            return "ABSENT"
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == BAD_NAME:
                return "ABSENT"
            raise

    def start(self, name: str) -> None:
        """Starts a process without waiting for it; one that is already started is left as it is."""
        try:
            self._command(lambda rpc: rpc.startProcess(name, False))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_STARTED:
                raise DeploymentError(f"supervisord could not start {name}: {fault.faultString}") from None

    def stop(self, name: str) -> None:
        """Stops a process and waits until it has ended; supervisord kills it after the program's `stopwaitsecs`."""
        try:
            self._command(lambda rpc: rpc.stopProcess(name, True))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in {NOT_RUNNING, BAD_NAME}:
                raise DeploymentError(f"supervisord could not stop {name}: {fault.faultString}") from None

    def pid(self, name: str) -> int | None:
        """A running process's id; None when it is not running."""
        wanted = name if ":" in name else f"{name}:{name}"
        for process in self.processes():
            if f"{process['group']}:{process['name']}" == wanted and process["pid"]:
                return process["pid"]
        return None

    def signal(self, name: str, signal: str) -> None:
        """Sends a signal, by its name without `SIG`, to a running process."""
        self._command(lambda rpc: rpc.signalProcess(name, signal))

    def reload(self) -> None:
        """Reads the program files again: adds new programs, stops and removes gone ones, restarts changed ones."""
        added, changed, removed = self._command(lambda rpc: rpc.reloadConfig())[0]
        for group in [*removed, *changed]:
            self._remove(group)
        for group in [*added, *changed]:
            self._add(group)

    def shutdown(self, *, seconds: float) -> None:
        """Stops everything and waits until supervisord itself is gone. Raises DeploymentError when it does not go."""
        if self.gone():
            return
        try:
            self._call(lambda rpc: rpc.shutdown())
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != SHUTTING_DOWN:
                raise
        if not wait_until(self.gone, seconds=seconds):
            raise DeploymentError(
                f"supervisord did not stop within {seconds:.0f} s; its programs are still running; "
                "see the logs (`make logs`) and try `make down` again"
            )

    def _remove(self, group: str) -> None:
        self._command(lambda rpc: rpc.stopProcessGroup(group, True))
        self._command(lambda rpc: rpc.removeProcessGroup(group))

    def _add(self, group: str) -> None:
        try:
            self._command(lambda rpc: rpc.addProcessGroup(group))
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_ADDED:
                raise

    def _command(self, method: Callable[[_Rpc], T]) -> T:
        """A call that changes something: there must be a supervisord, and people are told when there is none."""
        try:
            return self._call(method)
        except UNREACHABLE as error:
            raise DeploymentError(
                f"supervisord went away in the middle of the work ({type(error).__name__}), so the service may be half "
                f"started; run `make up` again: it starts what is missing (`make logs` says why it went)"
            ) from None

    def _call(self, method: Callable[[_Rpc], T]) -> T:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        try:
            # The host is never used: the transport connects to the socket.
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return method(cast(_Rpc, proxy.supervisor))
        finally:
            transport.close()


def wait_until(condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Polls a condition until it holds or the time is over; says whether it held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
