"""The build without its seven minutes: a Go of a few lines of shell stands in for the compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kubernetes import build

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit

COMPILER = """
case "$1" in
version) echo "go version go1.26.8 linux/amd64" ;;
list) echo v1.36.0 ;;
build)
  while [ "$1" != -o ]; do shift; done
  for name in server kube-apiserver kube-controller-manager kube-scheduler kubectl kwok; do : > "$2$name"; done
  ;;
esac
"""


class Machine:
    """A machine with an empty cache, and with the given script as its `go`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache = folder / "cache"
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._calls = folder / "calls"
        monkeypatch.setenv("XDG_CACHE_HOME", str(self.cache))
        # Neither Go nor uv of the real machine, and no package index.
        monkeypatch.setenv("PATH", str(self._bin))
        monkeypatch.delenv("RAG_UV", raising=False)
        monkeypatch.setenv("PIP_NO_INDEX", "1")

    def install_go(self, script: str) -> None:
        go = self._bin / "go"
        go.write_text(f'#!/bin/sh\necho "$*" >> {self._calls}\n{script}\n')
        go.chmod(0o755)

    @property
    def builds(self) -> int:
        return sum(line.startswith("build ") for line in self._calls.read_text().splitlines())

    @property
    def cached(self) -> list[str]:
        return [path.name for path in (self.cache / "rag-pulumi" / "kubernetes").iterdir() if path.is_dir()]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_the_control_plane_is_built_once(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    machine.install_go(COMPILER)
    first = build.control_plane()
    assert {path.name for path in first.iterdir()} == set(build.CONTROL_PLANE)
    assert "about 7 min" in capfd.readouterr().err
    assert build.control_plane() == first
    assert machine.builds == 1
    assert capfd.readouterr().err == ""


def test_a_build_that_fails_says_what_go_said_and_is_not_taken_for_a_result(machine: Machine) -> None:
    machine.install_go(COMPILER.replace("build)", "build) echo 'disk quota exceeded' >&2; exit 1;"))
    with pytest.raises(build.BuildError, match="disk quota exceeded"):
        build.control_plane()
    assert machine.cached == []
    machine.install_go(COMPILER)
    assert build.control_plane().is_dir()


def test_a_program_that_the_module_forgets_to_build_is_an_error(machine: Machine) -> None:
    machine.install_go(COMPILER.replace(" kwok;", ";"))
    with pytest.raises(build.BuildError, match="kwok"):
        build.control_plane()
    assert machine.cached == []


@pytest.mark.parametrize("script", ["echo go version go1.25.11 linux/amd64", "exit 1", None])
def test_without_a_new_enough_go_the_message_says_what_to_install(machine: Machine, script: str | None) -> None:
    if script is not None:
        machine.install_go(script)
    with pytest.raises(build.BuildError, match=r"no Go 1\.26\.0 or newer.*Install Go"):
        build.control_plane()
    assert machine.cached == []
