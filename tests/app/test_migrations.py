"""Migrations, over a real PostgreSQL and with real processes."""

import io
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from alembic import command
from psycopg import sql

from app.db.schema import SchemaState, alembic_config, schema_state
from app.migrate import MigrationError, run
from app.tenancy.keys import generate_key, public_part
from tests.app.service import ROOT, bearer, environment, eventually, make_settings, run_module, service
from tests.postgres import PostgresServer

pytestmark = pytest.mark.integration

MIGRATION_LOCK_WAITERS = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
MIGRATION_LOCK = 0x7261675F6D696772


def heads(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")]


def test_the_tables_in_code_are_those_the_migrations_make(migrated_url: str) -> None:
    # Raises when `alembic revision --autogenerate` would find a difference.
    command.check(alembic_config(make_settings(migrated_url).sqlalchemy_url))


def test_every_migration_can_be_undone_and_done_again(database_url: str) -> None:
    config = alembic_config(make_settings(database_url).sqlalchemy_url)
    command.upgrade(config, "head")
    before = heads(database_url)
    command.downgrade(config, "base")
    with psycopg.connect(database_url) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).fetchall()
    assert left == [("alembic_version",)]
    command.upgrade(config, "head")
    assert heads(database_url) == before


def test_two_migrations_at_once_wait_for_each_other(database_url: str) -> None:
    env = environment(database_url, BOOTSTRAP_API_KEY=generate_key())
    with psycopg.connect(database_url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))
        runs = [
            subprocess.Popen(
                [sys.executable, "-m", "app.migrate"],
                cwd=ROOT,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            for _ in range(2)
        ]
        eventually(lambda: holder.execute(MIGRATION_LOCK_WAITERS).fetchone() == (2,), "two runs that wait")
        holder.execute("SELECT pg_advisory_unlock(%s)", (MIGRATION_LOCK,))
        outputs = [process.communicate(timeout=60)[0].decode() for process in runs]
    assert [process.returncode for process in runs] == [0, 0], outputs
    # The second found the work done.
    assert sorted(output.count("Running upgrade  -> 0001") for output in outputs) == [0, 1], outputs
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM api_keys").fetchone() == (1,)


def test_a_database_that_a_newer_release_migrated_is_left_alone_and_that_is_a_success(migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    done = run_module("app.migrate", env=environment(migrated_url))
    assert done.returncode == 0, done.stderr
    assert "from_the_future" in done.stdout
    assert "newer release" in done.stdout
    assert heads(migrated_url) == ["from_the_future"]


def test_a_password_with_percent_signs_reaches_the_database(postgres: PostgresServer, database_url: str) -> None:
    password = "100%(here)s/of:it@%25"
    database = database_url.rsplit("/", 1)[1]
    with psycopg.connect(database_url, autocommit=True) as connection:
        role = sql.Identifier(f"owner_{database}")
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
        connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(role))
    address = postgres.url(database).rsplit("@", 1)[1]
    url = f"postgresql://owner_{database}:{quote(password, safe='')}@{address}"
    done = run_module("app.migrate", env=environment(url))
    assert done.returncode == 0, done.stderr
    assert "at this release's head" in done.stdout
    assert password not in done.stdout + done.stderr
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


def test_the_output_never_holds_the_password_nor_the_key(postgres: PostgresServer, database_url: str) -> None:
    key = generate_key()
    good = run_module("app.migrate", env=environment(database_url, BOOTSTRAP_API_KEY=key))
    assert good.returncode == 0
    assert f"bootstrap key {public_part(key)} is valid" in good.stdout
    words = good.stdout + good.stderr
    assert key not in words
    assert postgres.password not in words


def test_a_database_that_never_answers_is_given_up_with_the_remedy_and_without_the_password() -> None:
    settings = make_settings("postgresql://rag:s3cr3t-pass@127.0.0.1:1/rag")
    with pytest.raises(MigrationError) as caught:
        run(settings, wait_seconds=0)
    assert "did not let this command in" in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)
    assert "s3cr3t-pass" not in str(caught.value)


def test_missing_settings_are_an_error_in_plain_words() -> None:
    env = environment("")
    done = run_module("app.migrate", env=env)
    assert done.returncode == 1
    assert "DATABASE_URL is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_bootstrap_key_lets_the_first_tenant_in(database_url: str) -> None:
    key = generate_key()
    run(make_settings(database_url, bootstrap_api_key=key, bootstrap_tenant="first"))
    run(make_settings(database_url, bootstrap_api_key=key, bootstrap_tenant="first"))
    with service(database_url) as client:
        assert client.get("/v1/queries", headers=bearer(key)).status_code == 200
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT name FROM tenants").fetchall() == [("first",)]


def test_a_bootstrap_key_of_another_tenant_is_refused(database_url: str) -> None:
    key = generate_key()
    run(make_settings(database_url, bootstrap_api_key=key, bootstrap_tenant="first"))
    with pytest.raises(MigrationError, match=r"BOOTSTRAP_API_KEY is not usable.*belongs to another tenant"):
        run(make_settings(database_url, bootstrap_api_key=key, bootstrap_tenant="second"))


def test_a_table_locked_by_a_forgotten_transaction_fails_the_migration_instead_of_the_service(
    migrated_url: str,
) -> None:
    config = alembic_config(make_settings(migrated_url).sqlalchemy_url)
    config.attributes["table_lock_wait"] = "200ms"
    with psycopg.connect(migrated_url) as forgotten:
        forgotten.execute("LOCK TABLE chunks IN ACCESS SHARE MODE")
        with pytest.raises(Exception, match="lock timeout"):
            command.downgrade(config, "base")
    assert schema_state(heads(migrated_url)) is SchemaState.CURRENT


def offline_sql() -> str:
    written = io.StringIO()
    config = alembic_config()
    config.output_buffer = written
    command.upgrade(config, "head", sql=True)
    return written.getvalue()


def test_the_sql_of_the_migrations_passes_the_lock_linter(tmp_path: Path) -> None:
    script = tmp_path / "migrations.sql"
    # Alembic's own table is not ours to lint.
    script.write_text(re.sub(r"CREATE TABLE alembic_version \(.*?\);", "", offline_sql(), flags=re.DOTALL))
    squawk = Path(sys.executable).with_name("squawk")
    # 32 bits are enough to count one document's pages, chunks and characters. Statements need no IF NOT EXISTS:
    # each migration runs in a transaction of its own.
    linted = subprocess.run(
        [str(squawk), "--exclude", "prefer-bigint-over-int,prefer-robust-stmts", str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout


def test_the_sql_sets_a_lock_timeout_before_it_touches_a_table() -> None:
    script = offline_sql()
    assert script.index("SET lock_timeout") < script.index("CREATE TABLE tenants")
