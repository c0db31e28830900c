"""Before an image is built, this machine's Docker must know how to log in to ECR, and never by a stored password."""

import json
import os
from pathlib import Path

import pytest

from components.aws import docker_login
from components.aws.docker_login import (
    _DockerLoginProvider,  # pyright: ignore[reportPrivateUsage]  # why: what the engine calls
    configured_helper,
    docker_configuration,
    registry_host,
)
from components.contracts import DeploymentError

pytestmark = pytest.mark.unit

HOST = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
PROPS = {"repository": f"{HOST}/rag-dev", "tag": "1.0.0-dev-abc", "helper": None}


ANSWER = json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": "hunter2hunter2"})


def helper(folder: Path, name: str, script: str) -> None:
    """A helper's program, which does what the script does."""
    program = folder / "bin" / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's configuration of a machine that has Amazon's helper, which can log in, and no other."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin")
    helper(tmp_path, "ecr-login", f'read host; [ "$1 $host" = "get {HOST}" ] && echo \'{ANSWER}\'')
    folder = tmp_path / "docker"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder / "config.json"


def refusal(file: Path) -> str:
    with pytest.raises(DeploymentError) as caught:
        configured_helper(HOST, file)
    return str(caught.value)


def test_a_helper_for_this_registry_is_found(file: Path) -> None:
    file.write_text(json.dumps({"credHelpers": {HOST: "ecr-login"}}))
    assert configured_helper(HOST, file) == "ecr-login"


def test_a_helper_for_all_registries_is_found(file: Path) -> None:
    file.write_text(json.dumps({"credsStore": "ecr-login"}))
    assert configured_helper(HOST, file) == "ecr-login"


def test_the_registrys_own_helper_goes_before_the_one_for_all(file: Path) -> None:
    file.write_text(json.dumps({"credsStore": "missing", "credHelpers": {HOST: "ecr-login"}}))
    assert configured_helper(HOST, file) == "ecr-login"


@pytest.mark.parametrize(
    "content",
    [
        None,
        "{}",
        "[]",
        '{"credHelpers": []}',
        '{"credHelpers": {"registry.example.com": "ecr-login"}}',
        '{"auths": {"' + HOST + '": {"auth": "QVdTOnBhc3N3b3Jk"}}}',
    ],
)
def test_without_a_helper_the_error_says_what_to_install_and_what_to_write_where(
    file: Path, content: str | None
) -> None:
    if content is not None:
        file.write_text(content)
    message = refusal(file)
    assert message.startswith(f"Docker knows no credential helper for {HOST}")
    assert "could not be pushed; nothing was built" in message
    assert "Install amazon-ecr-credential-helper" in message
    assert f'"credHelpers": {{"{HOST}": "ecr-login"}} into {file}' in message
    assert "QVdTOnBhc3N3b3Jk" not in message


def test_a_helper_whose_program_is_missing_is_named(file: Path) -> None:
    file.write_text(json.dumps({"credsStore": "desktop"}))
    assert "the credential helper 'desktop'" in refusal(file)
    assert "is not on the PATH" in refusal(file)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo credentials not found in native keychain; exit 1", "credentials not found in native keychain"),
        ("echo no valid providers in chain >&2; exit 1", "no valid providers in chain"),
        (f"echo '{ANSWER}'; exit 3", "exit code 3"),
        ("exit 4", "exit code 4"),
        ("seq 1000; exit 1", " ".join(map(str, range(1, 1001)))[:300]),
    ],
)
def test_a_helper_of_all_registries_that_knows_no_login_to_this_one_is_refused_with_its_own_error(
    file: Path, tmp_path: Path, script: str, error: str
) -> None:
    helper(tmp_path, "desktop", script)
    file.write_text(json.dumps({"credsStore": "desktop"}))
    message = refusal(file)
    assert f"the credential helper 'desktop' that {file} names for {HOST} cannot log in ({error})" in message
    assert "hunter2" not in message


def test_a_helper_that_waits_for_somebody_to_type_is_given_up(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_login, "HELPER_SECONDS", 0.2)
    helper(tmp_path, "desktop", "exec sleep 60")
    file.write_text(json.dumps({"credsStore": "desktop"}))
    assert "cannot log in (no answer within 0.2 s)" in refusal(file)


def test_a_helper_that_cannot_be_run_is_an_error_and_not_a_traceback(file: Path, tmp_path: Path) -> None:
    helper(tmp_path, "desktop", "")
    (tmp_path / "bin" / "docker-credential-desktop").write_text("no program")
    file.write_text(json.dumps({"credsStore": "desktop"}))
    assert "cannot log in (Exec format error)" in refusal(file)


def test_a_configuration_that_is_no_json_is_an_error_and_not_a_traceback(file: Path) -> None:
    file.write_text("{")
    assert f"Docker's configuration {file} cannot be read (not JSON)" in refusal(file)


def test_the_configuration_is_looked_for_where_docker_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    assert docker_configuration() == file
    monkeypatch.delenv("DOCKER_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert docker_configuration() == tmp_path / ".docker" / "config.json"


def test_the_host_is_what_stands_before_the_path() -> None:
    assert registry_host(f"{HOST}/team/rag-dev") == HOST


def test_creating_and_updating_both_look_and_neither_keeps_more_than_the_helpers_name(file: Path) -> None:
    file.write_text(json.dumps({"credHelpers": {HOST: "ecr-login"}, "auths": {HOST: {"auth": "secret"}}}))
    provider = _DockerLoginProvider()
    for outs in (provider.create(dict(PROPS)).outs, provider.update("id", {}, dict(PROPS)).outs):
        assert outs == {**PROPS, "helper": "ecr-login"}, "nothing of the helper's answer"
    file.unlink()
    with pytest.raises(DeploymentError):
        provider.create(dict(PROPS))
    with pytest.raises(DeploymentError):
        provider.update("id", {}, dict(PROPS))


def test_it_is_looked_at_again_for_another_release_and_for_nothing_else() -> None:
    provider = _DockerLoginProvider()
    assert provider.diff("id", dict(PROPS), dict(PROPS)).changes is False
    assert provider.diff("id", dict(PROPS), {**PROPS, "tag": "1.0.0-dev-def"}).changes is True
    assert provider.diff("id", dict(PROPS), {**PROPS, "repository": "other/rag"}).changes is True
