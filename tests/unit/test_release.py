"""Environments are shared by the releases that pin the same packages, and go with the last of them."""

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.local import content, release
from components.local.files import write_file
from components.local.paths import LocalPaths
from components.local.process import ProcessSpec
from components.local.release import environment_of, prune_environments
from components.source import PARTS, digest_of
from tests.unit.test_providers import PROVIDERS

pytestmark = pytest.mark.unit


@pytest.fixture
def paths(tmp_path: Path) -> LocalPaths:
    paths = LocalPaths(tmp_path / "state")
    for folder in (paths.releases, paths.environments):
        folder.mkdir(parents=True)
    return paths


def kept(paths: LocalPaths, name: str, *, lock: str, project: str = "[project]") -> Path:
    """A release that the registry keeps, and its environment, installed."""
    folder = paths.releases / name
    folder.mkdir()
    (folder / "uv.lock").write_text(lock)
    (folder / "pyproject.toml").write_text(project)
    installed(environment_of(folder, paths))
    return folder


def installed(environment: Path) -> Path:
    (environment / "bin").mkdir(parents=True, exist_ok=True)
    (environment / "bin" / "python").touch()
    return environment


def runs(paths: LocalPaths, name: str, environment: Path) -> None:
    process = ProcessSpec(
        digest="", release="/gone", programs=str(environment / "bin"), command=["x"], environment={}, secrets={}
    )
    write_file(paths.slots / f"{name}.json", process.to_json())


def names(paths: LocalPaths) -> set[str]:
    return {folder.name for folder in paths.environments.iterdir()}


def test_an_environment_that_no_kept_release_uses_is_removed_and_every_other_stays(paths: LocalPaths) -> None:
    used = {environment_of(kept(paths, name, lock=name), paths).name for name in ("a", "b")}
    unused = installed(paths.environments / "0123456789ab")
    assert prune_environments(paths) == [unused.name]
    assert names(paths) == used


def test_an_environment_goes_with_the_last_release_that_shares_it(paths: LocalPaths) -> None:
    first, second = (kept(paths, name, lock="same") for name in ("a", "b"))
    assert environment_of(first, paths) == environment_of(second, paths)
    (first / "uv.lock").write_text("another")
    assert prune_environments(paths) == []
    (second / "uv.lock").write_text("another")
    assert len(prune_environments(paths)) == 1
    assert names(paths) == set()


@pytest.mark.parametrize("program", ["web-0", "web-1", "worker"])
def test_what_a_process_was_told_to_run_from_stays_also_when_its_release_is_gone(
    paths: LocalPaths, program: str
) -> None:
    running, unused = installed(paths.environments / "running"), installed(paths.environments / "unused")
    runs(paths, program, running)
    assert prune_environments(paths) == [unused.name]
    assert names(paths) == {running.name}


def test_an_environment_of_another_interpreter_is_installed_again_when_it_is_needed_and_not_kept(
    paths: LocalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kept(paths, "a", lock="a")
    before = environment_of(folder, paths)
    monkeypatch.setattr(sys, "version", "another")
    assert prune_environments(paths) == [before.name]


def test_a_kept_release_that_lost_its_lock_is_no_reason_to_stop(paths: LocalPaths) -> None:
    broken, whole = kept(paths, "a", lock="a"), kept(paths, "b", lock="b")
    (broken / "uv.lock").unlink()
    assert len(prune_environments(paths)) == 1
    assert names(paths) == {environment_of(whole, paths).name}


FILES: Mapping[str, str] = {part: "" for part in PARTS if "." in part} | {"app/x.py": "", "alembic/env.py": ""}


def published(tmp_path: Path, paths: LocalPaths, lock: str, *, state: dict[str, Any] | None) -> dict[str, Any]:
    """Releases a checkout with this lock, by the provider that the engine would call."""
    source = tmp_path / "checkout"
    for name, text in FILES.items():
        write_file(source / name, lock if name == "uv.lock" else text)
    news = {"root": str(paths.root), "keep": 2.0, "digest": digest_of(source), "source": str(source)}
    provider = PROVIDERS["_ReleaseProvider"]()
    done = provider.create(news) if state is None else provider.update("id", state, news)
    return dict(done.outs)


def test_releases_that_are_no_longer_kept_take_their_environments_along(
    tmp_path: Path, paths: LocalPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "tools" / "uv"
    write_file(uv, '#!/bin/sh\nmkdir -p "$UV_PROJECT_ENVIRONMENT/bin"\n')
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{uv.parent}{os.pathsep}{os.environ['PATH']}")
    state: dict[str, Any] | None = None
    programs: list[str] = []
    for number in range(4):
        state = published(tmp_path, paths, f"lock {number}", state=state)
        programs.append(state["programs"])
        os.utime(state["location"], (number + 1, number + 1))
    assert [Path(folder).exists() for folder in programs] == [False, False, True, True]
    assert len(content.by_age(paths)) == 2
    assert release.install(Path(str(state and state["location"])), paths) == Path(programs[-1]).parent
