"""One engine, one image and one migrated database for all tests of the image."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import certifi
import pytest

from app.tenancy.keys import generate_key
from components.workload import MIGRATE
from tests.image.containers import STRICT, run_once
from tests.image.contents import Contents, export
from tests.image.engine import Engine, EngineUnavailableError, assert_runs, base_for, engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresServer


FIGURES = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The figures of this run; only the size is a promise that a test holds."""
    if FIGURES in config.stash:
        terminalreporter.write_line(f"image: {config.stash[FIGURES]}")


@dataclass(frozen=True, kw_only=True)
class Built:
    """The image under test. `canary` was in the authorities that its build trusted; None when IMAGE brought it."""

    engine: Engine
    reference: str
    base: str | None
    authorities: Path | None
    canary: str | None


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database that the image has migrated, and the first tenant's key."""

    url: str
    key: str

    def environment(self, **values: str) -> dict[str, str]:
        return {"DATABASE_URL": self.url, "RATE_LIMIT_ENABLED": "false", **values}


@pytest.fixture(scope="session")
def container_engine() -> Iterator[Engine]:
    try:
        with engine() as found:
            yield found
    except EngineUnavailableError as error:
        pytest.skip(f"no container engine: {error}")


@pytest.fixture(scope="session")
def built(request: pytest.FixtureRequest, container_engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """IMAGE when it is set, else what `make image` builds of this checkout."""
    brought = os.environ.get("IMAGE")
    if brought:
        assert container_engine.pulls(brought), f"IMAGE={brought} is neither here nor in a registry that answers"
        return Built(engine=container_engine, reference=brought, base=None, authorities=None, canary=None)
    try:
        base = base_for(container_engine)
        assert_runs(container_engine, base, STRICT)
    except EngineUnavailableError as error:
        pytest.skip(f"no image to test: {error}")
    canary = f"canary-{secrets.token_hex(16)}"
    authorities = tmp_path_factory.mktemp("authorities") / "bundle.pem"
    trusted = Path(os.environ.get("CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or certifi.where())
    authorities.write_text(f"# {canary}\n{trusted.read_text()}")
    reference = "rag:test"
    values = {"TAG": reference, "BASE_IMAGE": base, "CA_BUNDLE": str(authorities)}
    begin = time.monotonic()
    container_engine.script("image.sh", values=values | network(container_engine))
    size = int(container_engine.docker("image", "inspect", "--format", "{{.Size}}", reference))
    seconds = time.monotonic() - begin
    request.config.stash[FIGURES] = f"{size / 1e6:.1f} MB, built in {seconds:.0f} s on {base}"
    return Built(engine=container_engine, reference=reference, base=base, authorities=authorities, canary=canary)


def network(engine: Engine) -> dict[str, str]:
    """An engine of our own has no bridge, so what it builds uses this machine's network."""
    return {"NETWORK": "host"} if engine.own else {}


@pytest.fixture(scope="session")
def contents(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return export(built.engine, built.reference, tmp_path_factory.mktemp("contents"))


@pytest.fixture(scope="session")
def database(built: Built, postgres: PostgresServer) -> Iterator[Database]:
    """Migrated by the image itself."""
    url, key = postgres.create_database("image"), generate_key()
    environment = {"DATABASE_URL": url, "BOOTSTRAP_API_KEY": key}
    status, output = run_once(built.engine, built.reference, *MIGRATE.command, environment=environment)
    assert status == 0, output
    yield Database(url=url, key=key)
    postgres.drop_database(url)
