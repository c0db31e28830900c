"""Judges requests by the model of AWS's own SDK: names, types, what is required, and what its validator leaves out.

botocore's ParamValidator, which the SDK runs before it sends anything, knows names, types and required members. It
never looks at enumerations, upper bounds or patterns, though the model has them: the walker does.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator

NUMBERS = frozenset({"integer", "long", "float", "double"})
LENGTHS = frozenset({"string", "list", "map", "blob"})


@functools.cache
def _input_shape(service: str, operation: str) -> StructureShape:
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert isinstance(shape, StructureShape)
    return shape


def findings(service: str, operation: str, request: Mapping[str, object]) -> list[str]:
    """What AWS's model has against a request; empty when nothing. `operation` is its name in the API (`RunTask`)."""
    shape = _input_shape(service, operation)
    report = ParamValidator().validate(dict(request), shape).generate_report()
    return [*filter(None, report.splitlines()), *walk(request, shape, operation)]


def member_findings(service: str, operation: str, member: str, value: object) -> list[str]:
    """The same for one member of a request, for example the container definitions of a task."""
    shape = _input_shape(service, operation).members[member]
    report = ParamValidator().validate(cast(Any, value), shape).generate_report()
    return [*filter(None, report.splitlines()), *walk(value, shape, member)]


def walk(value: object, shape: Shape, path: str) -> Iterator[str]:
    """What the validator does not look at: enumerations, bounds and patterns, at any depth. Types are its work."""
    yield from _bounds(value, shape, path)
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        for name, member in cast(Mapping[str, object], value).items():
            if name in shape.members:
                yield from walk(member, shape.members[name], f"{path}.{name}")
    elif isinstance(shape, ListShape) and isinstance(value, Sequence) and not isinstance(value, str):
        for number, item in enumerate(cast(Sequence[object], value)):
            yield from walk(item, shape.member, f"{path}[{number}]")
    elif isinstance(shape, MapShape) and isinstance(value, Mapping):
        for name, item in cast(Mapping[str, object], value).items():
            yield from walk(name, shape.key, f"{path}.{name}")
            yield from walk(item, shape.value, f"{path}.{name}")


def _bounds(value: object, shape: Shape, path: str) -> Iterator[str]:
    allowed = cast(Sequence[str], shape.enum) if isinstance(shape, StringShape) else ()
    if allowed and value not in allowed:
        yield f"{path}: {value!r} is none of {', '.join(allowed)}"
    metadata = cast(Mapping[str, object], shape.metadata)
    size = _size(value, shape)
    low, high = metadata.get("min"), metadata.get("max")
    if size is not None and isinstance(low, int | float) and size < low:
        yield f"{path}: {value!r} is below {low}"
    if size is not None and isinstance(high, int | float) and size > high:
        yield f"{path}: {value!r} is above {high}"
    pattern = metadata.get("pattern")
    if isinstance(pattern, str) and isinstance(value, str) and not _fits(pattern, value):
        yield f"{path}: {value!r} does not fit {pattern}"


def _size(value: object, shape: Shape) -> float | None:
    if shape.type_name in NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if shape.type_name in LENGTHS and isinstance(value, str | list | tuple | dict):
        return len(cast(Sequence[object], value))
    return None


def _fits(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        # Java's \p{...}, which Python does not know: no finding is better than a wrong one.
        return True
