"""The guides name every key that a stack may hold, and no key that does not exist."""

import re
import types
from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import BaseModel

from stacks.settings import PROJECT, AwsSettings, KubernetesSettings, LocalSettings

pytestmark = pytest.mark.unit

GUIDES: dict[str, type[BaseModel]] = {
    "deployment.md": LocalSettings,
    "kubernetes.md": KubernetesSettings,
    "aws.md": AwsSettings,
}


def models_in(annotation: object) -> list[type[BaseModel]]:
    """The models that a field's type names, also among others (`Model | None`)."""
    parts = get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]


def keys_of(model: type[BaseModel], path: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        key = f"{path}.{field.alias or name}".lstrip(".")
        inner = models_in(field.annotation)
        if inner:
            yield from keys_of(inner[0], key)
        else:
            yield key


def documented(guide: str) -> set[str]:
    """The keys of the guide's table: `rag:a.b`, `.c` names a.b and a.c; `rag:a.*` names all below a."""
    found: set[str] = set()
    for cell in re.findall(r"^\| (`rag:.*?) \|", (PROJECT / "docs" / guide).read_text(), re.MULTILINE):
        prefix = ""
        for key in re.findall(r"`([^`]+)`", cell):
            whole = key.removeprefix("rag:") if key.startswith("rag:") else f"{prefix}{key}"
            prefix = whole.rsplit(".", 1)[0]
            found.add(whole)
    return found


@pytest.mark.parametrize("guide", GUIDES)
def test_every_key_of_a_target_stands_in_its_guide(guide: str) -> None:
    known = documented(guide)
    wildcards = tuple(key.removesuffix("*") for key in known if key.endswith("*"))
    missing = [key for key in keys_of(GUIDES[guide]) if key not in known and not key.startswith(wildcards or "\0")]
    assert missing == []


@pytest.mark.parametrize("guide", GUIDES)
def test_no_guide_names_a_key_that_does_not_exist(guide: str) -> None:
    keys = set(keys_of(GUIDES[guide]))
    invented = [key for key in documented(guide) if key not in keys and not key.endswith("*")]
    assert invented == []


def test_there_is_something_to_compare() -> None:
    assert len(set(keys_of(AwsSettings))) > 50
    assert next(keys_of(LocalSettings)) == "cloud"
