"""Real worker processes against a real PostgreSQL, killed and stopped in the middle of their work."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from alembic import command
from psycopg.rows import TupleRow

from app.db.schema import alembic_config
from app.ingestion.chunking import ChunkRules, chunks_of, join_pages
from app.ingestion.extract import pages_of
from app.ingestion.sniffing import FileKind
from app.ingestion.tokens import token_counter
from app.ingestion.wakeup import Wakeup
from tests.app.ingestion.conftest import queue_document
from tests.app.service import eventually, make_settings
from tests.fixtures.documents import long_pdf
from tests.postgres import postgres_server

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
PAGES = 200
SIZES = {"CHUNK_SIZE": "120", "CHUNK_OVERLAP": "10", "MIN_CHUNK_SIZE": "10"}
LEASE_SECONDS = "2"


@cache
def book() -> bytes:
    return long_pdf(PAGES)


@cache
def expected_chunks() -> list[tuple[int, int, int, int, str]]:
    """What indexing the book must leave, computed in this process."""
    text, starts = join_pages(pages_of(io.BytesIO(book()), FileKind.PDF, PAGES))
    found = chunks_of(text, starts, ChunkRules(size=120, overlap=10, minimum=10), token_counter(None))
    return [(chunk.ordinal, chunk.page, chunk.start, chunk.end, chunk.text) for chunk in found]


def rows(url: str, statement: str, *values: object) -> list[TupleRow]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode(), values).fetchall()


def job(url: str) -> tuple[str, int, int, int | None]:
    (found,) = rows(url, "SELECT status, attempt, checkpoint, total FROM jobs")
    return found[0], found[1], found[2], found[3]


def status(url: str) -> str:
    ((found,),) = rows(url, "SELECT status FROM documents")
    return str(found)


StartWorker = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]


@pytest.fixture
def start_worker(tmp_path: Path) -> StartWorker:
    """Starts `python -m app.worker`; whatever the test does, the process is gone at its end."""

    @contextmanager
    def start(url: str, **environment: str) -> Generator[subprocess.Popen[bytes]]:
        values = {"PATH": os.environ["PATH"], "DATABASE_URL": url, "JOB_LEASE_SECONDS": LEASE_SECONDS, **SIZES}
        with (tmp_path / "worker.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "app.worker"], cwd=ROOT, env={**values, **environment}, stdout=log, stderr=log
            )
        try:
            yield worker
        finally:
            worker.kill()
            worker.wait()

    return start


@pytest.fixture
def log(tmp_path: Path) -> Callable[[], str]:
    return (tmp_path / "worker.log").read_text


def wait_for_the_middle(url: str) -> None:
    eventually(lambda: job(url)[2] > 0, "a first range of chunks")


def assert_every_chunk_exactly_once(url: str, document: UUID) -> None:
    stored = rows(
        url,
        "SELECT ordinal, page, start_offset, end_offset, text FROM chunks WHERE document_id = %s ORDER BY ordinal",
        document,
    )
    assert stored == expected_chunks()
    assert rows(url, "SELECT page_count, chunk_count FROM documents") == [(PAGES, len(stored))]


def test_a_worker_killed_in_the_middle_of_200_pages_is_replaced_and_every_chunk_is_there_once(
    migrated_url: str, start_worker: StartWorker
) -> None:
    document = queue_document(migrated_url, "book.pdf", book())
    with start_worker(migrated_url) as first:
        wait_for_the_middle(migrated_url)
        first.send_signal(signal.SIGKILL)
        first.wait()
    state, attempt, checkpoint, total = job(migrated_url)
    assert (state, attempt, total) == ("running", 1, len(expected_chunks()))
    assert 0 < checkpoint < len(expected_chunks())
    with start_worker(migrated_url):
        eventually(lambda: status(migrated_url) == "indexed", "the end of the document")
    assert job(migrated_url)[:2] == ("done", 2)
    assert_every_chunk_exactly_once(migrated_url, document)


def test_a_worker_told_to_stop_gives_its_job_back_and_the_next_one_goes_on(
    migrated_url: str, start_worker: StartWorker
) -> None:
    document = queue_document(migrated_url, "book.pdf", book())
    # A lease so long that only a job given back can be gone on with in time.
    with start_worker(migrated_url, JOB_LEASE_SECONDS="3600") as first:
        wait_for_the_middle(migrated_url)
        first.terminate()
        assert first.wait(20) == 0
    state, attempt, checkpoint, _ = job(migrated_url)
    assert (state, attempt) == ("queued", 0)
    assert 0 < checkpoint < len(expected_chunks())
    with start_worker(migrated_url):
        eventually(lambda: status(migrated_url) == "indexed", "the end of the document")
    assert_every_chunk_exactly_once(migrated_url, document)


def test_a_worker_told_to_stop_while_it_parses_gives_its_job_back_too(
    migrated_url: str, start_worker: StartWorker
) -> None:
    queue_document(migrated_url, "long.txt", b"a b. " * 3_000_000)
    with start_worker(migrated_url, JOB_LEASE_SECONDS="3600") as worker:
        eventually(lambda: status(migrated_url) == "processing", "a document at work")
        worker.terminate()
        assert worker.wait(20) == 0
    assert job(migrated_url) == ("queued", 0, 0, None)


def test_an_idle_worker_stops_when_told(migrated_url: str, start_worker: StartWorker, log: Callable[[], str]) -> None:
    with start_worker(migrated_url) as worker:
        eventually(lambda: "worker ready" in log(), "a ready worker")
        worker.terminate()
        assert worker.wait(20) == 0
    assert "worker stopped" in log()


def test_workers_share_a_queue_without_doing_anything_twice(migrated_url: str, start_worker: StartWorker) -> None:
    for number in range(6):
        queue_document(migrated_url, f"{number}.txt", f"Text number {number}.".encode())
    with start_worker(migrated_url, WORKER_CONCURRENCY="2"), start_worker(migrated_url, WORKER_CONCURRENCY="2"):
        done = "SELECT count(*) FROM documents WHERE status = 'indexed'"
        eventually(lambda: rows(migrated_url, done) == [(6,)], "six indexed documents")
    assert rows(migrated_url, "SELECT DISTINCT status, attempt FROM jobs") == [("done", 1)]
    assert rows(migrated_url, "SELECT count(*), count(DISTINCT text) FROM chunks") == [(6, 6)]


def test_a_worker_survives_the_death_of_postgresql_and_goes_on(
    start_worker: StartWorker, log: Callable[[], str]
) -> None:
    with postgres_server() as server:
        url = server.create_database()
        command.upgrade(alembic_config(make_settings(url).sqlalchemy_url), "head")
        document = queue_document(url, "book.pdf", book())
        with start_worker(url) as worker:
            wait_for_the_middle(url)
            server.kill()
            # Long enough for the worker to have met the outage, which its log tells.
            eventually(lambda: "trying again" in log() or "interrupted" in log(), "a worker that noticed")
            server.start()
            assert 0 < job(url)[2] < len(expected_chunks())
            eventually(lambda: status(url) == "indexed", "the end of the document")
            assert worker.poll() is None
            assert_every_chunk_exactly_once(url, document)
            # The listening connection is back as well, or polling: either way new work is found.
            queue_document(url, "next.txt", b"One more text.")
            both = "SELECT count(*) FROM documents WHERE status = 'indexed'"
            eventually(lambda: rows(url, both) == [(2,)], "the next document")
            server.kill()
            worker.terminate()
            assert worker.wait(20) == 0, "a worker stops without a database, too"
        assert "postgres:" not in log(), "the password's URL is in no log"


def test_a_worker_without_its_settings_says_what_is_missing(start_worker: StartWorker, log: Callable[[], str]) -> None:
    with start_worker("", CHUNK_OVERLAP="120") as worker:
        assert worker.wait(20) == 1
    assert "DATABASE_URL" in log()
    assert "Traceback" not in log()


def test_the_bell_rings_for_an_upload_and_a_wait_without_one_ends_by_itself(migrated_url: str) -> None:
    async def run() -> None:
        wakeup = Wakeup(make_settings(migrated_url).sqlalchemy_url, "test")
        listener = asyncio.create_task(wakeup.listen())
        try:
            async with asyncio.timeout(20):
                # The first ring says that the bell is connected.
                await wakeup.wait(3600)
                await wakeup.wait(0.01)
                await asyncio.to_thread(queue_document, migrated_url, "a.txt", b"text")
                await wakeup.wait(3600)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    asyncio.run(run())
