"""An AWS stack against the strict recorder, with the account's answers to what a stack may look up."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pulumi

from stacks.aws import compose
from stacks.settings import AwsSettings
from tests.aws_settings import ACCOUNT, REGION
from tests.contracts.recorder import Calls, Recording, Registered, record

CALLER = "aws:index/getCallerIdentity:getCallerIdentity"
ZONES = "aws:index/getAvailabilityZones:getAvailabilityZones"


USUAL: Calls = {
    CALLER: {"accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/someone", "id": ACCOUNT, "userId": "A"},
    # In no order that could be relied on.
    ZONES: {"names": [f"{REGION}{zone}" for zone in "cab"], "zoneIds": [], "groupNames": [], "id": REGION},
}
"""What AWS says of the account, and of the region's zones."""

EVERYTHING: Mapping[str, object] = {
    "waf": True,
    "oidc": {"repository": "owner/name", "environment": "prod"},
    "network": {"endpoints": True, "flow_logs": True},
    "secrets": {"kms_key": "create"},
    "observability": {"alarm_email": "operations@example.com"},
}
"""What a stack can have beside what it always has."""


def of_type(recording: Recording, token: str) -> list[Registered]:
    """All resources of a type, by the end of its token."""
    return [resource for resource in recording.resources if resource.type.endswith(f":{token}")]


_KEPT: dict[tuple[str, bool], Recording] = {}


def recorded(settings: AwsSettings, *, preview: bool = False) -> Recording:
    """What the stack registers with these settings. The same ones are composed once: nobody changes a recording."""
    key = (settings.model_dump_json(), preview)
    if key not in _KEPT:
        _KEPT[key] = record(lambda: compose(settings), preview=preview, calls=USUAL)
    return _KEPT[key]


def containers(recording: Recording, name: str) -> list[dict[str, Any]]:
    """The containers of a task definition."""
    definitions: object = recording.one(name).inputs["containerDefinitions"]
    return cast(list[dict[str, Any]], json.loads(definitions) if isinstance(definitions, str) else definitions)


def kinds(recording: Recording) -> set[str]:
    """The classes of the components."""
    return {component.type.rsplit(":", 1)[-1] for component in recording.components()}


def outputs_of(settings: AwsSettings) -> dict[str, object]:
    """The stack's outputs with their values."""
    found: dict[str, object] = {}

    def program() -> None:
        for name, value in compose(settings).items():

            def keep(known: object, name: str = name) -> None:
                found[name] = known

            pulumi.Output.from_input(value).apply(keep)

    record(program, calls=USUAL)
    return found
