"""Where the local target keeps its things, also where the obvious place would not work."""

import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.local.paths import LocalPaths
from components.naming import SOCKET_PATH_BYTES

pytestmark = pytest.mark.unit

DEEP = Path("/home/someone") / ("a-rather-long-folder-name/" * 6) / ".local"


def test_a_shallow_checkout_keeps_its_sockets_in_its_own_state_folder() -> None:
    assert LocalPaths(Path("/srv/rag/.local")).control_socket == Path("/srv/rag/.local/run/supervisor.sock")


def test_a_deep_checkout_keeps_its_sockets_in_the_temporary_folder() -> None:
    sockets = LocalPaths(DEEP).sockets
    assert sockets.parent == Path(tempfile.gettempdir())
    assert sockets != LocalPaths(DEEP / "other").sockets


def test_two_checkouts_never_share_their_sockets_and_one_always_finds_its_own() -> None:
    assert LocalPaths(DEEP).sockets == LocalPaths(Path(str(DEEP))).sockets
    assert LocalPaths(DEEP).sockets != LocalPaths(DEEP.parent / "x" / ".local").sockets


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyzäöü-", min_size=1, max_size=30), min_size=1, max_size=12))
def test_every_socket_path_stays_within_what_the_kernel_takes(parts: list[str]) -> None:
    paths = LocalPaths(Path("/", *parts, ".local"))
    for path in (paths.control_socket, paths.slot_socket(0), paths.slot_socket(1)):
        assert len(os.fsencode(path)) <= SOCKET_PATH_BYTES


def test_the_kernel_takes_the_longest_path_with_the_process_id_that_supervisord_appends(tmp_path: Path) -> None:
    name = "s" * (SOCKET_PATH_BYTES - len(os.fsencode(tmp_path)) - 1)
    longest = f"{tmp_path / name}."[: SOCKET_PATH_BYTES + 1] + "99999"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(longest)


def test_root_keeps_the_database_where_another_user_can_enter_and_each_checkout_its_own() -> None:
    paths = LocalPaths(Path("/root/rag/.local"))
    assert paths.database(identity="a1b2").parent == Path("/var/lib")
    moved = LocalPaths(Path("/root/rag2/.local"))
    assert paths.database(identity="a1b2") == moved.database(identity="a1b2"), "a moved checkout finds its data"


def test_a_person_keeps_the_database_in_the_state_folder() -> None:
    assert LocalPaths(Path("/home/me/rag/.local")).database(identity=None) == Path("/home/me/rag/.local/database")


def test_a_release_folder_is_named_by_the_digits_alone_because_a_colon_ends_a_path_in_a_search_path() -> None:
    folder = LocalPaths(Path("/srv/.local")).release("sha256:" + "a" * 64)
    assert folder == Path("/srv/.local/releases") / ("a" * 64)
    assert os.pathsep not in str(folder)
