"""Probes: what they say, and what they cost."""

import concurrent.futures
import json
from collections.abc import Iterator

import httpx
import psycopg
import pytest

from app.migrate import run
from tests.app.service import bearer, eventually, make_key, make_settings, service
from tests.postgres import PostgresServer, postgres_server

pytestmark = pytest.mark.api

RELEASE = "sha256:" + "ab" * 32


@pytest.fixture
def client(migrated_url: str) -> Iterator[httpx.Client]:
    with service(migrated_url, app_release=RELEASE, app_env="prod", app_version="9.8.7") as served:
        yield served


def test_health_tells_the_release_and_each_dependency(client: httpx.Client) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "service": "rag-service",
        "version": "9.8.7",
        "environment": "prod",
        "release": RELEASE,
        "dependencies": {"database": "ok"},
    }


def test_a_migrated_service_is_ready_and_alive(client: httpx.Client) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
    assert client.get("/livez").json() == {"status": "alive"}


def test_a_service_before_its_migration_is_not_ready(database_url: str) -> None:
    with service(database_url) as client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"status": "schema_behind"})
        assert client.get("/health").json()["dependencies"] == {"database": "schema_behind"}
        assert client.get("/livez").status_code == 200


def test_a_schema_behind_this_release_is_not_ready_and_one_ahead_is(migrated_url: str) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'newer'")
        with service(migrated_url) as client:
            assert client.get("/readyz").status_code == 200
        connection.execute("DELETE FROM alembic_version")
        with service(migrated_url) as client:
            assert client.get("/readyz").json() == {"status": "schema_behind"}


def test_without_a_database_health_is_degraded_and_says_no_more_than_that() -> None:
    with service("postgresql://secretuser:s3cr3t@127.0.0.1:1/secretname") as client:
        health = client.get("/health")
        assert health.status_code == 503
        assert health.json()["status"] == "degraded"
        assert health.json()["dependencies"] == {"database": "unavailable"}
        assert client.get("/readyz").status_code == 503
        assert client.get("/livez").status_code == 200
    for private in ("secretuser", "s3cr3t", "secretname", "127.0.0.1", "refused"):
        assert private not in health.text


def test_a_storm_of_probes_costs_the_database_a_look_a_second(client: httpx.Client, migrated_url: str) -> None:
    client.get("/readyz")
    statements = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    with psycopg.connect(migrated_url, autocommit=True) as connection:

        def transactions() -> int:
            connection.execute("SELECT pg_stat_force_next_flush()")
            connection.execute("SELECT pg_stat_clear_snapshot()")
            row = connection.execute(statements).fetchone()
            assert row is not None
            return int(row[0])

        before = transactions()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = [answer.status_code for answer in pool.map(client.get, ["/readyz"] * 400)]
        spent = transactions() - before
    assert answers == [200] * 400
    # A look is up to three transactions (ping, query, rollback), this test's own reads are a few more. Statistics of
    # other sessions arrive late, so this bounds the cost from above without proving it is not zero.
    assert spent < 100


def test_liveness_never_touches_the_database(postgres: PostgresServer) -> None:
    # A database that accepts connections but does not exist would be an error for anything that asked it.
    with service(postgres.url("does_not_exist")) as client:
        for _ in range(3):
            assert client.get("/livez").status_code == 200


def test_a_killed_database_makes_503_with_retry_after_and_comes_back_by_itself() -> None:
    with postgres_server() as server:
        url = server.create_database()
        run(make_settings(url))
        with service(url, rate_limit_enabled=False) as client:
            headers = bearer(make_key(url))
            assert client.get("/v1/queries", headers=headers).status_code == 200
            server.kill()
            gone = client.get("/v1/queries", headers=headers)
            assert gone.status_code == 503
            assert int(gone.headers["retry-after"]) >= 1
            problem = json.loads(gone.text)
            assert problem["code"] == "database_unavailable"
            assert "127.0.0.1" not in gone.text
            eventually(lambda: client.get("/readyz").status_code == 503, "not ready without a database")
            assert client.get("/livez").status_code == 200
            server.start()
            eventually(lambda: client.get("/readyz").status_code == 200, "ready again")
            assert client.get("/v1/queries", headers=headers).status_code == 200
