"""One machine for a test: a copy of the checkout with ports of its own, driven by the commands that users type."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import httpx
import yaml

from components.local.paths import LocalPaths
from components.local.slots import Slots
from components.local.supervisorctl import Supervisorctl
from components.source import digest_of
from tests.engine.sources import copy_checkout

COPIED: Final = (
    "__main__.py", "Pulumi.yaml", "Pulumi.local.yaml", "pyproject.toml", "uv.lock", "alembic.ini", "gunicorn_conf.py",
    "stacks", "components", "app", "alembic", "tools",
)  # fmt: skip
RUN_SECONDS: Final = 240


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [cast("int", probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a command printed, and how it ended."""

    code: int
    output: str

    def expect(self, code: int = 0) -> Run:
        """The run itself, or a failed test that shows what was printed."""
        assert self.code == code, f"exit code {self.code} instead of {code}:\n{self.output}"
        return self


class Machine:
    """A copy of the checkout in `folder`, with a stack `local` of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.database_port = free_ports(2)
        self._deployed = ""
        copy_checkout(folder, COPIED)
        self.configure()

    @property
    def paths(self) -> LocalPaths:
        """Where this machine's service keeps its things."""
        return LocalPaths(self.folder / ".local")

    @property
    def database(self) -> Path:
        """The folder of its PostgreSQL, programs and data."""
        identity = self.paths.identity
        return self.paths.database(identity=identity.read_text() if identity.exists() else None)

    @property
    def settled(self) -> bool:
        """Whether the copy's source, with the configuration as it is, is what runs now."""
        if (self.folder / "Pulumi.local.yaml").read_text() != self._deployed:
            return False
        slots = Slots(self.paths)
        web, worker = slots.serving(), slots.worker()
        wanted = digest_of(self.folder)
        return web is not None and worker is not None and web.digest == worker.digest == wanted == self.serving()

    @property
    def control(self) -> Supervisorctl:
        """This machine's supervisord."""
        return Supervisorctl(self.paths.control_socket)

    @property
    def url(self) -> str:
        """The service's public address."""
        return f"http://127.0.0.1:{self.port}"

    def configure(self, **values: object) -> None:
        """Writes the stack file: this machine's ports, quick drains, no rate limits, and these values on top."""
        config: dict[str, object] = {
            "rag:cloud": "local",
            "rag:local": {"port": self.port, "database_port": self.database_port},
            "rag:rollout": {"startup_seconds": 40, "drain_seconds": 1},
            "rag:app": {"web_processes": {"min": 1, "max": 1}, "environment": {"RATE_LIMIT_ENABLED": "false"}},
        }
        config |= {f"rag:{name}": value for name, value in values.items()}
        (self.folder / "Pulumi.local.yaml").write_text(yaml.safe_dump({"config": config}))

    def stack(self, *arguments: str, extra: tuple[str, ...] = ()) -> Run:
        """Runs `python -m tools.stack ... --stack local`, as the Makefile does."""
        return self._run("tools.stack", *arguments, "--stack", "local", *(("--", *extra) if extra else ()))

    def operate(self, *arguments: str) -> Run:
        """Runs `python -m tools.operate ...`, as the Makefile does."""
        return self._run("tools.operate", *arguments)

    def up(self) -> Run:
        """Deploys the copy's source; a failure fails the test."""
        run = self.stack("up").expect(0)
        self._deployed = (self.folder / "Pulumi.local.yaml").read_text()
        return run

    def settle(self) -> None:
        """Deploys the copy's source unless just that runs."""
        if not self.settled:
            self.up()

    def planned(self) -> dict[str, int]:
        """What a preview would do: operation to count, `same` left out."""
        run = self.stack("preview", extra=("--json",)).expect(0)
        plan = cast("dict[str, object]", json.loads(run.output[run.output.index("{") :]))
        summary = cast("dict[str, int]", plan["changeSummary"])
        return {operation: count for operation, count in summary.items() if operation != "same"}

    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        run = self.stack("output", extra=("--json",)).expect(0)
        return cast("dict[str, str]", json.loads(run.output[run.output.index("{") :]))

    def serving(self) -> str:
        """The digest that /health reports at the public address."""
        return cast("str", httpx.get(f"{self.url}/health", timeout=10).raise_for_status().json()["release"])

    def api_key(self) -> str:
        """The first API key."""
        return (self.paths.secrets / "BOOTSTRAP_API_KEY").read_text()

    def _run(self, module: str, *arguments: str) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        return Run(code=done.returncode, output=done.stdout)
