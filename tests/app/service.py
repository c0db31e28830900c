"""The application for tests: settings, a server in a thread, a real gunicorn, tenants and keys."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy.orm import Session

from app.db.engine import create_sync_engine
from app.main import create_app
from app.settings import Settings
from app.tenancy.store import create_key

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30.0


def make_settings(url: str, **values: object) -> Settings:
    """Settings for a database; other values by field name."""
    return Settings.model_validate({"database_url": url, **values})


def make_key(url: str, tenant: str = "acme") -> str:
    """A new key of a tenant, made as the command makes it."""
    with Session(create_sync_engine(make_settings(url), process="test")) as session, session.begin():
        return create_key(session, tenant, "test")


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def eventually(what: Callable[[], T | None], describe: str) -> T:
    """Ask until there is an answer; fails after a deadline, saying what never came."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answer = what()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"never came: {describe}")


@contextlib.contextmanager
def serving(app: FastAPI) -> Generator[httpx.Client]:
    """Serve an application over real HTTP on a free port of loopback."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, lifespan="on", proxy_headers=False, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="served-app")
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive(), "a started server")
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(PATIENCE_SECONDS)


@contextlib.contextmanager
def service(url: str, **values: object) -> Generator[httpx.Client]:
    """The service over a database."""
    with serving(create_app(make_settings(url, **values))) as client:
        yield client


def environment(url: str, **values: str) -> dict[str, str]:
    """The environment of a child process of the service: nothing of ours but what it needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "DATABASE_URL": url, **values}


def run_module(module: str, *arguments: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """`python -m module` to its end."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS * 2,
        check=False,
    )


@dataclass
class Gunicorn:
    """A real gunicorn with the service's configuration, as a child process."""

    process: subprocess.Popen[str]
    log: Path

    def output(self) -> str:
        return self.log.read_text()

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def gunicorn(
    folder: Path, env: Mapping[str, str], *, target: str = "app.main:app", fd: int | None = None, name: str = "web"
) -> Generator[Gunicorn]:
    """Start gunicorn; afterwards it is gone, whatever the test did."""
    log = folder / f"{name}.log"
    # Killed at the end of a test, it could not remove its counters from where they usually lie.
    env = {"PROMETHEUS_MULTIPROC_DIR": str(folder / f"{name}-metrics"), **env}
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn_conf.py", target]
    command += [] if fd is None else ["--bind", f"fd://{fd}"]
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            pass_fds=() if fd is None else (fd,),
            start_new_session=True,
        )
    try:
        yield Gunicorn(process, log)
    finally:
        # Its session holds the workers too; it is ours alone.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE_SECONDS)


@contextlib.contextmanager
def listening() -> Generator[tuple[int, str]]:
    """A listening socket that outlives whoever serves on it, as a supervisor owns it; its descriptor and URL."""
    with socket.socket() as owned:
        owned.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        owned.bind(("127.0.0.1", 0))
        owned.listen(512)
        yield owned.fileno(), f"http://127.0.0.1:{owned.getsockname()[1]}"
