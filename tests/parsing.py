"""A stack's settings for tests, from keys as they stand below `config:` in a stack file."""

import json
from collections.abc import Collection, Mapping
from typing import TypeVar

from stacks.settings import AwsSettings, KubernetesSettings, LocalSettings, parse_settings

FILE = "Pulumi.test.yaml"
S = TypeVar("S", LocalSettings, KubernetesSettings, AwsSettings)


def as_the_engine_hands_over(keys: Mapping[str, object]) -> dict[str, str]:
    """`rag:` keys as the engine gives them to a program: text as text, all else as JSON."""
    return {f"rag:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}


def parse_as(model: type[S], keys: Mapping[str, object], *, encrypted: Collection[str] = ()) -> S:
    """Parses and makes sure that the settings are those of the wanted target. `encrypted` are keys without `rag:`."""
    settings = parse_settings(
        as_the_engine_hands_over(keys), file=FILE, secret_keys={f"rag:{key}" for key in encrypted}
    )
    assert isinstance(settings, model)
    return settings


def parse_local(keys: Mapping[str, object]) -> LocalSettings:
    return parse_as(LocalSettings, {"cloud": "local", **keys})
