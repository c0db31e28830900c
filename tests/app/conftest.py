"""A migrated database for each test, copied from one that was migrated once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command
from psycopg import sql

from app.db.schema import alembic_config
from tests.app.service import make_settings
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> Iterator[str]:
    """The URL of a database at the head; nobody may stay connected to it."""
    url = postgres.create_database("template")
    command.upgrade(alembic_config(make_settings(url).sqlalchemy_url), "head")
    yield url
    postgres.drop_database(url)


@pytest.fixture
def migrated_url(postgres: PostgresServer, migrated_template: str) -> Iterator[str]:
    """The URL of a fresh database at the head, dropped after the test."""
    name = f"app_{secrets.token_hex(6)}"
    template = migrated_template.rsplit("/", 1)[1]
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))
    url = postgres.url(name)
    yield url
    postgres.drop_database(url)
