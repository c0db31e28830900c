"""supervisord: the platform of one machine. It outlives `pulumi up`, restarts what crashes, holds the port."""

import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.contracts import DeploymentError
from components.dynamic import plain_errors
from components.local.files import port_is_free, remove_tree, tail, write_file
from components.local.paths import LocalPaths
from components.local.process import KEPT_ENVIRONMENT
from components.local.programs import supervisord_config
from components.local.supervisorctl import Supervisorctl, wait_until

START_SECONDS = 15
ORPHAN_SECONDS = 45
"""How long the processes of a killed supervisord may take to end by themselves: their longest usual drain."""
STOP_SECONDS = 480
"""Over what supervisord grants the worker, the web process and PostgreSQL, which it stops one after the other."""


def launcher(root: str) -> Sequence[str]:
    """The words that start one process of a release, but for its name."""
    return [sys.executable, str(Path(__file__).with_name("launch.py")), root]


def start_supervisord(paths: LocalPaths, *, port: int) -> None:
    """Starts supervisord in a session of its own, so that it outlives the engine that asked for it.

    Raises DeploymentError when the public port is taken, or when it does not answer in time.
    """
    control = Supervisorctl(paths.control_socket)
    if control.running():
        return
    if not wait_until(control.gone, seconds=STOP_SECONDS):
        raise DeploymentError(
            "supervisord is still stopping what it ran; nothing was started. Run `make up` again later"
        )
    # After a crash of supervisord its programs end by themselves, which takes them a moment.
    crashed = (paths.supervisor / "supervisord.pid").exists()
    if not wait_until(lambda: port_is_free(port), seconds=ORPHAN_SECONDS if crashed else 0):
        raise DeploymentError(
            f"port {port} of 127.0.0.1 is in use by another program, so the service could not be reached there; "
            f"nothing was changed. Stop that program, or set local.port in Pulumi.local.yaml to a free one"
        )
    for folder in (paths.supervisor / "programs", paths.logs, paths.slots, paths.sockets):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _require_own(paths.sockets)
    config = paths.supervisor / "supervisord.conf"
    write_file(config, supervisord_config(paths))
    environment = {key: os.environ[key] for key in KEPT_ENVIRONMENT if key in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord", "-c", str(config)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        close_fds=True,
        env=environment,
        cwd=paths.root,
    )
    wait_until(lambda: control.running() or process.poll() is not None, seconds=START_SECONDS)
    if not control.running():
        raise DeploymentError(
            f"supervisord did not start within {START_SECONDS} s, so nothing can run. The end of its log "
            f"({paths.log('supervisord')}):\n{tail(paths.log('supervisord'))}"
        )


def _require_own(folder: Path) -> None:
    """The sockets' folder may lie in the temporary folder, where anybody could have made it first."""
    found = folder.lstat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077 or not stat.S_ISDIR(found.st_mode):
        raise DeploymentError(
            f"{folder} belongs to somebody else or is open to others, who could then control the service; nothing was "
            f"started. Remove it, or move the checkout to a shorter path, so that the folder lies inside it"
        )


class _SupervisorProvider(ResourceProvider):
    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A supervisord that is not running (`make down`, a reboot) is a difference, so `pulumi up` starts it again."""
        running = Supervisorctl(LocalPaths(Path(_olds["root"])).control_socket).running()
        moved = _olds["root"] != _news["root"]
        return DiffResult(
            changes=moved or _olds["port"] != _news["port"] or not running,
            replaces=["root"] if moved else [],
            delete_before_replace=True,
        )

    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        start_supervisord(LocalPaths(Path(props["root"])), port=int(props["port"]))
        return CreateResult(id_="supervisord", outs=props)

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        paths = LocalPaths(Path(_news["root"]))
        port = int(_news["port"])
        if _olds["port"] != port and not port_is_free(port):
            raise DeploymentError(
                f"port {port} of 127.0.0.1 is in use by another program; the service goes on serving on "
                f"{int(_olds['port'])}. Stop that program, or set local.port in Pulumi.local.yaml to a free one"
            )
        start_supervisord(paths, port=port)
        return UpdateResult(outs=_news)

    @plain_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        paths = LocalPaths(Path(_props["root"]))
        Supervisorctl(paths.control_socket).shutdown(seconds=STOP_SECONDS)
        for folder in (paths.supervisor, paths.logs, paths.slots, paths.sockets):
            remove_tree(folder)


class _Supervisord(Resource, module="local", name="Supervisord"):
    root: pulumi.Output[str]

    def __init__(self, name: str, *, root: str, port: int, opts: pulumi.ResourceOptions) -> None:
        super().__init__(_SupervisorProvider(), name, {"root": root, "port": port}, opts)


@dataclass(frozen=True, kw_only=True)
class SupervisorArgs:
    """`root` is the state folder, `port` the public loopback port that must be free before anything starts."""

    root: str
    port: int


class Supervisor(pulumi.ComponentResource):
    """The machine's process manager; `root` is the state folder, known once supervisord answers."""

    root: pulumi.Output[str]

    def __init__(self, name: str, args: SupervisorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:local:Supervisor", name, None, opts)
        daemon = _Supervisord(
            f"{name}-daemon", root=args.root, port=args.port, opts=pulumi.ResourceOptions(parent=self)
        )
        self.root = daemon.root
        self.register_outputs({"root": self.root})
