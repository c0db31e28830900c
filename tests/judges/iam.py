"""Judges IAM policies by what AWS publishes of its actions: their names, the resources and the conditions they know."""

import fnmatch
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from policy_sentry.querying.actions import get_action_data

GLOBAL_CONDITIONS = frozenset({"aws:SourceAccount", "aws:SourceArn"})
"""Conditions that every request can have; policy_sentry lists those of single actions."""
ANY = "*"
Statement = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Published:
    """What AWS says of one action."""

    levels: frozenset[str]
    arns: frozenset[str]
    """The forms of the resources that it can be limited to; empty when AWS knows none."""
    conditions: frozenset[str]
    depends: frozenset[str]
    """Other actions that it may need besides."""


@functools.cache
def published(action: str) -> Published | None:
    """What AWS publishes of an action; None when there is no such action."""
    service, _, name = action.partition(":")
    answer = cast(Mapping[str, list[Mapping[str, object]]] | bool, get_action_data(service, name))
    if isinstance(answer, bool) or not answer:
        return None
    rows = [row for found in answer.values() for row in found]
    return Published(
        levels=frozenset(str(row["access_level"]) for row in rows),
        arns=frozenset(str(row["resource_arn_format"]) for row in rows) - {ANY},
        conditions=frozenset(key for row in rows for key in cast(list[str], row["condition_keys"])),
        depends=frozenset(other for row in rows for other in cast(list[str], row["dependent_actions"])),
    )


def listed(value: object) -> list[str]:
    """IAM's one or many, as many."""
    return [value] if isinstance(value, str) else [str(item) for item in cast(Sequence[object], value or [])]


def statements(document: Mapping[str, object]) -> list[Statement]:
    """The statements of a policy document."""
    return [cast(Statement, item) for item in cast(Sequence[object], document["Statement"])]


def findings(document: Mapping[str, object], *, unlimited: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with a policy of an identity; empty when nothing is.

    `unlimited` are actions that may be granted on every resource although AWS could limit them, for a reason.
    """
    if document.get("Version") != "2012-10-17":
        return ["the version of the policy language is not 2012-10-17"]
    return [finding for statement in statements(document) for finding in _of(statement, unlimited)]


def _of(statement: Statement, unlimited: frozenset[str]) -> Iterator[str]:
    actions, resources = listed(statement.get("Action")), listed(statement.get("Resource"))
    if not actions or not resources:
        yield f"a statement without actions or resources: {statement}"
    for action in actions:
        known = published(action)
        if ANY in action or known is None:
            yield f"{action} is no action of AWS"
            continue
        yield from _resources(action, known, resources, unlimited)
        yield from (
            f"{action} knows no condition {key}"
            for key in _conditions(statement)
            if key not in GLOBAL_CONDITIONS and not _knows(known, key)
        )
    for resource in resources:
        if resource != ANY and not any(_fits(resource, published(action)) for action in actions):
            yield f"{resource} is a resource of none of {', '.join(actions)}"


def _resources(action: str, known: Published, resources: list[str], unlimited: frozenset[str]) -> Iterator[str]:
    if ANY in resources:
        if known.arns and action not in unlimited:
            yield f"{action} is granted on everything, and could be limited to {', '.join(sorted(known.arns))}"
    elif not any(_fits(resource, known) for resource in resources):
        yield f"{action} is granted on no resource that it knows"


def _fits(resource: str, known: Published | None) -> bool:
    return known is not None and any(overlap(resource, re.sub(r"\$\{\w+\}", ANY, form)) for form in known.arns)


@functools.cache
def overlap(one: str, other: str) -> bool:
    """Whether two patterns with `*` have a text in common; policy_sentry compares to the first slash only."""
    if not one or not other:
        return not (one + other).strip(ANY)
    if one[0] == ANY:
        return overlap(one[1:], other) or overlap(one, other[1:])
    if other[0] == ANY:
        return overlap(other, one)
    return one[0] == other[0] and overlap(one[1:], other[1:])


def granted(documents: Iterable[Mapping[str, object]], action: str, resource: str) -> bool:
    """Whether some statement names the action and the resource, whatever its conditions say."""
    return any(
        action in listed(statement["Action"])
        and any(fnmatch.fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
        for document in documents
        for statement in statements(document)
    )


def _conditions(statement: Statement) -> Iterator[str]:
    for keys in cast(Mapping[str, Mapping[str, object]], statement.get("Condition") or {}).values():
        yield from keys


def _knows(known: Published, key: str) -> bool:
    """Whether an action knows a condition; tags and the like are published with a placeholder for their names."""
    return any(form == key or ("/$" in form and key.startswith(form.split("$")[0])) for form in known.conditions)
