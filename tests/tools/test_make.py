"""What make says and does before anything is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.unit

# The tests themselves run under make, which tells a make below it that it is one.
OWN = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=folder, env=OWN, capture_output=True, text=True, check=False)


def test_make_help_lists_every_target_with_its_purpose() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)).split()
    assert len(phony) > 20
    help_text = make("help").stdout
    listed = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", help_text, re.MULTILINE))
    assert set(listed) == set(phony)
    assert set(re.findall(r"^([a-z-]+):", text, re.MULTILINE)) == set(listed)


def test_make_alone_explains_and_changes_nothing() -> None:
    plain = make().stdout
    assert "make up" in plain


PASSED_ON = {"up", "preview", "plan", "rollback", "destroy"}
"""The targets that work on the stack that STACK names."""
OF_THIS_MACHINE = {"demo", "ask", "status", "logs", "keys", "down"}
"""The targets that would look at the wrong stack, or stop it."""
WITHOUT_STACK = {"help", "lint", "format", "bench", "engine", "image", "clean"} | {
    f"test{kind}" for kind in ("", "-fast", "-cloud", "-kubernetes", "-image")
}


def dry(*arguments: str) -> subprocess.CompletedProcess[str]:
    return make("-n", *arguments)


def phony() -> set[str]:
    return set(" ".join(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)).split())


def test_every_target_is_known_to_heed_refuse_or_not_need_a_stack() -> None:
    assert phony() == PASSED_ON | OF_THIS_MACHINE | WITHOUT_STACK


@pytest.mark.parametrize("target", sorted(PASSED_ON))
def test_a_target_hands_the_stack_on_that_it_was_given(target: str) -> None:
    done = dry(target, "STACK=dev")
    assert done.returncode == 0, done.stderr
    assert "--stack 'dev'" in done.stdout
    assert "local" not in done.stdout.replace("tools.local", "")
    assert ".synced-aws" in done.stdout or "sync.sh" not in done.stdout
    assert "--stack 'local'" in dry(target).stdout


@pytest.mark.parametrize("target", sorted(OF_THIS_MACHINE))
def test_a_target_of_this_machine_refuses_another_stack_and_says_what_to_do(target: str) -> None:
    done = make(target, "STACK=dev")
    assert done.returncode != 0
    assert done.stdout == "", "nothing was begun"
    assert f"`make {target}` is about the stack of this machine, so with STACK=dev nothing was done" in done.stderr
    assert "Elsewhere" in done.stderr
    assert dry(target, "STACK=local").returncode == 0


@pytest.mark.parametrize("target", sorted(PASSED_ON - {"plan"}))
def test_options_for_pulumi_are_handed_on(target: str) -> None:
    told = " ".join(dry(target, "STACK=prod", "ARGS=--yes --skip-preview").stdout.split())
    assert "--stack 'prod' -- --yes --skip-preview" in told
    assert "-- " not in dry(target, "STACK=prod").stdout


@pytest.mark.parametrize(
    ("line", "cloud"),
    [
        ("rag:cloud: aws", "aws"),
        ('rag:cloud: "aws" # a comment', "aws"),
        ("'rag:cloud': 'kubernetes'", "kubernetes"),
        ('"rag:cloud": aws', "aws"),
        ("rag:cloud : aws", "aws"),
        ("rag:profile: dev", "local"),
    ],
)
def test_the_packages_of_a_stack_are_its_targets_however_its_file_is_quoted(
    tmp_path: Path, line: str, cloud: str
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "Pulumi.mine.yaml").write_text(f"config:\n  {line}\n")
    for name in ("aws", "kubernetes", "local"):
        (tmp_path / ".venv").mkdir(exist_ok=True)
        (tmp_path / ".venv" / f".synced-{name}").touch()
    for name in ("pyproject.toml", "uv.lock", "tools/sync.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    told = make("-n", "plan", "STACK=mine", folder=tmp_path).stdout
    assert f"sync.sh {cloud}\n" in told


def test_cleaning_does_not_fail_over_a_folder_that_is_not_there(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "app" / "__pycache__").mkdir(parents=True)
    assert make("clean", folder=tmp_path).returncode == 0
    assert (tmp_path / "app").is_dir()
    assert not (tmp_path / "app" / "__pycache__").exists()


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
