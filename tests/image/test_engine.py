"""What the image's tools say and do on a machine that lacks something; nothing is installed unasked."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image.engine import ROOT, EngineUnavailableError, need

pytestmark = pytest.mark.unit

CALLED = 'echo "$*" >>"$(dirname "$0")/calls"\n'
INSTALLS = f"""{CALLED}
made="$(dirname "$0")/debootstrap"
[ "$2" = update ] || {{ echo '#!/bin/sh' >"$made" && chmod 755 "$made"; }}
"""
MODERN = f"""{CALLED}
case "$1" in --version) echo "Docker version 29.0.1, build x" ;; esac
"""
OLD = f"""{CALLED}
echo "buildkit=$DOCKER_BUILDKIT" >>"$(dirname "$0")/calls"
case "$1" in --version) echo "Docker version 20.10.24, build x" ;; buildx) exit 1 ;; esac
"""


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}")
    (folder / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, on a machine where this user is root and CI is not set."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "chmod", "dirname", "sed", "git", "id", "mktemp", "rm", "head"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    for name in ("CI", "IMAGE_ENGINE_INSTALL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return folder


def calls(machine: Path) -> list[str]:
    log = machine / "calls"
    return log.read_text().splitlines() if log.exists() else []


def test_nothing_is_installed_unless_it_is_allowed(machine: Path) -> None:
    program(machine, "apt-get", INSTALLS)
    with pytest.raises(EngineUnavailableError, match="debootstrap is missing; IMAGE_ENGINE_INSTALL=1 allows"):
        need("debootstrap")
    assert calls(machine) == []


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("IMAGE_ENGINE_INSTALL", "1")])
def test_what_is_missing_is_installed_where_it_is_allowed(
    machine: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    program(machine, "apt-get", INSTALLS)
    program(machine, "apt-cache", '[ "$2" = docker-buildx ]\n')
    monkeypatch.setenv(name, value)
    need("debootstrap")
    install = "--quiet install --yes --no-install-recommends docker.io debootstrap docker-buildx"
    assert calls(machine) == ["--quiet update", install]
    need("debootstrap")
    assert len(calls(machine)) == 2


@pytest.mark.parametrize(("script", "message"), [("exit 100\n", "apt-get update failed"), ("", "is still missing")])
def test_an_installation_that_fails_is_a_reason_to_skip(
    machine: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    program(machine, "apt-get", script)
    program(machine, "apt-cache", "exit 1\n")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(EngineUnavailableError, match=message):
        need("debootstrap")


def test_who_is_not_root_or_has_no_apt_is_told_so(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(EngineUnavailableError, match="only root on Debian"):
        need("debootstrap")
    program(machine, "apt-get", INSTALLS)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EngineUnavailableError, match="only root on Debian"):
        need("debootstrap")
    assert calls(machine) == []


def script(name: str, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    """Run a script of `tools/` with the machine's PATH alone, and the docker of that PATH alone."""
    environment = {"PATH": os.environ["PATH"], "DOCKER": "docker", **values}
    command = [shutil.which("sh") or "sh", str(ROOT / "tools" / name), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.usefixtures("machine")
def test_without_docker_make_image_says_what_to_install() -> None:
    done = script("image.sh")
    assert done.returncode == 1
    assert "There is no docker on PATH" in done.stderr
    assert "IMAGE_ENGINE_INSTALL=1 make test-image" in done.stderr


def test_a_client_without_buildkit_is_told_which_plugin_it_lacks(machine: Path) -> None:
    program(machine, "docker", MODERN + '[ "$1" != buildx ]\n')
    done = script("image.sh")
    assert done.returncode == 1
    assert "docker-buildx" in done.stderr


def test_a_client_without_an_engine_is_told_to_start_one(machine: Path) -> None:
    program(machine, "docker", MODERN + '[ "$1" != info ]\n')
    done = script("image.sh")
    assert done.returncode == 1
    assert "reaches no engine" in done.stderr


def test_a_build_that_fails_shows_the_way_without_a_registry(machine: Path) -> None:
    program(machine, "docker", MODERN + '[ "$1 $2" != "buildx build" ]\n')
    done = script("image.sh")
    assert done.returncode == 1
    assert "tools/image_base.sh" in done.stderr


def test_what_is_set_reaches_the_build_and_nothing_else_does(machine: Path) -> None:
    program(machine, "docker", MODERN)
    assert script("image.sh").returncode == 0
    [plain] = [call for call in calls(machine) if call.startswith("buildx build")]
    assert plain.startswith("buildx build --load --tag rag:dev --build-arg VERSION=")
    assert not [word for word in ("BASE_IMAGE", "--platform", "--network", "--secret") if word in plain]
    values = {
        "TAG": "a:b",
        "BASE_IMAGE": "base:1",
        "PLATFORM": "linux/arm64",
        "CA_BUNDLE": "/ca.pem",
        "NETWORK": "host",
    }
    assert script("image.sh", **values).returncode == 0
    told = [call for call in calls(machine) if call.startswith("buildx build")][-1]
    for words in ("--tag a:b", "BASE_IMAGE=base:1", "--platform linux/arm64", "--network host", "src=/ca.pem"):
        assert words in told


def test_an_old_client_builds_with_the_buildkit_that_it_has(machine: Path) -> None:
    program(machine, "docker", OLD)
    assert script("image.sh").returncode == 0
    build = next(number for number, call in enumerate(calls(machine)) if call.startswith("build --tag rag:dev"))
    assert calls(machine)[build + 1] == "buildkit=1"


def test_a_base_without_debootstrap_says_what_to_install(machine: Path) -> None:
    program(machine, "docker", MODERN)
    done = script("image_base.sh", "rag-base:debian")
    assert done.returncode == 1
    assert "apt-get install debootstrap" in done.stderr
    assert not [call for call in calls(machine) if call.startswith("import")]
