"""The SDKs' classes by the engine's name of their type, and what their getters tell of a resource's properties."""

import functools
import importlib
from collections.abc import Callable, Mapping
from typing import cast

import pulumi


def module_of(token: str) -> str:
    """The module that a program imports for a type: `pulumi_aws.ec2` for `aws:ec2/vpc:Vpc`."""
    package, path, _ = token.split(":")
    # The other SDKs have one module a folder; that of Kubernetes has one a version.
    folder = path.replace("/", ".") if package == "kubernetes" else path.split("/")[0]
    return f"pulumi_{package.replace('-', '_')}" + ("" if folder == "index" else f".{folder}")


def class_of(token: str) -> type[pulumi.CustomResource]:
    """The class of a type; raises ImportError or AttributeError where no SDK has it."""
    return cast(type[pulumi.CustomResource], getattr(importlib.import_module(module_of(token)), token.split(":")[2]))


@functools.cache
def text_outputs(token: str) -> frozenset[str]:
    """The engine's names of a type's properties that are texts; empty for a type that no SDK has."""
    try:
        getters = _getters(class_of(token))
    except (ImportError, AttributeError):
        return frozenset()
    texts = (name for name, getter in getters.items() if getter.__annotations__.get("return") == pulumi.Output[str])
    return frozenset(texts)


def argument_names(cls: type[pulumi.CustomResource]) -> Mapping[str, str]:
    """By the engine's name of a property (`cidrBlock`), the name of the argument that sets it (`cidr_block`)."""
    return {name: getter.__name__ for name, getter in _getters(cls).items()}


def _getters(cls: type[pulumi.CustomResource]) -> Mapping[str, Callable[..., object]]:
    members = cast(Mapping[str, object], vars(cls)).values()
    found = [member.fget for member in members if isinstance(member, property) and member.fget]
    return {str(getattr(getter, "_pulumi_name", getter.__name__)): getter for getter in found}
