"""The real service over a database of its own: migrated, filled and served by gunicorn on loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import httpx
import psycopg

from bench.corpus import SyntheticCorpus

ROOT = Path(__file__).resolve().parents[1]
_START_SECONDS = 60.0
_STOP_SECONDS = 45.0
_CHUNKS_PER_DOCUMENT = 100


def service_environment(database_url: str, key: str, *, workers: int) -> dict[str, str]:
    """What the service's processes are started with; the limit is high, but its cost is measured too."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "DATABASE_URL": database_url,
        "BOOTSTRAP_API_KEY": key,
        "API_WORKERS": str(workers),
        "RATE_LIMIT_QUERY": "1000000/minute",
        "DRAIN_SECONDS": "0",
        "LOG_LEVEL": "WARNING",
    }


def migrate(environment: Mapping[str, str]) -> None:
    """Run the release's own migration. Raises subprocess.CalledProcessError when it fails."""
    subprocess.run([sys.executable, "-m", "app.migrate"], cwd=ROOT, env=dict(environment), check=True, timeout=120)


def fill(database_url: str, corpus: SyntheticCorpus, chunks: int) -> None:
    """Store indexed documents of synthetic chunks for the first tenant, and analyze as autovacuum would."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute("SELECT id FROM tenants").fetchone()
        assert row is not None
        tenant: UUID = row[0]
        documents = _documents(connection, tenant, chunks)
        copy_chunks = (
            "COPY chunks (id, tenant_id, document_id, ordinal, page, page_end, start_offset, end_offset, token_count,"
            " text) FROM STDIN"
        )
        with connection.cursor() as cursor, cursor.copy(copy_chunks) as rows:
            offset = 0
            for number in range(chunks):
                ordinal = number % _CHUNKS_PER_DOCUMENT
                offset = 0 if ordinal == 0 else offset
                document, chunk = documents[number // _CHUNKS_PER_DOCUMENT], corpus.chunk()
                end = offset + len(chunk.text)
                page = ordinal // 3 + 1
                tokens = chunk.words * 4 // 3
                identifier = uuid5(document, str(ordinal))
                rows.write_row((identifier, tenant, document, ordinal, page, page, offset, end, tokens, chunk.text))
                offset = end + 1
        connection.execute("VACUUM ANALYZE")


def _documents(connection: psycopg.Connection, tenant: UUID, chunks: int) -> list[UUID]:
    count = -(-chunks // _CHUNKS_PER_DOCUMENT)
    batch = uuid4()
    documents = [uuid4() for _ in range(count)]
    connection.execute(
        "INSERT INTO upload_batches (id, tenant_id, total_files, accepted_files, rejected_files)"
        " VALUES (%s, %s, %s, %s, 0)",
        (batch, tenant, count, count),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO documents (id, tenant_id, batch_id, filename, content_type, size_bytes, sha256, status,"
            " chunk_count) VALUES (%s, %s, %s, %s, 'text/plain', 1, %s, 'indexed', %s)",
            [
                (document, tenant, batch, f"synthetic-{number:04}.txt", document.bytes, _CHUNKS_PER_DOCUMENT)
                for number, document in enumerate(documents)
            ],
        )
    return documents


@contextlib.contextmanager
def web(environment: Mapping[str, str]) -> Generator[str]:
    """Run the web process; yields its URL once it is ready, and leaves no process behind."""
    with socket.socket() as listener, tempfile.TemporaryFile() as log:
        listener.bind(("127.0.0.1", 0))
        listener.listen(512)
        descriptor = listener.fileno()
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn_conf.py", "--bind", f"fd://{descriptor}"]
        process = subprocess.Popen(
            [*command, "app.main:app"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(descriptor,),
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            if not _becomes_ready(url, process):
                log.seek(0)
                raise RuntimeError(
                    f"The web process did not become ready. Its log ends:\n{log.read()[-2000:].decode()}"
                )
            yield url
        finally:
            _stop(process)


def _becomes_ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/readyz", timeout=5, trust_env=False).is_success:
                return True
        time.sleep(0.1)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # The session is the child's own and holds its workers too.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(_STOP_SECONDS)
