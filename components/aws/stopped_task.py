"""Why a task stopped, in words that say what to do: each end has another remedy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from components.redaction import without_credentials

if TYPE_CHECKING:
    from mypy_boto3_ecs.type_defs import ContainerTypeDef, TaskTypeDef


def never_ran(task: TaskTypeDef) -> str:
    """Why a task stopped before its container ever ran."""
    reasons = [task.get("stoppedReason", ""), *(one.get("reason", "") for one in task.get("containers", []))]
    said = "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or "no reason given"
    return f"never ran ({task.get('stopCode', 'no stop code')}): {explained(said)}"


REMEDIES: Sequence[tuple[str, str, str]] = (
    (
        r"capacity is unavailable|(?-i:RESOURCE:|\bAGENT\b)",
        "AWS has no room for it at the moment",
        "deploy again later, or use more zones or another architecture",
    ),
    (
        r"matching platform|exec format error",
        "the image was not built for the task's processor",
        "build it for the architecture that is set, or set the one that it was built for",
    ),
    (
        r"timeout|timed out|deadline exceeded|request canceled|RequestCanceled|dial tcp|connection refused|no route",
        "the task has no way to the registry or to the secrets",
        "give its subnets a NAT or endpoints, or the task a public address",
    ),
    (
        r"(?=.*secret)(?=.*(AccessDenied|not authorized|ResourceNotFound|can't find|KMS|ConditionalCheck))",
        "one of its secrets could not be read",
        "see that the secret has a value, and that the execution role may read it and its key",
    ),
    (
        r"CannotPull.*(not found|manifest unknown|does not exist|NotFound)",
        "its image is not in the registry",
        "push it again, or deploy a digest that the registry still holds",
    ),
    (
        r"CannotPull|pull image|registry auth",
        "its image could not be fetched",
        "see that the execution role may pull from that repository",
    ),
    (
        r"log stream|log group|awslogs",
        "its log could not be opened",
        "see that the log group exists and that the execution role may write to it",
    ),
)
"""What AWS says (a pattern), what that means, what to do; the first that fits."""


def explained(said: str) -> str:
    """What AWS said, with what it means and what to do where that is known."""
    for pattern, meaning, remedy in REMEDIES:
        if re.search(pattern, said, re.IGNORECASE | re.DOTALL):
            return f"{meaning}; {remedy}. AWS says: {without_credentials(said)}"
    return f"AWS says: {without_credentials(said)}"


def failed(task: TaskTypeDef, container: ContainerTypeDef, code: int) -> str:
    """Why a container that ran ended otherwise than with 0."""
    reason = container.get("reason", "")
    if "OutOfMemory" in reason:
        return f"needed more memory than it has ({without_credentials(reason)}); give the task more"
    if task.get("stopCode") == "UserInitiated":
        return f"was stopped by somebody ({without_credentials(task.get('stoppedReason', ''))})"
    return f"failed with exit code {code}" + (f" ({without_credentials(reason)})" if reason else "")


def end_of(task: TaskTypeDef) -> str:
    """How a task and each of its containers ended, in one line."""
    containers = [
        f"{one.get('name')} "
        + (f"exit code {one['exitCode']}" if "exitCode" in one else "never ran")
        + (f" ({reason})" if (reason := one.get("reason")) else "")
        for one in task.get("containers", [])
    ]
    said = task.get("stoppedReason", "stopped without a reason")
    return f"task {task.get('taskArn', '').rsplit('/', 1)[-1]}: {said}; {', '.join(containers)}"
