"""Runs one task on Fargate to its end: once, watched until it has stopped, and stopped itself when nobody watches.

RunTask answers long before anything runs, and a task that never got its image is STOPPED as well. So the only success
is a container's exit code of 0; everything else is told apart in stopped_task.py.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from components.aws.ecs_api import Wait, asking
from components.aws.stopped_task import explained, failed, never_ran
from components.aws.task_log import log_tail, stream_of
from components.contracts import DeploymentError
from components.naming import fingerprint, short

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

PLATFORM_VERSION = "1.4.0"
"""Of Fargate, and not LATEST: what runs changes with a commit and never by itself. AWS patches it in place."""
POLL_SECONDS = 2.0
GOES_ON = (
    "The release was not deployed; the release that served before goes on serving. It is tried again by the next "
    "update, also with the same digest."
)

Guard = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """What to run and where. `seconds` is how long it may take until it has stopped, its image's pull included.

    `cluster` and `task_definition` are ARNs; `container` is the one whose exit code counts, and its log's prefix.
    """

    digest: str
    cluster: str
    task_definition: str
    container: str
    subnets: Sequence[str]
    groups: Sequence[str]
    public_address: bool
    log_group: str
    seconds: int

    @property
    def started_by(self) -> str:
        """By this the task is found again, should its start's answer be lost: it names the release and the task."""
        return f"{self.container}-{short(self.digest)}-{fingerprint(self.task_definition)}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A task that ended with 0: its ARN, and the end of its log without credentials."""

    task: str
    log: Sequence[str]


def run_to_end(
    ecs: ECSClient,
    logs: CloudWatchLogsClient,
    request: TaskRequest,
    *,
    guard: Guard = lambda _task: nullcontext(),
    wait: Wait = time.sleep,
) -> Outcome:
    """Runs the task and returns when it has ended with 0.

    A task of the same request that still runs (an update that was killed) is watched instead of a second one being
    started. `guard` is entered with the task's ARN and left when it has stopped. Raises DeploymentError for any other
    end; whatever interrupts the wait, the time being over included, stops the task.
    """
    task = _running(ecs, request) or _start(ecs, request)
    with guard(task):
        try:
            stopped = _stopped(ecs, request, task, wait)
        except BaseException as error:
            why = str(error) if isinstance(error, _TimeOverError) else f"interrupted ({type(error).__name__})"
            stop(ecs, request.cluster, task, why)
            if isinstance(error, _TimeOverError):
                raise DeploymentError(_told(request, why, _log(logs, request, task, wait))) from None
            raise
    container = next((one for one in stopped.get("containers", []) if one.get("name") == request.container), None)
    code = container.get("exitCode") if container else None
    if code is None:
        raise DeploymentError(_told(request, never_ran(stopped), []))
    log = _log(logs, request, task, wait)
    if code != 0:
        raise DeploymentError(_told(request, failed(stopped, container or {}, code), log))
    return Outcome(task=task, log=log)


class _TimeOverError(Exception):
    """The task took longer than it may."""


def _running(ecs: ECSClient, request: TaskRequest) -> str | None:
    with asking("ecs:ListTasks"):
        found = ecs.list_tasks(cluster=request.cluster, startedBy=request.started_by, desiredStatus="RUNNING")
    return next(iter(found["taskArns"]), None)


def _start(ecs: ECSClient, request: TaskRequest) -> str:
    """Starts one task. The token is the same in every repetition of this call, so a lost answer starts no second one.

    It is another one in the next update: AWS remembers tokens for a day, and would answer with the task that failed.
    """
    with asking("ecs:RunTask"):
        answer = ecs.run_task(
            cluster=request.cluster,
            taskDefinition=request.task_definition,
            count=1,
            launchType="FARGATE",
            platformVersion=PLATFORM_VERSION,
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": list(request.subnets),
                    "securityGroups": list(request.groups),
                    "assignPublicIp": "ENABLED" if request.public_address else "DISABLED",
                }
            },
            startedBy=request.started_by,
            clientToken=f"{short(request.digest)}-{uuid.uuid4().hex}",
            propagateTags="TASK_DEFINITION",
            enableExecuteCommand=False,
        )
    if answer["tasks"]:
        return answer["tasks"][0].get("taskArn", "")
    reasons = "; ".join(_words(failure) for failure in answer["failures"]) or "no reason given"
    raise DeploymentError(_told(request, f"was not started: {explained(reasons)}", []))


def _words(failure: Mapping[str, object]) -> str:
    return " ".join(str(failure[key]) for key in ("reason", "detail") if failure.get(key))


def _stopped(ecs: ECSClient, request: TaskRequest, task: str, wait: Wait) -> TaskTypeDef:
    """The task once it is STOPPED: one that ends at once is never seen RUNNING."""
    deadline = time.monotonic() + request.seconds
    while True:
        with asking("ecs:DescribeTasks"):
            found = ecs.describe_tasks(cluster=request.cluster, tasks=[task])["tasks"]
        # A task that has just been started may not be known everywhere yet.
        status = found[0].get("lastStatus", "") if found else "not known yet"
        if status == "STOPPED":
            return found[0]
        if time.monotonic() >= deadline:
            raise _TimeOverError(f"did not end within {request.seconds} s (it was {status}) and was stopped")
        wait(POLL_SECONDS)


def stop(ecs: ECSClient, cluster: str, task: str, why: str) -> None:
    """Asks for the task's end. What is being raised matters more than whether this is allowed."""
    with suppress(ClientError, BotoCoreError):
        ecs.stop_task(cluster=cluster, task=task, reason=f"Stopped by the deployment: {why}"[:255])


def _told(request: TaskRequest, what: str, log: Sequence[str]) -> str:
    end = "The end of its log:\n" + "\n".join(f"  {line}" for line in log) if log else "It wrote no log."
    return f"the task {request.container} of release {short(request.digest)} {what}. {GOES_ON} {end}"


def _log(logs: CloudWatchLogsClient, request: TaskRequest, task: str, wait: Wait) -> Sequence[str]:
    return log_tail(logs, request.log_group, stream_of(request.container, task), wait=wait)
