"""`python -m tools.stack` on a stack elsewhere, with the real engine and a backend of the user's own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest
import yaml

from tests.tools.project import digest
from tools.pulumi_cli.obtain import bin_folder
from tools.stack import main

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = [pytest.mark.engine, pytest.mark.cloud]

A, B, C = (f"registry.example.com/team/rag@{digest(letter)}" for letter in "abc")
Told = pytest.CaptureFixture[str]


class Pulumi(Protocol):
    """Runs `pulumi` itself, as its user would, and returns what it printed."""

    def __call__(self, *arguments: str) -> str: ...


@pytest.fixture
def backend(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose user is logged in to a backend that has no stack yet."""
    folder = tmp_path / "backend"
    folder.mkdir()
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{folder}")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of the user")
    monkeypatch.setenv("PULUMI_SKIP_UPDATE_CHECK", "true")
    (root / "Pulumi.prod.yaml").write_text("config:\n  rag:cloud: aws\n  rag:local: {port: 1}\n")
    return folder


@pytest.fixture
def pulumi(root: Path, backend: Path) -> Pulumi:
    def run(*arguments: str) -> str:
        return subprocess.run(
            [bin_folder() / "pulumi", *arguments, "--stack", "prod", "--non-interactive"],
            cwd=root,
            env=os.environ
            | {"PATH": f"{bin_folder()}{os.pathsep}{os.environ['PATH']}", "PULUMI_PYTHON_CMD": sys.executable},
            stdin=subprocess.DEVNULL,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert backend.is_dir()
    return run


@pytest.fixture
def elsewhere(root: Path, pulumi: Pulumi) -> Path:
    """The project with a stack `prod`, as it would be on a cloud."""
    pulumi("stack", "init")
    return root


def stack(root: Path, *arguments: str, extra: tuple[str, ...] = ("--yes", "--skip-preview")) -> int:
    return main([*arguments, "--stack", "prod", "--", *extra], root=root)


def configure(root: Path, *, image: str | None = None, **test: str) -> None:
    """Writes what the user has in the stack file; what Pulumi wrote there stays."""
    file = root / "Pulumi.prod.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"]["rag:test"] = test
    document["config"].pop("rag:release", None)
    if image is not None:
        document["config"]["rag:release"] = {"image": image}
    file.write_text(yaml.safe_dump(document))


def pinned(root: Path) -> str | None:
    return yaml.safe_load((root / "Pulumi.prod.yaml").read_text())["config"].get("rag:release", {}).get("image")


def two_good_releases(root: Path) -> None:
    configure(root, image=A)
    assert stack(root, "up") == 0
    configure(root, image=B)
    assert stack(root, "up") == 0


def test_a_rollback_elsewhere_is_recorded_in_the_stack_file_and_deployed(elsewhere: Path, capfd: Told) -> None:
    file = elsewhere / "Pulumi.prod.yaml"
    configure(elsewhere, image=A)
    assert stack(elsewhere, "up") == 0
    assert stack(elsewhere, "rollback") == 1
    assert "has had one release at most, so there is none to go back to; nothing was changed" in capfd.readouterr().err
    before = file.read_text()
    assert stack(elsewhere, "rollback", "--to", "registry.example.com/rag:latest") == 1
    assert "is no image by its digest" in capfd.readouterr().err
    assert file.read_text() == before

    file.write_text(before.replace(A, f"{B} # a comment that must stay"))
    assert stack(elsewhere, "up") == 0
    assert stack(elsewhere, "rollback") == 0
    told = capfd.readouterr()
    assert f"going back to {A}" in told.err
    assert "Pulumi.prod.yaml names the release that is deployed now: commit this file" in told.err
    assert pinned(elsewhere) == A
    assert "# a comment that must stay" in file.read_text()
    assert re.search(rf'image +: "{re.escape(A)}"', told.out)


def test_after_a_failed_release_a_rollback_goes_to_the_last_one_that_served(elsewhere: Path, capfd: Told) -> None:
    two_good_releases(elsewhere)
    configure(elsewhere, image=C, broken=C)
    assert stack(elsewhere, "up") != 0
    capfd.readouterr()
    assert stack(elsewhere, "rollback") == 0
    told = capfd.readouterr().err
    assert "the last update failed" in told
    assert f"TO={A}" in told
    assert pinned(elsewhere) == B, "one release too far"
    assert stack(elsewhere, "rollback") == 0, "and from there to the one before it"
    assert pinned(elsewhere) == A


def test_a_failed_release_stays_the_last_update_when_a_refresh_follows(elsewhere: Path, pulumi: Pulumi) -> None:
    two_good_releases(elsewhere)
    configure(elsewhere, image=C, broken=C)
    assert stack(elsewhere, "up") != 0
    pulumi("refresh", "--yes", "--skip-preview")
    assert stack(elsewhere, "rollback") == 0
    assert pinned(elsewhere) == B


def test_what_a_preview_refused_was_no_release_so_a_rollback_goes_to_the_one_before(elsewhere: Path) -> None:
    two_good_releases(elsewhere)
    configure(elsewhere, image=C, refused=C)
    assert stack(elsewhere, "up", extra=("--yes",)) != 0
    assert stack(elsewhere, "rollback") == 0
    assert pinned(elsewhere) == A


@pytest.mark.parametrize(("operation", "to"), [("updating", B), ("creating", A)])
def test_an_engine_that_was_killed_in_an_update_leaves_a_release_that_failed(
    elsewhere: Path, backend: Path, operation: str, to: str
) -> None:
    """A creation may be left from long ago: the engine keeps it until somebody resolves it."""
    two_good_releases(elsewhere)
    file = backend / ".pulumi" / "stacks" / "rag" / "prod.json"
    state = json.loads(file.read_text())
    latest = state["checkpoint"]["latest"]
    latest["pending_operations"] = [{"resource": latest["resources"][-1], "type": operation}]
    file.write_text(json.dumps(state))
    assert stack(elsewhere, "rollback") == 0
    assert pinned(elsewhere) == to


def test_without_any_release_that_served_there_is_nothing_to_go_back_to(elsewhere: Path, capfd: Told) -> None:
    configure(elsewhere, image=A, broken=A)
    assert stack(elsewhere, "up") != 0
    assert stack(elsewhere, "rollback") == 1
    assert "has had one release at most" in capfd.readouterr().err


def test_a_rollback_that_does_not_end_says_what_the_file_holds_how_to_go_on_and_how_to_undo(
    elsewhere: Path, capfd: Told
) -> None:
    two_good_releases(elsewhere)
    configure(elsewhere, image=B, broken=A)
    capfd.readouterr()
    assert stack(elsewhere, "rollback") != 0
    told = capfd.readouterr().err
    assert pinned(elsewhere) == A
    assert "was declined or failed (see above), and Pulumi.prod.yaml names that image already" in told
    assert "`make up STACK=prod ARGS=--yes`" in told
    assert f"set rag:release.image to {B} there" in told
    assert "commit this file" not in told


@pytest.mark.parametrize("command", ["up", "rollback", "destroy"])
def test_without_a_terminal_nothing_is_asked_and_nothing_is_written(elsewhere: Path, capfd: Told, command: str) -> None:
    two_good_releases(elsewhere)
    before = (elsewhere / "Pulumi.prod.yaml").read_text()
    capfd.readouterr()
    assert stack(elsewhere, command, extra=()) == 1
    told = capfd.readouterr()
    assert f"`make {command} STACK=prod ARGS=--yes`" in told.err
    assert told.out == ""
    assert (elsewhere / "Pulumi.prod.yaml").read_text() == before


@pytest.mark.parametrize("command", ["up", "preview"])
def test_a_release_that_the_file_pins_is_named_before_it_is_taken_for_the_checkouts(
    elsewhere: Path, capfd: Told, command: str
) -> None:
    extra = ("--yes", "--skip-preview") if command == "up" else ()
    assert stack(elsewhere, command, extra=extra) == 0
    assert "pins a release" not in capfd.readouterr().err
    configure(elsewhere, image=A)
    assert stack(elsewhere, command, extra=extra) == 0
    assert f"Pulumi.prod.yaml pins a release: {A} is deployed, not the checkout's source" in capfd.readouterr().err


def test_destroying_elsewhere_takes_that_stack_and_leaves_the_one_of_this_machine(
    elsewhere: Path, pulumi: Pulumi
) -> None:
    assert main(["up"], root=elsewhere) == 0
    assert stack(elsewhere, "up") == 0
    assert stack(elsewhere, "destroy", extra=("--yes",)) == 0
    assert "resources" not in json.loads(pulumi("stack", "export"))["deployment"]
    assert main(["output"], root=elsewhere) == 0, "the local stack is another one"


@pytest.mark.parametrize("command", ["up", "preview", "rollback"])
def test_a_stack_that_the_backend_does_not_know_is_told_with_the_commands_that_make_it(
    root: Path, backend: Path, capfd: Told, command: str
) -> None:
    assert backend.is_dir()
    assert stack(root, command) == 1
    told = capfd.readouterr().err
    assert "has no stack `prod`, so nothing was done" in told
    for line in (
        'export PATH="$(.venv/bin/python -m tools.pulumi_cli):$PATH"',
        "pulumi login 's3://",
        "pulumi stack init prod",
        "--secrets-provider 'awskms://",
        "docs/aws.md",
    ):
        assert line in told


def test_who_is_not_logged_in_is_told_how(
    root: Path, backend: Path, monkeypatch: pytest.MonkeyPatch, capfd: Told
) -> None:
    assert backend.is_dir()
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    monkeypatch.delenv("PULUMI_ACCESS_TOKEN", raising=False)
    assert stack(root, "preview", extra=()) == 1
    told = capfd.readouterr().err
    assert "not logged in to any backend" in told
    assert "pulumi stack init prod" in told


@pytest.mark.parametrize(
    ("passphrase", "meaning"),
    [("another", "is not what the stack `prod` was created with"), (None, "Export PULUMI_CONFIG_PASSPHRASE")],
)
def test_a_wrong_or_missing_passphrase_elsewhere_is_no_reason_to_remove_anything(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capfd: Told, passphrase: str | None, meaning: str
) -> None:
    assert stack(elsewhere, "up") == 0
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    if passphrase is not None:
        monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", passphrase)
    capfd.readouterr()
    assert stack(elsewhere, "up") != 0
    told = capfd.readouterr().err
    assert meaning in told
    assert ".local" not in told
    assert "make down" not in told


def test_a_lock_elsewhere_is_taken_away_by_pulumi_and_not_by_the_local_stacks_command(
    elsewhere: Path, backend: Path, capfd: Told
) -> None:
    folder = backend / ".pulumi" / "locks" / "organization" / "rag" / "prod"
    folder.mkdir(parents=True, exist_ok=True)
    lock = {"pid": 1, "hostname": "another", "username": "x", "timestamp": "2026-01-01T00:00:00Z"}
    (folder / "left.json").write_text(json.dumps(lock))
    assert stack(elsewhere, "up") != 0
    told = capfd.readouterr().err
    assert "`pulumi cancel --stack prod`" in told
    assert "tools.stack cancel" not in told


def test_an_error_of_a_provider_is_explained_though_it_goes_to_standard_output(elsewhere: Path, capfd: Told) -> None:
    configure(elsewhere, image=A, broken=A, words="No valid credential sources found.")
    assert stack(elsewhere, "up") != 0
    assert "There are no credentials of AWS here" in capfd.readouterr().err


def test_a_missing_stack_file_is_named_with_those_that_there_are(root: Path, backend: Path, capfd: Told) -> None:
    assert backend.is_dir()
    (root / "Pulumi.prod.yaml").unlink()
    assert stack(root, "up") == 1
    told = capfd.readouterr().err
    assert "There is no Pulumi.prod.yaml" in told
    assert "Pulumi.local.yaml" in told
