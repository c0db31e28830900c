"""Property values as they travel between the engine and a provider: plain JSON plus marked secrets and unknowns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias, cast

from google.protobuf import json_format, struct_pb2
from pydantic import JsonValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json: TypeAlias = JsonValue
Properties: TypeAlias = dict[str, Json]

# Fixed by Pulumi's protocol.
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
REDACTED = "[secret]"

_PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_.]+(?:\|name)?)\}")


def from_struct(struct: struct_pb2.Struct) -> Properties:
    """Return the properties in a message, whole numbers as integers (the wire knows floating point alone)."""
    return cast("Properties", _whole(cast("Json", json_format.MessageToDict(struct))))


def to_struct(properties: Mapping[str, Json]) -> struct_pb2.Struct:
    """Return the message that carries the properties."""
    struct = struct_pb2.Struct()
    json_format.ParseDict(dict(properties), struct)
    return struct


def secret(value: Json) -> Json:
    """Mark a value as secret; a marked one stays as it is."""
    return value if is_secret(value) else {SIGNATURE: SECRET, "value": value}


def is_secret(value: Json) -> bool:
    """Say whether the value itself is marked as secret."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def plain(value: Json) -> Json:
    """Return the value with every secret's mark taken off, at any depth."""
    if isinstance(value, dict):
        return plain(value.get("value")) if is_secret(value) else {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def redacted(value: Json) -> Json:
    """Return the value with every secret replaced by a word, for logs."""
    if isinstance(value, dict):
        return REDACTED if is_secret(value) else {key: redacted(item) for key, item in value.items()}
    return [redacted(item) for item in value] if isinstance(value, list) else value


def has_unknown(value: Json) -> bool:
    """Say whether the value holds something that only a real update will tell."""
    return _any(value, lambda item: item == UNKNOWN)


def has_secret(value: Json) -> bool:
    """Say whether the value holds a secret at any depth."""
    return _any(value, is_secret)


def rendered(template: Json, facts: Mapping[str, Json]) -> Json:
    """Fill `${path.to.fact}` in a template; what is made from a secret is secret, from an unknown is unknown.

    A text that is one placeholder becomes the fact itself, of whatever type. Raises KeyError for an unknown path.
    """
    if isinstance(template, dict):
        return {key: rendered(item, facts) for key, item in template.items()}
    if isinstance(template, list):
        return [rendered(item, facts) for item in template]
    if not isinstance(template, str):
        return template
    whole = _PLACEHOLDER.fullmatch(template)
    if whole is not None:
        return _fact(facts, whole[1])
    found = [_fact(facts, path) for path in _PLACEHOLDER.findall(template)]
    if any(has_unknown(fact) for fact in found):
        return UNKNOWN
    text = _PLACEHOLDER.sub(lambda match: str(plain(_fact(facts, match[1]))), template)
    return secret(text) if any(has_secret(fact) for fact in found) else text


def at(properties: Mapping[str, Json], path: str) -> Json:
    """Return the value at a dotted path; None where there is none."""
    value: Json = dict(properties)
    for part in path.split("."):
        value = plain(value)
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def with_at(properties: Mapping[str, Json], path: str, value: Json) -> Properties:
    """Return the properties with the value at a dotted path; the given ones are not changed."""
    first, _, rest = path.partition(".")
    inner = properties.get(first)
    below = inner if isinstance(inner, dict) else {}
    return {**properties, first: with_at(below, rest, value) if rest else value}


def laid_over(properties: Mapping[str, Json], values: Mapping[str, Json]) -> Properties:
    """Return the properties with every value at its dotted path; the given ones are not changed."""
    result = dict(properties)
    for path, value in values.items():
        result = with_at(result, path, value)
    return result


def changed_paths(old: Json, new: Json, path: str = "") -> list[str]:
    """Return the dotted paths at which two values differ; lists and secrets are compared as a whole."""
    if is_secret(old) or is_secret(new):
        return [] if plain(old) == plain(new) else [path]
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        return [
            found
            for key in keys
            for found in changed_paths(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        ]
    return [] if old == new else [path]


def _fact(facts: Mapping[str, Json], placeholder: str) -> Json:
    path, _, part_of = placeholder.partition("|")
    found = _at(facts, path)
    if not part_of or found == UNKNOWN:
        return found
    last = str(plain(found)).rsplit("/", 1)[-1]
    return secret(last) if is_secret(found) else last


def _at(facts: Mapping[str, Json], path: str) -> Json:
    value: Json = dict(facts)
    marked = False
    for part in path.split("."):
        if is_secret(value):
            marked, value = True, plain(value)
        if value == UNKNOWN:
            return UNKNOWN
        if not isinstance(value, dict) or part not in value:
            raise KeyError(path)
        value = value[part]
    return secret(value) if marked else value


def _any(value: Json, test: Callable[[Json], bool]) -> bool:
    if test(value):
        return True
    if isinstance(value, dict):
        return any(_any(item, test) for item in value.values())
    return isinstance(value, list) and any(_any(item, test) for item in value)


def _whole(value: Json) -> Json:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value
