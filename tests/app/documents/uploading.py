"""Uploading and indexing, as the tests of this folder do it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from app.db.engine import create_engine, create_sessions
from app.ingestion.queue import JobQueue
from app.ingestion.wakeup import Wakeup
from app.ingestion.worker import IngestionWorker
from app.settings import Settings
from app.worker import parse_rules

Files = Sequence[tuple[str, bytes]]


def upload(client: httpx.Client, files: Files, field: str = "files[]", **options: Any) -> httpx.Response:
    """Send the files as one batch."""
    return client.post("/v1/documents/upload", files=[(field, file) for file in files], **options)


def upload_one(client: httpx.Client, name: str, content: bytes) -> dict[str, Any]:
    """Send one file and return its row."""
    response = upload(client, [(name, content)])
    assert response.status_code == 202, response.text
    row: dict[str, Any] = response.json()["documents"][0]
    return row


def work_until_idle(settings: Settings) -> None:
    """A worker in this process: handles jobs until none is due."""

    async def run() -> None:
        engine = create_engine(settings, process="worker", pool_size=4)
        sessions = create_sessions(engine)
        queue = JobQueue(sessions, lease_seconds=30, max_attempts=settings.job_max_attempts)
        worker = IngestionWorker(sessions, queue, Wakeup(settings.sqlalchemy_url, "test"), parse_rules(settings), 30)
        try:
            while (claim := await queue.claim()) is not None:
                await worker.see_through(claim)
        finally:
            await engine.dispose()

    asyncio.run(run())
