"""The service over one migrated database, with a fresh tenant and key for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from app.http.state import services_of
from app.main import create_app
from app.settings import Settings
from app.tenancy.keys import generate_key, hash_key, public_part
from tests.app.retrieval.library import Library, migrated_database
from tests.postgres import PostgresServer


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A tenant: its documents, and a client that brings its key."""

    library: Library
    key: str
    client: httpx.AsyncClient


@pytest.fixture(scope="session")
def query_database(postgres: PostgresServer) -> Iterator[str]:
    yield from migrated_database(postgres)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def app(query_database: str, anyio_backend: str) -> AsyncIterator[FastAPI]:
    assert anyio_backend == "asyncio"
    settings = Settings.model_validate(
        {"database_url": query_database, "rate_limit_enabled": False, "answer_score_floor": 0.32}
    )
    made = create_app(settings)
    yield made
    await services_of(made.state).engine.dispose()


def _reader(app: FastAPI, url: str) -> Reader:
    library, key = Library.of_new_tenant(url), generate_key()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO api_keys (tenant_id, key_id, key_hash) VALUES (%s, %s, %s)",
            (library.tenant_id, public_part(key), hash_key(key)),
        )
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://service.test",
        headers={"Authorization": f"Bearer {key}"},
    )
    return Reader(library=library, key=key, client=client)


@pytest.fixture
async def reader(app: FastAPI, query_database: str) -> AsyncIterator[Reader]:
    made = _reader(app, query_database)
    async with made.client:
        yield made


@pytest.fixture
async def other_reader(app: FastAPI, query_database: str) -> AsyncIterator[Reader]:
    made = _reader(app, query_database)
    async with made.client:
        yield made
