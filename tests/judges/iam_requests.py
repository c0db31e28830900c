"""Answers requests by policies as IAM does: a statement must fit in its action, its resource and all its conditions.

It knows the operators that our policies use, and fails on any other: a condition that nobody reads would allow all.
"""

import fnmatch
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from tests.judges.iam import Statement, listed, statements

Context = Mapping[str, str | Sequence[str]]
"""What a request says of itself, by condition key; a key that is absent is absent from the request as well."""
Document = Mapping[str, object]

IF_EXISTS, ALL = "IfExists", "ForAllValues:"


def _equal(value: str, wanted: str) -> bool:
    return value == wanted


def _like(value: str, pattern: str) -> bool:
    # Brackets are no pattern for IAM.
    return fnmatch.fnmatchcase(value, pattern.replace("[", "[[]"))


OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": _equal,
    "StringLike": _like,
    # Between them IAM makes no difference: both read wildcards.
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": _equal,
}


def allowed(documents: Iterable[Document], action: str, resource: str, context: Context | None = None) -> bool:
    """Whether some statement allows the action on the resource."""
    asked = context or {}
    return any(
        action in listed(statement["Action"])
        and any(_like(resource, pattern) for pattern in listed(statement["Resource"]))
        and _holds(statement, asked)
        for document in documents
        for statement in statements(document)
        if statement["Effect"] == "Allow"
    )


def _holds(statement: Statement, asked: Context) -> bool:
    conditions = cast(Mapping[str, Mapping[str, object]], statement.get("Condition") or {})
    return all(
        _fits(operator, key, listed(wanted), asked)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _fits(operator: str, key: str, wanted: list[str], asked: Context) -> bool:
    found = listed(asked[key]) if key in asked else None
    if operator == "Null":
        return (found is None) == (wanted == ["true"])
    compare = OPERATORS[operator.removeprefix(ALL).removesuffix(IF_EXISTS)]
    if found is None:
        return operator.startswith(ALL) or operator.endswith(IF_EXISTS)
    quantified = all if operator.startswith(ALL) else any
    return quantified(any(compare(value, one) for one in wanted) for value in found)
