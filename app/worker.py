"""The ingestion process of a release: `python -m app.worker`.

Writes the line `worker ready` (as a log record) once it takes jobs. SIGTERM or SIGINT: the range of chunks at hand is
finished, unfinished jobs go back to the queue, and the process ends with status 0. SIGKILL is safe too: the jobs are
taken over when their leases end.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import tempfile

from app.db.engine import create_engine, create_sessions
from app.ingestion.chunking import ChunkRules
from app.ingestion.parser import ParseRules
from app.ingestion.queue import JobQueue
from app.ingestion.wakeup import Wakeup
from app.ingestion.worker import IngestionWorker
from app.observability.logs import configure_logging
from app.settings import Settings, SettingsError, load_settings

_log = logging.getLogger(__name__)


def pool_size(settings: Settings) -> int:
    """Connections that the worker's pool may open: each slot writes and renews its lease at the same time.

    One more connection listens for jobs outside of the pool.
    """
    return settings.worker_concurrency * 2


def parse_rules(settings: Settings) -> ParseRules:
    """How files are parsed and cut under these settings."""
    return ParseRules(
        chunks=ChunkRules(size=settings.chunk_size, overlap=settings.chunk_overlap, minimum=settings.min_chunk_size),
        max_pages=settings.max_pages_per_document,
        memory_mb=settings.parse_memory_mb,
        timeout_seconds=settings.parse_timeout_seconds,
        token_tables=settings.tiktoken_cache_dir,
    )


async def run(settings: Settings) -> None:
    """Works until SIGTERM or SIGINT. A database that is away, now or later, is waited for."""
    if settings.upload_dir is not None:
        tempfile.tempdir = str(settings.upload_dir)
    engine = create_engine(settings, process="worker", pool_size=pool_size(settings))
    sessions = create_sessions(engine)
    worker = IngestionWorker(
        sessions,
        JobQueue(sessions, lease_seconds=settings.job_lease_seconds, max_attempts=settings.job_max_attempts),
        Wakeup(settings.sqlalchemy_url, f"{settings.app_name}:worker-listen"),
        parse_rules(settings),
        settings.job_lease_seconds,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    try:
        _log.info("worker ready", extra={"release": settings.app_release, "slots": settings.worker_concurrency})
        await worker.run(settings.worker_concurrency)
    finally:
        await engine.dispose()
    _log.info("worker stopped")


def main() -> int:
    """0 after a signal to stop, 1 when the settings are not usable or something unforeseen happened."""
    try:
        settings = load_settings()
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    configure_logging(settings.effective_log_level)
    try:
        asyncio.run(run(settings))
    except Exception:
        # Through the log, which knows no secrets, and not as the interpreter's traceback.
        _log.exception("the worker cannot go on")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
