"""Starts one process of a release under supervisord: `launch.py STATE_FOLDER NAME`. Standard library only.

The file `slots/NAME.json` says what to run. Secrets are read from their files here, at the last moment, and go from
there only into the new process's environment: never a command line, never supervisord's configuration.
"""

import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final, cast

PR_SET_PDEATHSIG: Final = 1
HOLDER: Final = "web-2"
KEPT: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")


def end_with_supervisord() -> None:
    """On Linux, asks for SIGTERM when supervisord dies: an orphan would hold the port and serve an old release."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def private_socket(path: Path) -> int:
    """A listening Unix socket, on which this slot alone answers."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(64)
    return os.dup(listener.fileno())


def inherit_sockets(path: Path) -> list[str]:
    """Moves the shared socket from standard input to a number of its own, and adds the private one."""
    shared = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    descriptors = [shared, private_socket(path)]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    return [word for descriptor in descriptors for word in ("--bind", f"fd://{descriptor}")]


def hold() -> None:
    """Does nothing but keep the shared socket open: supervisord closes it with the last process that has it."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pause()


def main(state: Path, name: str) -> None:
    """Becomes the process that `slots/NAME.json` describes."""
    end_with_supervisord()
    if name == HOLDER:
        hold()
        return
    slot = cast(dict[str, object], json.loads((state / "slots" / f"{name}.json").read_text()))
    environment = {key: os.environ[key] for key in KEPT if key in os.environ}
    environment |= cast(dict[str, str], slot["environment"])
    for key, file in cast(dict[str, str], slot["secrets"]).items():
        environment[key] = Path(file).read_text()
    scale = state / "slots" / "web.scale"
    if name.startswith("web-"):
        # A folder of ours: one that gunicorn makes for itself would stay behind after `kill -9`.
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(state / "slots" / f"{name}.metrics")
        if scale.exists():
            environment["API_WORKERS"] = scale.read_text()
    environment["PATH"] = f"{slot['programs']}{os.pathsep}{environment.get('PATH', os.defpath)}"

    command = cast(list[str], slot["command"])
    if "socket" in slot:
        command = [command[0], *inherit_sockets(Path(cast(str, slot["socket"]))), *command[1:]]
    os.chdir(cast(str, slot["release"]))
    os.execvpe(command[0], command, environment)  # noqa: S606  # why: becoming the program is this file's purpose


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
