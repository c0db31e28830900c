"""A migrated database for the session, a fresh tenant for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from tests.app.retrieval.library import Library, migrated_database
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def service_database(postgres: PostgresServer) -> Iterator[str]:
    yield from migrated_database(postgres)


@pytest.fixture
def library(service_database: str) -> Library:
    return Library.of_new_tenant(service_database)


@pytest.fixture
def other_library(service_database: str) -> Library:
    return Library.of_new_tenant(service_database)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def session(service_database: str, anyio_backend: str) -> AsyncIterator[AsyncSession]:
    assert anyio_backend == "asyncio"
    engine = create_async_engine(service_database.replace("postgresql://", "postgresql+psycopg://"))
    async with async_sessionmaker(engine)() as opened:
        yield opened
    await engine.dispose()
