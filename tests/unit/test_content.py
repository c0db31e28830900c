"""A release is its content: the same files are the same release, and nothing else is."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.contracts import DeploymentError
from components.local import content
from components.local.files import write_file
from components.local.paths import LocalPaths
from components.local.process import ProcessSpec
from components.naming import is_digest
from components.source import PARTS, source_files

pytestmark = pytest.mark.unit

FILES = {
    "app/__init__.py": "",
    "app/main.py": "print('hello')\n",
    "app/db/tables.py": "TABLES = ()\n",
    "alembic/env.py": "",
    "alembic/versions/0001.py": "revision = '0001'\n",
    "alembic.ini": "[alembic]\n",
    "gunicorn_conf.py": "workers = 1\n",
    "pyproject.toml": "[project]\n",
    "uv.lock": "version = 1\n",
}


def checkout(folder: Path, *, order: Callable[[list[str]], list[str]] = list) -> Path:
    for name in order(list(FILES)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(FILES[name])
    return folder


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return checkout(tmp_path / "checkout")


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    paths = LocalPaths(tmp_path / "state")
    paths.releases.mkdir(parents=True)
    return paths


def published(source: Path, paths: LocalPaths, *, text: str, age: int) -> str:
    """Publishes a release whose content is `text`, as if that was `age` seconds ago."""
    (source / "app/main.py").write_text(text)
    digest = content.digest_of(source)
    os.utime(content.publish(source, digest=digest, paths=paths), (age_time := 2_000_000_000 - age, age_time))
    return digest


def test_the_same_files_are_the_same_release_whatever_their_times_place_or_order(tmp_path: Path, source: Path) -> None:
    other = checkout(tmp_path / "elsewhere" / "deep", order=lambda names: sorted(names, reverse=True))
    for file in other.rglob("*"):
        os.utime(file, (1, 1))
    assert content.digest_of(other) == content.digest_of(source)
    assert is_digest(content.digest_of(source))


@pytest.mark.parametrize("name", sorted(FILES))
def test_one_byte_more_in_any_file_is_another_release(source: Path, name: str) -> None:
    before = content.digest_of(source)
    with (source / name).open("a") as file:
        file.write("#")
    assert content.digest_of(source) != before


def test_a_renamed_an_added_and_a_removed_file_are_each_another_release(source: Path) -> None:
    digests = {content.digest_of(source)}
    (source / "app/main.py").rename(source / "app/start.py")
    digests.add(content.digest_of(source))
    (source / "app/new.py").touch()
    digests.add(content.digest_of(source))
    (source / "app/start.py").unlink()
    digests.add(content.digest_of(source))
    assert len(digests) == 4


@pytest.mark.parametrize(
    "name",
    ["app/__pycache__/main.cpython-311.pyc", "app/.env", "app/.hidden/secret.py", "app/old.pyc", ".env", "tests/x.py"],
)
def test_caches_hidden_files_and_other_folders_are_no_part_of_a_release(source: Path, name: str) -> None:
    before = content.digest_of(source)
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    (source / name).write_text("SECRET=1")
    assert content.digest_of(source) == before
    assert Path(name) not in set(source_files(source))


@pytest.mark.parametrize("part", PARTS)
def test_a_checkout_that_lacks_a_part_is_no_release(source: Path, part: str) -> None:
    shutil.rmtree(source / part) if (source / part).is_dir() else (source / part).unlink()
    with pytest.raises(DeploymentError, match="is missing, so there is no release to build; run from a complete"):
        content.digest_of(source)


def test_a_published_release_is_the_files_and_nothing_more(source: Path, paths: LocalPaths) -> None:
    (source / "app" / "__pycache__").mkdir()
    (source / "app" / "__pycache__" / "main.pyc").touch()
    digest = content.digest_of(source)
    folder = content.publish(source, digest=digest, paths=paths)
    assert folder == paths.release(digest)
    assert {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} == set(FILES)
    assert content.digest_of(folder) == digest


def test_a_source_that_is_edited_while_it_is_published_is_refused_and_leaves_nothing(
    source: Path, paths: LocalPaths
) -> None:
    planned = content.digest_of(source)
    (source / "app/main.py").write_text("print('edited')\n")
    with pytest.raises(DeploymentError, match="changed while they were being released") as caught:
        content.publish(source, digest=planned, paths=paths)
    assert "nothing was deployed" in str(caught.value)
    assert "Run the command again" in str(caught.value)
    assert list(paths.releases.iterdir()) == []


def test_a_copy_that_is_interrupted_never_looks_like_a_release_and_the_next_one_succeeds(
    source: Path, paths: LocalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, copied = content.digest_of(source), list[Path]()
    real = shutil.copyfile

    def full_disk(file: Path, target: Path) -> None:
        if len(copied) == 3:
            raise OSError(28, "No space left on device")
        copied.append(target)
        real(file, target)

    monkeypatch.setattr(shutil, "copyfile", full_disk)
    with pytest.raises(OSError, match="No space left"):
        content.publish(source, digest=digest, paths=paths)
    assert not paths.release(digest).exists()
    with pytest.raises(DeploymentError, match="Kept here, newest first: none"):
        content.existing(digest, paths=paths)
    monkeypatch.undo()
    assert content.digest_of(content.publish(source, digest=digest, paths=paths)) == digest
    assert [folder.name for folder in paths.releases.iterdir()] == [digest.removeprefix("sha256:")]


def test_a_release_that_is_kept_is_found_again_and_counts_as_used_now(source: Path, paths: LocalPaths) -> None:
    old = published(source, paths, text="old", age=1_999_999_000)
    new = published(source, paths, text="new", age=1_999_998_000)
    content.existing(old, paths=paths)
    assert content.prune(paths, keep=1, also=[]) == [new]


def test_a_release_that_is_not_kept_is_refused_with_those_that_are_newest_first(
    source: Path, paths: LocalPaths
) -> None:
    kept = [published(source, paths, text=str(number), age=-number) for number in range(3)]
    with pytest.raises(DeploymentError) as caught:
        content.existing("sha256:" + "0" * 64, paths=paths)
    message = str(caught.value)
    assert "is not kept on this machine" in message
    assert f"newest first: {', '.join(reversed(kept))}." in message
    assert "`make up`" in message


def test_a_release_that_was_altered_is_refused(source: Path, paths: LocalPaths) -> None:
    digest = published(source, paths, text="true", age=0)
    (paths.release(digest) / "app/main.py").write_text("tampered")
    with pytest.raises(DeploymentError, match="were altered") as caught:
        content.existing(digest, paths=paths)
    assert "Remove that folder and deploy the release from its source" in str(caught.value)


def test_a_release_that_lost_a_file_is_refused_as_altered_and_not_as_an_incomplete_checkout(
    source: Path, paths: LocalPaths
) -> None:
    digest = published(source, paths, text="true", age=0)
    (paths.release(digest) / "uv.lock").unlink()
    with pytest.raises(DeploymentError, match="were altered"):
        content.existing(digest, paths=paths)


def test_publishing_what_is_already_kept_refuses_a_copy_that_was_altered(source: Path, paths: LocalPaths) -> None:
    digest = published(source, paths, text="true", age=0)
    (paths.release(digest) / "app/main.py").write_text("tampered")
    with pytest.raises(DeploymentError, match="were altered"):
        content.publish(source, digest=digest, paths=paths)


def test_pruning_keeps_the_newest(source: Path, paths: LocalPaths) -> None:
    oldest, older, newest = (published(source, paths, text=str(age), age=age) for age in (30, 20, 10))
    assert content.prune(paths, keep=2, also=[]) == [oldest]
    assert paths.release(older).is_dir()
    assert paths.release(newest).is_dir()


def runs(paths: LocalPaths, name: str, *, release: Path, programs: Path) -> None:
    """Writes a slot's file as the service does."""
    process = ProcessSpec(
        digest="", release=str(release), programs=str(programs), command=["x"], environment={}, secrets={}
    )
    write_file(paths.slots / f"{name}.json", process.to_json())


def test_pruning_keeps_what_a_process_runs_and_what_is_named_however_old(source: Path, paths: LocalPaths) -> None:
    running, named, gone, newest = (published(source, paths, text=str(age), age=age) for age in (40, 30, 20, 10))
    runs(paths, "web-0", release=paths.release(running), programs=paths.environments / "x" / "bin")
    assert content.prune(paths, keep=1, also=[named]) == [gone]
    for digest in (running, named, newest):
        assert paths.release(digest).is_dir()


def test_pruning_does_not_take_a_half_published_release_for_one(source: Path, paths: LocalPaths) -> None:
    digest = published(source, paths, text="1", age=10)
    (paths.releases / ".half.123").mkdir()
    assert content.prune(paths, keep=1, also=[]) == []
    assert paths.release(digest).is_dir()
