"""Files that must never be half written, and secrets that others must never read."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from components.local.files import port_is_free, remove_secret, remove_tree, tail, write_file, write_secret_once

pytestmark = pytest.mark.unit


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_secret_is_readable_by_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_file(tmp_path / "secrets" / "KEY", "value")
    finally:
        os.umask(before)
    assert mode(tmp_path / "secrets" / "KEY") == 0o600
    assert mode(tmp_path / "secrets") == 0o700


def test_the_mode_holds_from_the_first_byte_and_not_only_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = os.fdopen

    def watched(descriptor: int, how: str, *, encoding: str) -> object:
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        assert os.fstat(descriptor).st_size == 0
        return real(descriptor, how, encoding=encoding)

    monkeypatch.setattr(os, "fdopen", watched)
    write_file(tmp_path / "KEY", "value")
    assert seen == [0o600]


def test_a_file_is_replaced_as_a_whole_so_a_reader_never_sees_half_of_it(tmp_path: Path) -> None:
    file, contents = tmp_path / "slot.json", ("a" * 200_000, "b" * 200_000)
    write_file(file, contents[0])
    stop, torn = threading.Event(), list[str]()

    def read() -> None:
        while not stop.is_set():
            text = file.read_text()
            if text not in contents:
                torn.append(text[:20])

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(40):
        write_file(file, contents[turn % 2])
    stop.set()
    reader.join()
    assert torn == []
    assert [path.name for path in tmp_path.iterdir()] == ["slot.json"]


def test_a_write_that_fails_leaves_the_old_file_as_it_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "KEY"
    write_file(file, "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_file(file, "new")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["KEY"]


def test_what_a_killed_process_left_gives_a_secret_neither_its_mode_nor_its_place(tmp_path: Path) -> None:
    stale, elsewhere = tmp_path / f".KEY.{os.getpid()}", tmp_path / "elsewhere"
    stale.write_text("half")
    stale.chmod(0o644)
    write_file(tmp_path / "KEY", "value")
    assert mode(tmp_path / "KEY") == 0o600
    stale.symlink_to(elsewhere)
    write_file(tmp_path / "KEY", "other")
    assert (tmp_path / "KEY").read_text() == "other"
    assert not elsewhere.exists()


def test_a_secret_that_is_already_there_is_kept(tmp_path: Path) -> None:
    assert write_secret_once(tmp_path / "KEY", "first") == "first"
    assert write_secret_once(tmp_path / "KEY", "second") == "first"
    assert (tmp_path / "KEY").read_text() == "first"


def test_the_folder_of_the_secrets_goes_with_the_last_of_them_and_not_before(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    for name in ("A", "B"):
        write_file(folder / name, "x")
    remove_secret(folder / "A")
    assert (folder / "B").exists()
    remove_secret(folder / "B")
    assert not folder.exists()
    remove_secret(folder / "B")


def test_removing_a_folder_that_is_gone_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "never")
    (tmp_path / "there" / "deep").mkdir(parents=True)
    remove_tree(tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_port_that_someone_listens_on_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = int(listener.getsockname()[1])
        assert not port_is_free(port)
    assert port_is_free(port)


def test_the_tail_of_a_log_is_its_last_lines_and_bounded_and_never_an_error(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    assert tail(log) == ""
    log.write_bytes(b"\xff\xfe broken\n" + b"".join(b"line %d\n" % number for number in range(10_000)))
    assert tail(log, lines=2) == "line 9998\nline 9999"
    assert len(tail(log, lines=10_000, size=1_000)) <= 1_000
    log.write_bytes(b"\xff only this")
    assert tail(log) == "\ufffd only this"
