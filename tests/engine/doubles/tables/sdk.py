"""What a provider's SDK itself says of a type: its inputs, and which of them must be given."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.engine.doubles.rules import Rule


def with_inputs_of_sdk(token: str, rule: Rule) -> Rule:
    """The rule with the inputs that the SDK's class of arguments has, and those without which it cannot be made.

    Raises AttributeError for a token of which the SDK knows nothing.
    """
    package, path, name = token.split(":")
    folder = path.split("/")[0]
    module = f"pulumi_{package.replace('-', '_')}" + ("" if folder == "index" else f".{folder}")
    arguments = cast("type", getattr(importlib.import_module(module), f"{name}Args"))
    names = {
        key: str(getattr(member.fget, "_pulumi_name", key))
        for key, member in cast("Mapping[str, object]", vars(arguments)).items()
        if isinstance(member, property)
    }
    required = [
        names[key]
        for key, parameter in inspect.signature(arguments).parameters.items()
        if parameter.default is inspect.Parameter.empty
    ]
    return dataclasses.replace(
        rule, required=(*required, *rule.required), allowed=tuple(sorted({*names.values(), *(rule.allowed or ())}))
    )
