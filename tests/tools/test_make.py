"""What make says and does before anything is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.unit


def test_make_help_lists_every_target_with_its_purpose() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)).split()
    assert len(phony) > 20
    help_text = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", help_text, re.MULTILINE))
    assert set(listed) == set(phony)
    assert set(re.findall(r"^([a-z-]+):", text, re.MULTILINE)) == set(listed)


def test_make_alone_explains_and_changes_nothing() -> None:
    plain = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make up" in plain


SCRIPTS = (
    "tools/sync.sh",
    "tools/image.sh",
    "tools/image_base.sh",
    "tools/pulumi_cli/pulumi-language-python",
    ".ci/run",
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_shell_script_has_no_syntax_error(script: str) -> None:
    shell = "bash" if script == ".ci/run" else "sh"
    subprocess.run([shell, "-n", str(ROOT / script)], check=True)


def machine(tmp_path: Path, python: str | None) -> dict[str, str]:
    """Return the environment of a machine that has the usual tools, and this text as its `python3`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "sed", "dirname", "rm", "mkdir", "mv", "cat", "grep"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    if python is not None:
        (folder / "python3").write_text(f"#!/bin/sh\n{python}\n")
        (folder / "python3").chmod(0o755)
    return {"PATH": str(folder)}


def sync(tmp_path: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    checkout = tmp_path / "checkout"
    (checkout / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "sync.sh", checkout / "tools")
    command = [shutil.which("sh") or "sh", str(checkout / "tools" / "sync.sh"), "local"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("python", "found"),
    [(None, "no python3"), ('[ "$1" = --version ] && echo Python 3.9.18 && exit 0\nexit 1', "Python 3.9.18")],
)
def test_a_machine_without_a_new_enough_python_is_told_so(tmp_path: Path, python: str | None, found: str) -> None:
    done = sync(tmp_path, machine(tmp_path, python))
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert found in done.stderr


def test_a_machine_with_neither_venv_nor_pip_is_told_what_to_install(tmp_path: Path) -> None:
    done = sync(tmp_path, machine(tmp_path, '[ "$1" = -c ] && exit 0\nexit 1'))
    assert done.returncode == 1
    assert "has neither venv nor pip" in done.stderr
    assert "python3-venv" in done.stderr
