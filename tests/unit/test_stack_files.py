"""The stack files of the repository: every one of them can be deployed as it stands, as far as settings can tell."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from stacks.settings import PROJECT, AwsSettings, Settings, parse_settings
from stacks.settings.reader import GUIDES, TARGETS, SettingsError
from tools.plan import PLACEHOLDER, with_placeholders

pytestmark = pytest.mark.unit

FILES = sorted(PROJECT.glob("Pulumi.*.yaml"))
STAND_IN = PLACEHOLDER.format("x")
every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: cast(Path, file).name)


def document(file: Path) -> dict[str, Any]:
    return cast(dict[str, Any], yaml.safe_load(file.read_text()))


def text(value: object) -> str:
    """A value as the engine hands it over: objects and lists as JSON, everything else as text."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def parsed(file: Path, **extra: object) -> Settings:
    # What is encrypted only the stack's own backend can read; for the rest of the file anything stands in for it.
    config = with_placeholders(document(file)["config"], STAND_IN) | extra
    secret = [key for key, value in document(file)["config"].items() if "secure" in text(value)]
    return parse_settings({key: text(value) for key, value in config.items()}, file=file.name, secret_keys=secret)


def test_there_are_stack_files_to_look_at() -> None:
    assert {file.name for file in FILES} >= {"Pulumi.local.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"}
    assert {document(file)["config"]["rag:cloud"] for file in FILES} >= set(TARGETS)


@every_file
def test_every_stack_file_passes_the_settings_of_its_target_which_refuse_a_key_too_many(file: Path) -> None:
    assert isinstance(parsed(file), TARGETS[document(file)["config"]["rag:cloud"]])
    with pytest.raises(SettingsError, match="rag:nonsense: is no setting"):
        parsed(file, **{"rag:nonsense": "x"})


@every_file
def test_no_stack_file_holds_a_plain_secret_or_a_key_that_is_not_ours(file: Path) -> None:
    """Beside our keys there is only what `pulumi stack init` writes, which is not secret."""
    assert set(document(file)) <= {"config", "encryptionsalt", "secretsprovider", "encryptedkey"}
    assert all(key.startswith("rag:") for key in document(file)["config"])


@every_file
def test_every_stack_file_explains_itself_at_its_top_and_names_the_guide_of_its_target(file: Path) -> None:
    top = file.read_text().partition("config:")[0]
    assert top.startswith("# ")
    assert GUIDES[document(file)["config"]["rag:cloud"]] in top


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
