"""`python -m tools.stack` on the stack of this machine, in a small project of its own, with the real engine."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING

import pytest

from tests.tools.project import TRACKED, digest, outputs
from tools.local_state import LocalState
from tools.stack import main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

DIGEST = digest("a")


def test_a_stack_comes_and_goes_without_a_tracked_file_changing(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--config", "local.port=9"], root=root) == 0
    found = outputs(root, capfd)
    assert found == {"port": 9, "release": "tree", "previous_release": "", "key": "[secret]"}
    assert main(["preview"], root=root) == 0
    assert main(["refresh"], root=root) == 0

    state = root / ".local" / "pulumi"
    assert state.stat().st_mode & 0o777 == 0o700
    assert (state / "passphrase").stat().st_mode & 0o777 == 0o600
    assert (state / "Pulumi.local.yaml").stat().st_mode & 0o777 == 0o600
    passphrase = (state / "passphrase").read_text()
    for path in state.rglob("*"):
        if path.is_file() and path.name != "passphrase":
            text = path.read_text(errors="replace")
            assert "key-of-the-house" not in text
            assert passphrase not in text

    assert main(["destroy"], root=root) == 0
    # Bytecode is Python's own, ignored by git, and made unless PYTHONDONTWRITEBYTECODE says otherwise.
    left = [path for path in root.iterdir() if path.name != "__pycache__"]
    assert {path.name: path.read_text() for path in left} == TRACKED


def test_a_rollback_goes_to_the_release_before_and_the_next_update_says_that_it_is_over(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["up"], root=root) == 0
    assert main(["rollback"], root=root) == 1
    assert "no earlier release" in capfd.readouterr().err
    assert main(["rollback", "--to", "sha256:short"], root=root) == 2
    assert "no release digest" in capfd.readouterr().err

    assert main(["up", "--config", f"release.digest={DIGEST}"], root=root) == 0
    assert main(["up"], root=root) == 0
    capfd.readouterr()
    assert main(["rollback"], root=root) == 0
    assert f"going back to {DIGEST}" in capfd.readouterr().err
    assert outputs(root, capfd)["release"] == DIGEST

    assert main(["preview"], root=root) == 0
    capfd.readouterr()
    assert main(["up"], root=root) == 0
    assert f"the rollback to {DIGEST} is over" in capfd.readouterr().err
    assert outputs(root, capfd)["release"] == "tree"


def test_after_a_failed_release_a_rollback_goes_to_the_last_one_that_served(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second, third = digest("a"), digest("b"), digest("c")
    assert main(["up", "--config", f"release.digest={first}"], root=root) == 0
    assert main(["up", "--config", f"release.digest={second}"], root=root) == 0
    broken = ["--config", f"release.digest={third}", "--config", f"test.broken={third}"]
    assert main(["up", *broken], root=root) != 0
    capfd.readouterr()
    assert main(["rollback"], root=root) == 0
    assert "the last update failed" in capfd.readouterr().err
    assert outputs(root, capfd)["release"] == second, "one release too far"
    assert main(["rollback"], root=root) == 0, "and from there to the one before it"
    assert outputs(root, capfd)["release"] == first


def test_a_wrong_or_missing_passphrase_is_explained_and_changes_nothing(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["up"], root=root) == 0
    passphrase = root / ".local" / "pulumi" / "passphrase"
    kept = passphrase.read_text()
    passphrase.write_text("another one")
    capfd.readouterr()
    assert main(["up"], root=root) != 0
    told = capfd.readouterr().err
    assert "is not the one that the stack was created with" in told
    assert "Traceback" not in told

    passphrase.unlink()
    assert main(["up"], root=root) == 1
    assert "passphrase is missing" in capfd.readouterr().err
    assert not passphrase.exists(), "a new one would hide the loss"

    passphrase.write_text(kept)
    assert main(["up"], root=root) == 0


def test_the_lock_of_a_killed_run_is_taken_away_and_that_of_a_living_one_respected(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["up"], root=root) == 0
    folder = root / ".local" / "pulumi" / ".pulumi" / "locks" / "organization" / "rag" / "local"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "left.json"
    content = {"pid": os.getpid(), "hostname": "another-machine", "username": "x", "timestamp": "2026-01-01T00:00:00Z"}

    lock.write_text(json.dumps(content))
    capfd.readouterr()
    assert main(["up"], root=root) == 1
    told = capfd.readouterr().err
    assert "is working on the stack" in told
    assert "tools.stack cancel" in told
    assert main(["cancel"], root=root) == 0
    assert not lock.exists()

    # This test is a living process, but no Pulumi: the id was given to another program since.
    lock.write_text(json.dumps({**content, "hostname": socket.gethostname()}))
    assert main(["preview"], root=root) == 0
    assert "left its lock behind" in capfd.readouterr().err
    assert not lock.exists()


@pytest.mark.parametrize("command", ["refresh", "output", "export", "rollback", "cancel"])
def test_a_command_on_a_stack_that_does_not_exist_names_make_up(
    root: Path, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    assert main([command], root=root) == 1
    assert "make up" in capfd.readouterr().err


def test_destroying_nothing_is_no_error_and_leaves_nothing(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    LocalState(root=root, stack="local").prepare()
    assert main(["destroy"], root=root) == 0
    assert "nothing to remove" in capfd.readouterr().err
    assert not (root / ".local").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["up", "--config", "port"], "has no value"),
        (["refresh", "--stack", "prod"], "pulumi refresh --stack prod"),
        (["output", "--stack", "prod"], "pulumi stack output --stack prod"),
        (["up", "--stack", "prod", "--config", "a=b"], "Edit Pulumi.prod.yaml"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused_with_the_one_that_does(
    root: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(arguments, root=root) == 1
    assert told in capfd.readouterr().err


def test_a_missing_stack_file_is_named(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (root / "Pulumi.local.yaml").unlink()
    assert main(["up"], root=root) == 1
    assert "no Pulumi.local.yaml" in capfd.readouterr().err
