"""The service over real HTTP, its worker, and what tests do with both."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import psycopg
import pytest
from psycopg.rows import TupleRow

from app.main import create_app
from tests.app.service import bearer, make_key, make_settings, serving

Serve = Callable[..., AbstractContextManager[httpx.Client]]
Sql = Callable[..., list[TupleRow]]


@pytest.fixture
def serve(migrated_url: str) -> Serve:
    """Serves the application under settings of the test's choice; the client is the tenant `acme`."""

    @contextmanager
    def open_service(**values: object) -> Generator[httpx.Client]:
        settings = make_settings(migrated_url, rate_limit_enabled=False, **values)
        with serving(create_app(settings)) as client:
            client.headers.update(bearer(make_key(migrated_url)))
            yield client

    return open_service


@pytest.fixture
def client(serve: Serve) -> Iterator[httpx.Client]:
    """A client of the service with small limits, so that tests of limits stay fast."""
    with serve(max_file_size_mb=1, max_upload_size_mb=4, chunk_size=100, chunk_overlap=20, min_chunk_size=20) as opened:
        yield opened


@pytest.fixture
def stranger(migrated_url: str) -> dict[str, str]:
    """The headers of another tenant."""
    return bearer(make_key(migrated_url, "stranger"))


@pytest.fixture
def run_sql(migrated_url: str) -> Sql:
    """Looks into the test's database."""

    def run(statement: str, *values: object) -> list[TupleRow]:
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    return run
