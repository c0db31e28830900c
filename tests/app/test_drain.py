"""A worker leaves without failing a request; measured with a real gunicorn."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.app.service import PATIENCE_SECONDS, Gunicorn, environment, eventually, gunicorn, listening

pytestmark = pytest.mark.integration

TARGET = "tests.app.drain_app:build()"
BLUE, GREEN = ("sha256:" + digit * 64 for digit in "bc")


def settings(url: str, **values: str) -> dict[str, str]:
    common = {"API_WORKERS": "1", "DRAIN_SECONDS": "1", "RATE_LIMIT_ENABLED": "false", "LOG_LEVEL": "INFO"}
    return environment(url, **{**common, **values})


def started(server: Gunicorn, workers: int = 1) -> None:
    def up() -> bool:
        assert server.process.poll() is None, server.output()
        return server.output().count("Application startup complete") >= workers

    eventually(up, "gunicorn's workers")


class Traffic(threading.Thread):
    """A client that never stops asking: on one kept connection, or on a new one each time."""

    def __init__(self, base: str, *, keep: bool) -> None:
        super().__init__(name="traffic")
        self.releases: Counter[str] = Counter()
        self.failures: list[str] = []
        self._base = base
        self._keep = keep
        self._halt = threading.Event()

    def run(self) -> None:
        with ExitStack() as stack:
            client = stack.enter_context(httpx.Client(base_url=self._base, timeout=10, trust_env=False))
            headers = {} if self._keep else {"Connection": "close"}
            while not self._halt.wait(0.005):
                try:
                    answer = client.get("/health", headers=headers)
                    if answer.status_code == 200:
                        self.releases[str(answer.json()["release"])] += 1
                    else:
                        self.failures.append(f"status {answer.status_code}")
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))

    def finish(self) -> None:
        self._halt.set()
        self.join(PATIENCE_SECONDS)


def test_a_release_on_a_shared_socket_fails_no_request(migrated_url: str, tmp_path: Path) -> None:
    with listening() as (fd, base), ExitStack() as stack:

        def start(name: str, release: str) -> Gunicorn:
            env = settings(migrated_url, APP_RELEASE=release)
            return stack.enter_context(gunicorn(tmp_path, env, target=TARGET, fd=fd, name=name))

        blue = start("blue", BLUE)
        started(blue)
        clients = [Traffic(base, keep=keep) for keep in (True, True, False, False)]
        for client in clients:
            client.start()
        try:
            eventually(lambda: all(client.releases[BLUE] > 5 for client in clients), "answers of blue")
            green = start("green", GREEN)
            started(green)
            blue.terminate()
            assert blue.wait() == 0
            seen = [client.releases[GREEN] for client in clients]
            eventually(
                lambda: all(c.releases[GREEN] > n + 5 for c, n in zip(clients, seen, strict=True)), "answers of green"
            )
            # And back: the slot that was left can be taken again on the same socket.
            again = start("again", BLUE)
            started(again)
            green.terminate()
            assert green.wait() == 0
            seen = [client.releases[BLUE] for client in clients]
            eventually(
                lambda: all(c.releases[BLUE] > n + 5 for c, n in zip(clients, seen, strict=True)), "answers of blue"
            )
        finally:
            for client in clients:
                client.finish()
        assert [client.failures for client in clients] == [[], [], [], []]
        assert "Bad file descriptor" not in blue.output() + green.output()


def test_a_lame_duck_still_accepts_says_it_is_leaving_and_closes_connections(migrated_url: str, tmp_path: Path) -> None:
    env = settings(migrated_url, DRAIN_SECONDS="3")
    with listening() as (fd, base), gunicorn(tmp_path, env, target=TARGET, fd=fd) as server:
        started(server)
        with httpx.Client(base_url=base, trust_env=False) as client:
            before = client.get("/readyz")
            assert before.status_code == 200
            assert before.headers.get("connection") != "close"
            server.terminate()
            leaving = eventually(
                lambda: answer if (answer := client.get("/readyz")).status_code == 503 else None, "a lame duck"
            )
            assert leaving.json() == {"status": "draining"}
            assert leaving.headers["connection"] == "close"
            assert client.get("/health").status_code == 200
            assert client.get("/livez").headers["connection"] == "close"
        assert server.wait() == 0


def test_requests_in_flight_finish_even_when_sigterm_is_repeated(migrated_url: str, tmp_path: Path) -> None:
    env = settings(migrated_url, DRAIN_SECONDS="0")
    with listening() as (fd, base), gunicorn(tmp_path, env, target=TARGET, fd=fd) as server:
        started(server)
        answers: dict[str, str] = {}

        def ask(path: str) -> None:
            answers[path] = httpx.get(f"{base}{path}", timeout=20, trust_env=False).text

        threads = [threading.Thread(target=ask, args=(path,)) for path in ("/slow", "/stream")]
        for thread in threads:
            thread.start()
        metrics = f"{base}/metrics"
        eventually(lambda: "http_requests_in_flight 3.0" in httpx.get(metrics, trust_env=False).text, "two in flight")
        [worker] = server.workers()
        server.terminate()
        # As a supervisor that signals the whole group, and as gunicorn's own second thoughts.
        for _ in range(3):
            os.kill(worker, signal.SIGTERM)
            time.sleep(0.1)
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert server.wait() == 0
    assert answers["/slow"] == '"finished"'
    assert answers["/stream"] == "".join(f"{number}\n" for number in range(25))


def test_a_connection_accepted_last_gets_its_answer(migrated_url: str, tmp_path: Path) -> None:
    with (
        listening() as (fd, base),
        gunicorn(tmp_path, settings(migrated_url, DRAIN_SECONDS="1"), target=TARGET, fd=fd) as server,
    ):
        started(server)
        address = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        server.terminate()
        eventually(lambda: httpx.get(f"{base}/readyz", trust_env=False).status_code == 503, "a lame duck")
        with socket.create_connection(address, timeout=10) as connection:
            # The worker stops accepting while this client still thinks about what to ask.
            eventually(lambda: "Shutting down" in server.output() or _lingers(server), "the end of the lame duck phase")
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: test\r\n\r\n")
            answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), server.output()
        assert b"connection: close" in answer.lower()
        assert server.wait() == 0


def _lingers(server: Gunicorn) -> bool:
    """Whether the worker has closed its listening socket."""
    [worker] = server.workers()
    inodes: set[str] = set()
    for path in Path(f"/proc/{worker}/fd").iterdir():
        # A descriptor may be closed while it is looked at.
        with contextlib.suppress(FileNotFoundError):
            inodes.add(str(path.readlink()))
    return not any(f"socket:[{line.split()[9]}]" in inodes for line in _listening_lines(worker))


def _listening_lines(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    return [line for line in lines if line.split()[3] == "0A"]


def test_sigquit_ends_it_at_once_with_requests_in_flight(migrated_url: str, tmp_path: Path) -> None:
    env = settings(migrated_url, DRAIN_SECONDS="60", GRACEFUL_TIMEOUT_SECONDS="120")
    with listening() as (fd, base), gunicorn(tmp_path, env, target=TARGET, fd=fd) as server:
        started(server)
        with socket.create_connection(("127.0.0.1", int(base.rsplit(":", 1)[1]))) as connection:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
            server.terminate()
            eventually(lambda: httpx.get(f"{base}/readyz", trust_env=False).status_code == 503, "a lame duck")
            server.process.send_signal(signal.SIGQUIT)
            # Without the signal it would take three minutes, longer than this test may.
            assert server.wait() == 0


def test_settings_that_cannot_work_end_gunicorn_with_words_instead_of_a_traceback(tmp_path: Path) -> None:
    with gunicorn(tmp_path, environment("", API_PORT="0")) as server:
        assert server.wait() != 0
        output = server.output()
    assert "DATABASE_URL is not set" in output
    assert "API_PORT" in output
    assert "Traceback" not in output
