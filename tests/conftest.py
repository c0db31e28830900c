"""Fixtures that every test folder shares."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from components.dynamic import ALL_FRAMES
from tests.postgres import PostgresServer, postgres_server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole session; never stop it in a test, start one with `postgres_server()` for that."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    """A fresh, empty database of the shared server, dropped after the test."""
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture(autouse=True)
def whole_tracebacks() -> Iterator[None]:
    """A provider's error for people shortens the tracebacks of its process; here that process is the tests' own."""
    yield
    sys.tracebacklimit = ALL_FRAMES
