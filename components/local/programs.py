"""supervisord's configuration as text: pure functions of paths and numbers."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from components.contracts import DeploymentError
from components.local.paths import LocalPaths

LOG_BYTES = "10MB"
LOG_BACKUPS = 3
STOP_SECONDS = 200
"""Until supervisord kills a process that was asked to stop: over every drain that the settings allow. It is fixed,
because a changed program file makes supervisord restart the program, and a new drain time is no reason for that."""


UNREADABLE = re.compile(r"\s[;#]|[\[\]*?\r\n]|%\(here\)s")
"""What supervisord takes for a comment, a pattern or an expansion wherever it stands, however it is written."""


def supervisord_config(paths: LocalPaths) -> str:
    """The main file: a control socket for this user alone, and one included file per program.

    Raises DeploymentError when supervisord could not read the state folder's path in it.
    """
    found = UNREADABLE.search(str(paths.root))
    if found:
        raise DeploymentError(
            f"the path {paths.root} contains {found[0]!r}, which supervisord's configuration cannot express, so "
            "nothing could be started; nothing was changed. Move the checkout to a folder without it"
        )
    return _ini(
        {
            "unix_http_server": {"file": paths.control_socket, "chmod": "0700"},
            "supervisord": {
                "nodaemon": "true",
                "pidfile": paths.supervisor / "supervisord.pid",
                "logfile": paths.log("supervisord"),
                "logfile_maxbytes": LOG_BYTES,
                "logfile_backups": LOG_BACKUPS,
                "childlogdir": paths.logs,
                "umask": "077",
            },
            "rpcinterface:supervisor": {
                "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
            },
            "include": {"files": "programs/*.conf"},
        }
    )


def postgres_program(*, command: Sequence[str], folder: Path, log: Path, user: str | None) -> str:
    """PostgreSQL, restarted for as long as it takes: after a crash it must first see its old backends end."""
    program: dict[str, object] = {
        "command": _command(command),
        "directory": folder,
        "autorestart": "true",
        "startsecs": 1,
        "startretries": 100,
        # SIGINT is PostgreSQL's fast shutdown: sessions end, nothing committed is lost.
        "stopsignal": "INT",
        "stopwaitsecs": 60,
        "priority": 10,
        **_logged(_log(log)),
    }
    return _ini({"program:postgres": program | ({"user": user} if user else {})})


def web_program(paths: LocalPaths, *, launcher: Sequence[str], port: int) -> str:
    """Two slots, blue and green, that share one listening socket, and a third process that does nothing but hold it.

    supervisord opens the socket and hands it to both (its FastCGI programs do that for any server), so connections
    wait in the kernel's queue and are never refused while one slot takes over from the other. Without the holder it
    would close the socket when the only slot crashes, and end itself when it cannot bind it again, because processes
    that the crash left over still have it.
    """
    return _ini(
        {
            "fcgi-program:web": {
                "command": f"{_command(launcher)} web-%(process_num)d",
                "process_name": "slot-%(process_num)d",
                "numprocs": 3,
                "socket": f"tcp://127.0.0.1:{port}",
                "socket_backlog": 2048,
                "autostart": "false",
                "autorestart": "true",
                "startsecs": 1,
                "startretries": 10,
                "stopwaitsecs": STOP_SECONDS,
                "killasgroup": "true",
                "priority": 30,
                **_logged(f"{_log(paths.logs)}/web-%(process_num)d.log"),
            }
        }
    )


def worker_program(paths: LocalPaths, *, launcher: Sequence[str]) -> str:
    """The ingestion worker: started by the AppService once the release's web processes serve."""
    return _ini(
        {
            "program:worker": {
                "command": f"{_command(launcher)} worker",
                "autostart": "false",
                "autorestart": "true",
                "startsecs": 2,
                "startretries": 100,
                "stopwaitsecs": STOP_SECONDS,
                "killasgroup": "true",
                "priority": 40,
                **_logged(_log(paths.log("worker"))),
            }
        }
    )


def _log(path: Path) -> str:
    """supervisord expands the path of a program's log twice."""
    return _text(_text(path))


def _logged(log: str) -> dict[str, object]:
    return {
        "redirect_stderr": "true",
        "stdout_logfile": log,
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": LOG_BACKUPS,
    }


def _command(words: Sequence[str]) -> str:
    return _text(shlex.join(words))


def _text(value: object) -> str:
    """supervisord expands `%(name)s`, so a percent sign of a path's own is doubled."""
    return str(value).replace("%", "%%")


def _ini(sections: Mapping[str, Mapping[str, object]]) -> str:
    lines: list[str] = []
    for section, values in sections.items():
        lines.append(f"[{section}]")
        # Paths are escaped here; text is passed as it is, because commands carry expansions on purpose.
        lines += [f"{key} = {_text(value) if isinstance(value, Path) else value}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines)
