"""Stack configuration as a document: read it, and lay single values over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ConfigDocument: TypeAlias = dict[str, object]

PROJECT_NAMESPACE = "rag"


class ConfigError(Exception):
    """A configuration file or an override is wrong; the message names it."""


def load_document(path: Path) -> ConfigDocument:
    """Read a stack's configuration file; raises ConfigError when it is no mapping."""
    try:
        document: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no valid YAML, so the stack cannot be configured: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold a mapping with the key `config`, but holds a {type(document).__name__}.")
    return cast("ConfigDocument", document)


def config_of(document: ConfigDocument, file: str) -> ConfigDocument:
    """The keys and values of a stack file, which `file` names; raises ConfigError when they are no mapping."""
    config = document.get("config")
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise ConfigError(
            f"`config` in {file} holds a {type(config).__name__}, no keys with values, so the stack cannot be "
            "configured; write each key indented below it, with a blank after its colon: `rag:cloud: aws`."
        )
    return cast("ConfigDocument", config)


def overlaid(document: ConfigDocument, overrides: Mapping[str, str]) -> ConfigDocument:
    """Return the document with `key.path` = value laid over its `config`; the document itself is not changed.

    A key without a namespace belongs to the project. Raises ConfigError when a path goes through a plain value.
    """
    result = dict(document)
    config = result.get("config")
    if config is not None and not isinstance(config, dict):
        raise ConfigError("`config` in the stack file must be a mapping of keys to values.")
    values = dict(cast("ConfigDocument", config or {}))
    for key, text in overrides.items():
        namespace, _, path = key.rpartition(":")
        parts = path.split(".")
        if not all(parts):
            raise ConfigError(f"`{key}` is no configuration key; write it like `release.digest`.")
        parts[0] = f"{namespace or PROJECT_NAMESPACE}:{parts[0]}"
        _put(values, parts, scalar(text), key)
    result["config"] = values
    return result


def scalar(text: str) -> str | int | bool:
    """Read an override's value as YAML would for whole numbers and true/false, and as text otherwise."""
    if text in {"true", "false"}:
        return text == "true"
    if text.lstrip("-").isdecimal() and text.isascii():
        return int(text)
    return text


def _put(values: ConfigDocument, parts: list[str], value: str | int | bool, key: str) -> None:
    for part in parts[:-1]:
        inner = values.get(part)
        if inner is not None and not isinstance(inner, dict):
            raise ConfigError(f"`{key}` cannot be set: `{part}` holds a plain value in the stack file, no mapping.")
        # Copied on the way down, so that the document given stays as it is.
        copy = dict(cast("ConfigDocument", inner or {}))
        values[part] = copy
        values = copy
    values[parts[-1]] = value
