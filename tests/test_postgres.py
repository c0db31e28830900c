"""The tests' own PostgreSQL holds what the other tests rely on."""

from __future__ import annotations

import psutil
import psycopg
import pytest

from tests.postgres import PostgresServer, postgres_server

pytestmark = pytest.mark.integration


def test_a_fresh_database_is_empty_and_knows_vector_and_trigram(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        tables = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
        available = connection.execute("select name from pg_available_extensions").fetchall()
    assert tables == (0,)
    assert {("vector",), ("pg_trgm",)} <= set(available)


def test_two_databases_never_share_a_name(postgres: PostgresServer) -> None:
    first, second = postgres.create_database(), postgres.create_database()
    try:
        assert first != second
    finally:
        postgres.drop_database(first)
        postgres.drop_database(second)


def test_a_committed_row_survives_kill_nine_and_nothing_is_left_at_the_end() -> None:
    with postgres_server() as server:
        url = server.create_database()
        with psycopg.connect(url) as connection:
            connection.execute("create table kept (value int)")
            connection.execute("insert into kept values (42)")
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        server.kill()
        server.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("select value from kept").fetchone() == (42,)
        family += [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
        folder = server.folder
    assert not folder.exists()
    assert [process for process in family if _is_alive(process)] == []


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is dead; it only waits for its parent, which in a container may never look."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_password_is_not_in_the_representation_of_the_server(postgres: PostgresServer) -> None:
    assert postgres.password not in repr(postgres)
