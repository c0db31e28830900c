"""`python -m tools.stack` on a small project of its own, with the real engine."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tools.local_state import LocalState
from tools.pulumi_cli.obtain import bin_folder
from tools.stack import main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

DIGEST = f"sha256:{'a' * 64}"
TRACKED = {
    "Pulumi.yaml": "name: rag\nruntime: python\n",
    "Pulumi.local.yaml": "config:\n  rag:local:\n    port: 8000 # a comment that must stay\n",
    "__main__.py": """
import pulumi
config = pulumi.Config()
release = (config.get_object("release") or {}).get("digest")
pulumi.export("port", config.require_object("local")["port"])
pulumi.export("release", release or "tree")
pulumi.export("previous_release", (config.get_object("test") or {}).get("previous"))
pulumi.export("image", (config.get_object("release") or {}).get("image"))
pulumi.export("key", pulumi.Output.secret("key-of-the-house"))
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    # A blank in the path: a checkout may lie anywhere.
    folder = tmp_path / "my project"
    folder.mkdir()
    for name, text in TRACKED.items():
        (folder / name).write_text(text)
    return folder


def outputs(root: Path, capfd: pytest.CaptureFixture[str]) -> dict[str, object]:
    capfd.readouterr()
    assert main(["output", "--", "--json"], root=root) == 0
    result: dict[str, object] = json.loads(capfd.readouterr().out)
    return result


def test_a_stack_comes_and_goes_without_a_tracked_file_changing(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--config", "local.port=9"], root=root) == 0
    assert outputs(root, capfd) == {"port": 9, "release": "tree", "key": "[secret]"}
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

    assert main(["up", "--config", f"test.previous={DIGEST}"], root=root) == 0
    assert main(["rollback"], root=root) == 0
    assert f"going back to {DIGEST}" in capfd.readouterr().err
    assert outputs(root, capfd)["release"] == DIGEST

    assert main(["preview"], root=root) == 0
    capfd.readouterr()
    assert main(["up"], root=root) == 0
    assert f"the rollback to {DIGEST} is over" in capfd.readouterr().err
    assert outputs(root, capfd)["release"] == "tree"


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
        (["destroy", "--stack", "prod"], "pulumi destroy --stack prod"),
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


@pytest.fixture
def elsewhere(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stack `prod` in a backend of the user's own, as it would be on a cloud."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of the user")
    monkeypatch.setenv("PULUMI_SKIP_UPDATE_CHECK", "true")
    (root / "Pulumi.prod.yaml").write_text("config:\n  rag:local: {port: 1}\n")
    subprocess.run(
        [bin_folder() / "pulumi", "stack", "init", "prod", "--non-interactive"],
        cwd=root,
        env=os.environ | {"PATH": f"{bin_folder()}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        capture_output=True,
    )
    return root


def test_a_rollback_elsewhere_is_recorded_in_the_stack_file_and_deployed(
    elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def stack(*arguments: str) -> int:
        return main([*arguments, "--stack", "prod", "--", "--yes", "--non-interactive"], root=elsewhere)

    file = elsewhere / "Pulumi.prod.yaml"
    assert stack("up") == 0
    assert stack("rollback") == 1
    assert "has had one release, so there is none to go back to; nothing was changed" in capfd.readouterr().err
    before = file.read_text()
    assert stack("rollback", "--to", "registry.example.com/rag:latest") == 1
    assert "is no image by its digest" in capfd.readouterr().err
    assert file.read_text() == before

    image = f"registry.example.com/team/rag@{DIGEST}"
    file.write_text(before.replace("config:\n", f"config:\n  rag:test:\n    previous: {image}\n"))
    assert stack("up") == 0
    assert stack("rollback") == 0
    told = capfd.readouterr()
    assert f"going back to {image}" in told.err
    assert yaml.safe_load(file.read_text())["config"]["rag:release"] == {"image": image}
    assert re.search(rf'image +: "{re.escape(image)}"', told.out)
