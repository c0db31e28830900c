"""`python -m tools.operate status|logs|down|keys`: look at the service on this machine, stop it, give out keys."""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from components.contracts import DeploymentError
from components.local.content import by_age
from components.local.files import tail
from components.local.paths import LocalPaths
from components.local.slots import Slots
from components.local.supervisor import STOP_SECONDS
from components.local.supervisorctl import Supervisorctl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.local.supervisorctl import ProcessInfo

ROOT: Final = Path(__file__).resolve().parents[1]
DOWN_SECONDS: Final = STOP_SECONDS
LOG_LINES: Final = 15


def say(text: str = "") -> None:
    """Print a line for the person at the terminal."""
    sys.stdout.write(f"{text}\n")


def status(paths: LocalPaths) -> int:
    """Show address, processes and kept releases. Returns 0 when the service answers as healthy, else 1."""
    control = Supervisorctl(paths.control_socket)
    processes = control.processes()
    if not processes:
        say("The service is not running. Start it with `make up`.")
        _releases(paths, serving=None)
        return 1
    for process in processes:
        if process["statename"] != "STOPPED":
            say(f"  {_program(process):<12}{process['statename']:<10}{_since(process)}")
    spec = Slots(paths).serving()
    if spec is None:
        say("No release serves. Deploy one with `make up`; `make logs` says why the last one does not.")
        return 1
    address = f"http://127.0.0.1:{spec.environment['API_PORT']}"
    healthy, words = _health(f"{address}/health")
    say(f"\n{address} {words}")
    _releases(paths, serving=spec.digest)
    return 0 if healthy else 1


def logs(paths: LocalPaths) -> int:
    """Show the end of every process's log, and where the whole log is."""
    files = sorted(paths.logs.glob("*.log"))
    if not files:
        say(f"There is no log under {paths.logs}: nothing has run yet. Start the service with `make up`.")
        return 1
    for file in files:
        say(f"==> {file}")
        say(tail(file, lines=LOG_LINES) or "(empty)")
        say()
    return 0


def down(paths: LocalPaths) -> int:
    """Stop every process, the requests in flight first; data stays."""
    control = Supervisorctl(paths.control_socket)
    if not control.running():
        say("The service is not running; nothing was stopped.")
        return 0
    control.shutdown(seconds=DOWN_SECONDS)
    say("Stopped. Your data stays; `make up` starts the service again, `make destroy` removes everything.")
    return 0


def keys(paths: LocalPaths, arguments: Sequence[str]) -> int:
    """Run the serving release's own key command (create, list, revoke) against its database."""
    spec = Slots(paths).serving()
    if spec is None:
        say("The service is not running, and keys live in its database. Start it with `make up`.")
        return 1
    command = [f"{spec.programs}/python", "-m", "app.keys", *arguments]
    return subprocess.run(command, cwd=spec.release, env=spec.full_environment(), check=False).returncode


def _program(process: ProcessInfo) -> str:
    return {"slot-0": "web (0)", "slot-1": "web (1)"}.get(process["name"], process["name"])


def _since(process: ProcessInfo) -> str:
    if not process["pid"]:
        return process["spawnerr"]
    return f"pid {process['pid']}, up {datetime.timedelta(seconds=process['now'] - process['start'])}"


def _health(address: str) -> tuple[bool, str]:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:  # noqa: S310  # why: our own loopback address
            body = cast("dict[str, object]", json.loads(response.read()))
    except urllib.error.HTTPError as error:
        return False, f"is not healthy (HTTP {error.code}); see `make logs`"
    except (OSError, ValueError) as error:
        return False, f"does not answer ({error}); see `make logs`"
    return True, f"is {body.get('status')}, release {body.get('release')}"


def _releases(paths: LocalPaths, *, serving: str | None) -> None:
    digests = [f"sha256:{folder.name}" for folder in by_age(paths)]
    if digests:
        say("\nReleases kept here, newest first (make rollback TO=...):")
    for digest in digests:
        say(f"  {digest}{'  <- serves' if digest == serving else ''}")


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """Run one command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.operate", description=__doc__)
    parser.add_argument("command", choices=("status", "logs", "down", "keys"))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="with keys: create, list or revoke, and their options")
    options = parser.parse_args(arguments)
    command = cast("str", options.command)
    paths = LocalPaths(root / ".local")
    try:
        if command == "keys":
            return keys(paths, cast("list[str]", options.rest))
        return {"status": status, "logs": logs, "down": down}[command](paths)
    except DeploymentError as error:
        sys.stderr.write(f"operate: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
