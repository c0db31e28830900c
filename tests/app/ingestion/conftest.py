"""Documents in a real database, queued without the HTTP service."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from app.db.engine import Sessions, create_engine, create_sessions, create_sync_engine
from app.documents.intake import IntakeRules, look_at
from app.documents.receiving import receive
from app.settings import Settings
from app.tenancy.store import ensure_tenant
from tests.app.service import make_settings

RULES = IntakeRules(extensions=frozenset({"pdf", "docx", "txt", "md"}), max_file_bytes=2**24)


@asynccontextmanager
async def sessions_of(settings: Settings) -> AsyncGenerator[Sessions]:
    engine = create_engine(settings, process="test", pool_size=8)
    try:
        yield create_sessions(engine)
    finally:
        await engine.dispose()


def queue_document(url: str, name: str, content: bytes) -> UUID:
    """Store a document with its job, as an upload does, and return its id."""
    settings = make_settings(url)
    with Session(create_sync_engine(settings, process="test")) as session, session.begin():
        tenant_id = ensure_tenant(session, "acme")

    async def run() -> UUID:
        async with sessions_of(settings) as sessions, sessions.begin() as session:
            batch = await receive(session, tenant_id, [look_at(io.BytesIO(content), name, RULES)])
        return UUID(int=batch.int & ~0xFF)

    return asyncio.run(run())


@pytest.fixture
def settings(migrated_url: str) -> Settings:
    return make_settings(migrated_url, chunk_size=100, chunk_overlap=20, min_chunk_size=20)
