"""The end of the log of one container of a task, in CloudWatch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from components.redaction import without_credentials

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

    from components.aws.ecs_api import Wait

LOG_LINES = 30
LOG_POLLS = 8
"""How often the log is read before it is taken for complete: CloudWatch shows lines some seconds late."""
POLL_SECONDS = 2.0


def stream_of(container: str, task: str) -> str:
    """Where ECS writes the log of a container of a task (its ARN); the prefix is the container's name as well."""
    return f"{container}/{container}/{task.rsplit('/', 1)[-1]}"


def log_tail(logs: CloudWatchLogsClient, group: str, stream: str, *, wait: Wait = time.sleep) -> Sequence[str]:
    """The end of a log, without credentials; empty when there is none, which is no error here.

    It is read until two readings agree, because CloudWatch shows lines late, and the stream only with the first line.
    """
    before: Sequence[str] = []
    for _ in range(LOG_POLLS):
        lines = _lines(logs, group, stream)
        if lines and lines == before:
            return lines
        before = lines
        wait(POLL_SECONDS)
    return before


def _lines(logs: CloudWatchLogsClient, group: str, stream: str) -> Sequence[str]:
    try:
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, limit=LOG_LINES, startFromHead=False)
    except (ClientError, BotoCoreError):
        # Not there yet, or not ours to read: the log helps people, nothing depends on it.
        return []
    return [without_credentials(event.get("message", "")) for event in page["events"]]
