"""Overrides laid over a stack's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.configuration import ConfigDocument, ConfigError, load_document, overlaid

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit


def test_an_override_reaches_into_a_mapping_and_leaves_its_neighbours() -> None:
    document: ConfigDocument = {"config": {"rag:local": {"port": 8000, "database_port": 54330}}}
    result = overlaid(document, {"local.port": "9", "release.digest": "sha256:ab", "aws:region": "eu-central-1"})
    assert result["config"] == {
        "rag:local": {"port": 9, "database_port": 54330},
        "rag:release": {"digest": "sha256:ab"},
        "aws:region": "eu-central-1",
    }
    assert document == {"config": {"rag:local": {"port": 8000, "database_port": 54330}}}


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("false", False), ("-3", -3), ("1.5", "1.5"), ("0x10", "0x10"), ("", "")]
)
def test_only_whole_numbers_and_truth_values_are_more_than_text(text: str, value: object) -> None:
    assert overlaid({}, {"key": text})["config"] == {"rag:key": value}


@pytest.mark.parametrize("key", ["", "local.", ".port", "a..b"])
def test_a_key_with_an_empty_part_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match="no configuration key"):
        overlaid({}, {key: "1"})


def test_an_override_through_a_plain_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="`rag:cloud` holds a plain value"):
        overlaid({"config": {"rag:cloud": "local"}}, {"cloud.name": "x"})


@pytest.mark.parametrize("text", ["- a\n", "a: [\n"])
def test_a_stack_file_that_is_no_mapping_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "Pulumi.local.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"Pulumi\.local\.yaml"):
        load_document(path)
