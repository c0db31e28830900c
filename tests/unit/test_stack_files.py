"""The stack files of the repository: every one of them can be deployed as it stands, as far as settings can tell."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from stacks.settings import PROJECT, AwsSettings, Settings, parse_settings

pytestmark = pytest.mark.unit

FILES = sorted(PROJECT.glob("Pulumi.*.yaml"))
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: cast(Path, file).name)


def text(value: object) -> str:
    """A value as the engine hands it over: objects and lists as JSON, everything else as text."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def parsed(file: Path) -> Settings:
    config = cast(dict[str, Any], yaml.safe_load(file.read_text())["config"])
    return parse_settings({key: text(value) for key, value in config.items()}, file=file.name)


def test_there_are_stack_files_to_look_at() -> None:
    assert {file.name for file in FILES} >= {"Pulumi.local.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"}


@every_file
def test_every_stack_file_says_what_can_be_deployed(file: Path) -> None:
    assert parsed(file).cloud in {"local", "kubernetes", "aws", "gcp", "azure"}


@every_file
def test_no_stack_file_holds_a_secret_or_a_key_that_is_not_ours(file: Path) -> None:
    document = cast(dict[str, Any], yaml.safe_load(file.read_text()))
    assert set(document) == {"config"}
    assert all(key.startswith("rag:") for key in document["config"])


@every_file
def test_every_stack_file_explains_itself_at_its_top(file: Path) -> None:
    assert file.read_text().startswith("# ")


def test_the_dev_stack_is_the_cheap_one() -> None:
    settings = parsed(PROJECT / "Pulumi.dev.yaml")
    assert isinstance(settings, AwsSettings)
    assert (settings.profile, settings.network.nat_of("dev"), settings.aws.allow_plain_http) == ("dev", "none", True)
    assert settings.protected is False


def test_the_prod_stack_is_encrypted_guarded_and_protected() -> None:
    settings = parsed(PROJECT / "Pulumi.prod.yaml")
    assert isinstance(settings, AwsSettings)
    assert (settings.profile, settings.protected) == ("prod", True)
    assert settings.aws.domain is not None
    assert settings.aws.account_id is not None
    assert settings.oidc is not None
    assert settings.times.rollout <= 900
