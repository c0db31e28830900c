"""The image at work, over a real PostgreSQL: read-only, without a capability and without a shell."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from app.tenancy.keys import generate_key
from components.workload import MIGRATE, WORKER
from tests.fixtures.documents import docx, pdf
from tests.image.balancer import Balancer
from tests.image.containers import PATIENCE_SECONDS, STOP_SECONDS, STRICT, Container, run_once, running

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.image.conftest import Built, Database

pytestmark = [pytest.mark.image, pytest.mark.timeout(600)]

FILES: Final = (
    ("ferry.pdf", pdf(["The first ferry leaves at six.", "The last ferry leaves the island at a quarter past ten."])),
    ("kiln.docx", docx(["Firing.\n\nThe kiln may get no hotter than 1280 degrees while porcelain is fired."])),
    ("keys.md", b"# Keys\n\nThe spare key of the boathouse hangs behind the third oar.\n"),
)
QUESTIONS: Final = {
    "When does the last ferry leave the island?": ("ferry.pdf", "a quarter past ten"),
    "How hot may the kiln get while porcelain is fired?": ("kiln.docx", "1280 degrees"),
    "Where does the spare key of the boathouse hang?": ("keys.md", "third oar"),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web(built: Built, database: Database, **values: str) -> Generator[tuple[Container, httpx.Client]]:
    """The web process, ready, and a client with the tenant's key."""
    port = free_port()
    environment = database.environment(API_PORT=str(port), API_HOST="127.0.0.1", API_WORKERS="1", **values)
    address = f"http://127.0.0.1:{port}"
    with (
        running(built.engine, built.reference, environment=environment) as container,
        httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {database.key}"}, timeout=30, trust_env=False
        ) as client,
    ):
        container.eventually(lambda: status_of(client, "/readyz") == 200, "a web process that is ready")
        yield container, client


def worker(built: Built, database: Database) -> AbstractContextManager[Container]:
    options = ("--no-healthcheck",)
    return running(built.engine, built.reference, *WORKER.command, environment=database.environment(), options=options)


def status_of(client: httpx.Client, path: str) -> int | None:
    """None when nobody answers."""
    try:
        return client.get(path).status_code
    except httpx.HTTPError:
        return None


def test_a_shell_cannot_be_run_so_that_what_follows_needs_none(built: Built) -> None:
    status, output = run_once(built.engine, built.reference, "sh", "-c", "true")
    assert status != 0
    assert 'exec: "sh"' in output
    assert run_once(built.engine, built.reference, "python", "-c", "print('runs')") == (0, "runs\n")


def test_a_migration_runs_twice_and_the_second_changes_nothing(built: Built, database_url: str) -> None:
    environment = {"DATABASE_URL": database_url, "BOOTSTRAP_API_KEY": generate_key()}
    for first in (True, False):
        status, output = run_once(built.engine, built.reference, *MIGRATE.command, environment=environment)
        assert status == 0, output
        assert output.splitlines()[-1] == "migrate: the schema is at this release's head"
        assert ("Running upgrade" in output) == first


def test_a_migration_that_cannot_run_says_why_and_fails(built: Built) -> None:
    status, output = run_once(built.engine, built.reference, *MIGRATE.command)
    assert status == 1
    assert "DATABASE_URL is not set" in output


def test_documents_are_taken_in_and_questions_about_them_answered(built: Built, database: Database) -> None:
    with web(built, database) as (serving, client), worker(built, database) as working:
        working.eventually(lambda: "worker ready" in working.output(), "a worker that takes jobs")
        sent = client.post("/v1/documents/upload", files=[("files[]", file) for file in FILES])
        assert sent.status_code == 202, sent.text
        progress = f"/v1/documents/uploads/{sent.json()['upload_batch_id']}/progress"
        working.eventually(lambda: client.get(progress).json()["progress"] == 100, "indexed documents")
        assert {document["status"] for document in client.get(progress).json()["documents"]} == {"indexed"}
        for question, (name, words) in QUESTIONS.items():
            answer = client.post("/v1/query", json={"query": question}).json()
            assert answer["answered"], answer
            assert words in answer["answer"]
            assert answer["citations"][0]["filename"] == name
        assert working.stop() == 0
        assert '"worker stopped"' in working.output()
        assert serving.stop() == 0
        assert "Traceback" not in serving.output() + working.output()


def test_the_engine_sees_a_healthy_container_and_its_check_fails_without_the_service(
    built: Built, database: Database
) -> None:
    with web(built, database) as (container, client):
        container.eventually(lambda: container.health() == "healthy", "a healthy container")
        assert client.get("/health").json()["status"] == "ok"
    port = str(free_port())
    check = ("python", "-m", "app.healthcheck")
    status, output = run_once(built.engine, built.reference, *check, environment={"API_PORT": port})
    assert status == 1
    assert output == f"healthcheck: no answer from 127.0.0.1:{port}/livez: [Errno 111] Connection refused\n"


def test_the_process_is_nobody_and_can_write_to_its_scratch_space_alone(built: Built, database: Database) -> None:
    with web(built, database) as (container, _):
        assert container.python("import os; print(os.getuid(), os.getgid(), os.geteuid())") == "10001 10001 10001"
        capabilities = "print([line.split()[1] for line in open('/proc/1/status') if line.startswith('CapEff')])"
        assert container.python(capabilities) == "['0000000000000000']"
        for path in ("/srv/rag/x", "/srv/rag/app/x", "/opt/venv/x", "/x", "/etc/x"):
            assert (
                container.python(f"import os; print(os.access({path.rpartition('/')[0] or '/'!r}, os.W_OK))") == "False"
            )
        assert container.python("open('/tmp/x', 'w').write('x'); print('written')") == "written"
    # And where the root is not read-only, the image's own permissions hold.
    writable = "import os; print([path for path, *_ in os.walk('/srv') if os.access(path, os.W_OK)])"
    options = ("--network", "none")
    status, output = run_once(built.engine, built.reference, "python", "-c", writable, options=options)
    assert (status, output) == (0, "[]\n")


@pytest.mark.parametrize(("limit", "told", "workers"), [("1", None, 1), ("0.5", None, 1), ("1", "3", 3)])
def test_web_processes_follow_the_containers_limit_unless_told(
    built: Built, limit: str, told: str | None, workers: int
) -> None:
    environment = {"DATABASE_URL": "postgresql://user:pw-of-nobody@127.0.0.1:1/none"}
    environment |= {} if told is None else {"API_WORKERS": told}
    options = (*STRICT, "--cpus", limit)
    code = "import gunicorn_conf; print(gunicorn_conf.workers)"
    done = run_once(built.engine, built.reference, "python", "-c", code, environment=environment, options=options)
    assert done == (0, f"{workers}\n")


def test_gunicorn_keeps_connections_long_and_its_heartbeat_in_memory(built: Built) -> None:
    environment = {"DATABASE_URL": "postgresql://user:pw-of-nobody@127.0.0.1:1/none"}
    code = "import gunicorn_conf as conf; print(conf.keepalive, conf.worker_tmp_dir)"
    status, output = run_once(built.engine, built.reference, "python", "-c", code, environment=environment)
    assert (status, output) == (0, "620 /dev/shm\n")


def test_two_processors_get_two_web_processes(built: Built, database: Database) -> None:
    """The default, seen in the processes themselves: one for each processor that the container may use."""
    port = free_port()
    environment = database.environment(API_PORT=str(port), API_HOST="127.0.0.1")
    with running(built.engine, built.reference, environment=environment, options=("--cpus", "2")) as container:
        expected = int(container.python("from app.cpus import usable_cpus; print(usable_cpus())"))
        started = '"Application startup complete."'
        container.eventually(lambda: container.output().count(started) == expected, f"{expected} web processes")


def test_the_count_of_lost_requests_sees_a_container_that_nobody_waits_for(built: Built, database: Database) -> None:
    with web(built, database) as (old, client):
        address = str(client.base_url).rstrip("/")
        with Balancer([address], database.key, watches=False) as traffic:
            old.eventually(lambda: traffic.answered[address] > 50, "a load on the container")
            old.stop()
            _until(lambda: bool(traffic.failures), "a failure")
    assert any("refused" in failure for failure in traffic.failures)


def test_a_rollout_under_load_loses_no_request(built: Built, database: Database) -> None:
    drain = {"DRAIN_SECONDS": "5"}
    with web(built, database, **drain) as (old, old_client), web(built, database) as (_, new_client):
        leaving, taking = (str(client.base_url).rstrip("/") for client in (old_client, new_client))
        with Balancer([leaving, taking], database.key) as traffic:
            old.eventually(lambda: traffic.answered[leaving] > 200, "a load on the old container")
            assert old.stop() == 0
            before = traffic.answered[taking]
            _until(lambda: traffic.answered[taking] > before + 200, "a load on the new container")
        assert traffic.failures == []
        assert "Traceback" not in old.output()


def test_an_upload_in_flight_is_taken_although_the_door_is_closed_by_then(built: Built, database: Database) -> None:
    text = " ".join(f"Line {number} of a long text." for number in range(40_000)).encode()
    body, boundary = _multipart("long.txt", text), _BOUNDARY
    with web(built, database, DRAIN_SECONDS="1") as (container, client):
        address = ("127.0.0.1", client.base_url.port or 0)
        with socket.create_connection(address, timeout=60) as upload:
            head = (
                f"POST /v1/documents/upload HTTP/1.1\r\nHost: web\r\nAuthorization: Bearer {database.key}\r\n"
                f"Content-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            upload.sendall(head.encode() + body[: len(body) // 2])
            stopped: list[int] = []
            stopping = threading.Thread(target=lambda: stopped.append(container.stop()), name="stop")
            stopping.start()
            container.eventually(lambda: _refused(address), "a closed door")
            upload.sendall(body[len(body) // 2 :])
            answer = upload.recv(65536).decode()
            stopping.join(STOP_SECONDS)
        assert answer.startswith("HTTP/1.1 202 "), answer
        assert stopped == [0]


_BOUNDARY: Final = f"boundary-{secrets.token_hex(8)}"


def _multipart(name: str, content: bytes) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="files[]"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _refused(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def _until(what: Callable[[], bool], describe: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not what():
        assert time.monotonic() < deadline, f"never came: {describe}"
        time.sleep(0.05)
