"""A plan as text: the resources by the nine steps, each with the values that a reader decides by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tests.engine.doubles import wire
from tools.plan_values import IMPORTANT, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.engine.doubles.wire import Json
    from tests.engine.harness import Planned

STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "1 Settings": ("Lasting",),
    "2 Registry": ("Registry",),
    "3 Release": ("DockerLogin", "Release"),
    "4 Network": ("Supervisor", "kubernetes:Cluster", "Namespace", "Network", "Ingress", "Route", "LoadBalancer"),
    "5 Database": ("Database", "ExternalDatabase"),
    "6 Secrets": ("Secrets",),
    "7 Migration": ("aws:Cluster", "Migration"),
    "8 AppService": ("Observability", "AppService", "Autoscaler"),
    "9 Rollout check": ("RolloutCheck",),
    "Beside them": ("OidcTrust",),
}
"""Which components belong to which step, by their names, with the cloud before it where two clouds mean two things.
Step 1 is over when a plan is printed, but for the record of what can never change."""
BESIDE: Final = "Beside them"

KNOWN_LATER: Final = "(known after the deployment)"
LONGEST: Final = 100
MOST_VALUES: Final = 8


def as_text(stack: str, resources: Sequence[Planned]) -> str:
    """The whole plan. Its first line says what it is not."""
    made = [resource for resource in resources if resource.custom]
    lines = [
        f"Plan of the stack `{stack}`, which no provider judged: names, quotas and permissions are checked by "
        f"`make preview STACK={stack}`.",
        f"{len(made)} resources in {len({_component(resource) for resource in made})} components.",
    ]
    for step, components in by_step(made).items():
        lines += ["", step]
        for component, parts in components.items():
            lines.append(f"  {component}")
            lines += [f"    {line}" for part in parts for line in _described(part)]
    return "\n".join(lines) + "\n"


def by_step(resources: Iterable[Planned]) -> dict[str, dict[str, list[Planned]]]:
    """The resources below their components, in the order of the steps; what belongs to none comes last."""
    found: dict[str, dict[str, list[Planned]]] = {step: {} for step in STEPS}
    for resource in resources:
        token = _component(resource)
        found[step_of(token)].setdefault(token.rsplit(":", 1)[-1], []).append(resource)
    return {step: components for step, components in found.items() if components}


def step_of(token: str) -> str:
    """The step of a component, by its type token (`rag:aws:Network`)."""
    _, cloud, noun = token.split(":")
    steps = {name: step for step, names in STEPS.items() for name in names}
    return steps.get(f"{cloud}:{noun}") or steps.get(noun) or BESIDE


def _component(resource: Planned) -> str:
    """The type token of the outermost component of ours that it lies below."""
    ours = [part for part in resource.urn.split("::")[2].split("$") if part.startswith("rag:")]
    return ours[0] if ours else "rag:stack:Stack"


def _described(resource: Planned) -> Iterator[str]:
    kind = resource.type.replace("pulumi-python:dynamic/", "")
    yield f"{resource.name}  ({kind})"
    values = list(values_of(resource.type, resource.inputs))
    most = len(values) if resource.type in IMPORTANT else MOST_VALUES
    yield from (f"    {path}: {_shown(value)}" for path, value in values[:most])
    if len(values) > most:
        yield f"    and {len(values) - most} more"


def _shown(value: Json) -> str:
    readable = _readable(value)
    text = readable if isinstance(readable, str) else json.dumps(readable, sort_keys=True)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _readable(value: Json) -> Json:
    """The value with unknowns and secrets in words, at any depth."""
    if wire.is_secret(value):
        return wire.REDACTED
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items() if key != "__defaults"}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return KNOWN_LATER if value == wire.UNKNOWN else value
