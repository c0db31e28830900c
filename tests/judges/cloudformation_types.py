"""Which resource types the components of AWS make, whatever the configuration, and what AWS publishes about them."""

import ast
import functools
import importlib
from collections.abc import Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import cast

import pulumi
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from stacks.settings import PROJECT

REGION = "us-east-1"
"""Whose schemas are asked: cfn-lint's wheel has all regions', and this one's are the most complete."""
FOLDER = PROJECT / "components" / "aws"
SHARED = (PROJECT / "components" / "release.py",)


@functools.cache
def made_types() -> frozenset[str]:
    """The type tokens of every resource of an SDK that a line in components/aws (or the shared release) makes."""
    return frozenset(token for file in (*FOLDER.glob("*.py"), *SHARED) for token in _made_in(file))


def _made_in(file: Path) -> Iterator[str]:
    name = ".".join(file.relative_to(PROJECT).with_suffix("").parts)
    module = importlib.import_module(name)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            found = _named(module, node.func)
            if isinstance(found, type) and issubclass(found, pulumi.CustomResource):
                token = cast(object, getattr(found, "pulumi_type", None))
                if isinstance(token, str):
                    yield token


def _named(module: ModuleType, node: ast.expr) -> object:
    """What an expression `a.b.C` means in a module; None for any other expression."""
    if isinstance(node, ast.Name):
        return getattr(module, node.id, None)
    if isinstance(node, ast.Attribute):
        return getattr(_named(module, node.value), node.attr, None)
    return None


@functools.cache
def schema(kind: str) -> Mapping[str, object]:
    """AWS's own schema of a type of CloudFormation."""
    found = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind)
    return cast(Mapping[str, object], attrgetter("schema")(found))


def handler_actions(kind: str, *handlers: str) -> frozenset[str]:
    """The IAM actions that AWS publishes for what it does with a type (`create`, `read`, `update`, `delete`)."""
    published = cast(Mapping[str, Mapping[str, list[str]]], schema(kind).get("handlers", {}))
    return frozenset(
        action for handler in handlers if handler in published for action in published[handler]["permissions"]
    )
