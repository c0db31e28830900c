"""The container's own health check, as the engine runs it: a process, its exit status, one line."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.app.service import ROOT, service

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.integration


def check(port: int | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.healthcheck", *arguments],
        cwd=ROOT,
        env={"API_PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextmanager
def answering(reply: bytes) -> Generator[int]:
    """A server whose every answer is this; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="health")
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def silent() -> Generator[int]:
    """A process that hangs: the kernel accepts connections, nobody answers."""
    with socket.socket() as owned:
        owned.bind(("127.0.0.1", 0))
        owned.listen(8)
        yield owned.getsockname()[1]


@pytest.mark.parametrize("path", [[], ["/livez"], ["/readyz"], ["/health"]])
def test_a_service_that_answers_is_healthy(migrated_url: str, path: list[str]) -> None:
    with service(migrated_url) as client:
        done = check(client.base_url.port or 0, *path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_database_the_process_lives_but_is_not_ready() -> None:
    with service("postgresql://nobody:unused@127.0.0.1:1/none") as client:
        port = client.base_url.port or 0
        assert check(port).returncode == 0
        done = check(port, "/readyz")
    assert (done.returncode, done.stderr) == (1, f"healthcheck: 127.0.0.1:{port}/readyz answered 503\n")


def test_a_redirect_is_not_an_answer() -> None:
    with answering(b"HTTP/1.1 302 Found\r\nLocation: /livez\r\nContent-Length: 0\r\n\r\n") as port:
        assert check(port).stderr == f"healthcheck: 127.0.0.1:{port}/livez answered 302\n"


@pytest.mark.parametrize("reply", [b"", b"SSH-2.0-OpenSSH\r\n"])
def test_what_is_not_http_is_a_failure_in_one_line(reply: bytes) -> None:
    with answering(reply) as port:
        done = check(port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"healthcheck: no answer from 127.0.0.1:{port}/livez: ")
    assert done.stderr.count("\n") == 1


def test_a_process_that_hangs_is_given_up_before_the_engine_does() -> None:
    with silent() as port:
        done = check(port)
    assert (done.returncode, done.stderr) == (
        1,
        f"healthcheck: no answer from 127.0.0.1:{port}/livez: timed out\n",
    )


@pytest.mark.parametrize("port", ["http", "99999"])
def test_a_port_that_is_none_is_told_in_one_line(port: str) -> None:
    done = check(port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"healthcheck: no answer from 127.0.0.1:{port}/livez: ")
    assert "Traceback" not in done.stderr


def test_it_imports_nothing_but_the_standard_library() -> None:
    # -S leaves out site-packages: whatever else it imported would not be found.
    probe = "import sys, app.healthcheck; print([name for name in sys.modules if name.startswith('app')])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", probe], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "['app', 'app.healthcheck']"
