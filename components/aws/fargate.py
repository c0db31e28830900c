"""Runs one task on Fargate to its end: once, watched until it has stopped, and stopped itself when nobody watches.

RunTask answers long before anything runs, and a task that never got its image is STOPPED as well. So the only success
is a container's exit code of 0; everything else is told apart here, because each has another remedy.

As a program (`python -m components.aws.fargate`) this module is the watchdog of one task: should whoever started the
task be killed, it stops the task. A plugin of Pulumi cannot do that for itself: its calls run beside the main thread,
where Python allows no signal handlers, and a cancelled update ends in SIGKILL.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from components.contracts import DeploymentError
from components.naming import fingerprint, short

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import ContainerTypeDef, TaskTypeDef
    from mypy_boto3_logs import CloudWatchLogsClient

PLATFORM_VERSION = "1.4.0"
"""Of Fargate, and not LATEST: what runs changes with a commit and never by itself. AWS patches it in place."""
POLL_SECONDS = 2.0
LOG_LINES = 30
LOG_POLLS = 8
"""How often the log is read before it is taken for complete: CloudWatch shows lines some seconds late."""
ATTEMPTS = 8
"""Of each call, with growing pauses, before an error of AWS's own or a lost connection counts."""
CREDENTIALS = re.compile(r"://[^\s/@]+@|\brag_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}")
ABANDONED = "whoever started it is gone"
GOES_ON = (
    "The release was not deployed; the release that served before goes on serving. It is tried again by the next "
    "update, also with the same digest."
)

Wait = Callable[[float], None]
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

    def stream(self, task: str) -> str:
        """Where the log of its container lies."""
        return f"{self.container}/{self.container}/{task.rsplit('/', 1)[-1]}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A task that ended with 0: its ARN, and the end of its log without credentials."""

    task: str
    log: Sequence[str]


def clients(region: str, profile: str | None) -> tuple[ECSClient, CloudWatchLogsClient]:
    """Clients of one region with the machine's own credentials, or those of a named profile of it."""
    session = boto3.Session(profile_name=profile or None, region_name=region)
    config = Config(retries={"mode": "standard", "total_max_attempts": ATTEMPTS}, connect_timeout=10, read_timeout=60)
    ecs = session.client("ecs", config=config)  # pyright: ignore[reportUnknownMemberType]  # why: stubs of two services
    logs = session.client("logs", config=config)  # pyright: ignore[reportUnknownMemberType]  # why: stubs of two services
    return ecs, logs


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
            _stop(ecs, request.cluster, task, why)
            if isinstance(error, _TimeOverError):
                raise DeploymentError(_told(request, why, tail(logs, request, task, wait=wait))) from None
            raise
    container = next((one for one in stopped.get("containers", []) if one.get("name") == request.container), None)
    code = container.get("exitCode") if container else None
    if code is None:
        raise DeploymentError(_told(request, _never_ran(stopped), []))
    log = tail(logs, request, task, wait=wait)
    if code != 0:
        raise DeploymentError(_told(request, _failed(stopped, container or {}, code), log))
    return Outcome(task=task, log=log)


class _TimeOverError(Exception):
    """The task took longer than it may."""


@contextmanager
def asking(action: str) -> Generator[None]:
    """Tells errors of the API and of the way there as what they are; neither holds a secret."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        raise DeploymentError(
            f"AWS refused {action} ({details.get('Code', 'no code')}: {details.get('Message', 'no message')}), so the "
            "deployment cannot go on. Give the deploying identity that permission, or correct what the message names"
        ) from None
    except BotoCoreError as error:
        raise DeploymentError(
            f"{action} could not be asked of AWS ({type(error).__name__}: {error}), so the deployment cannot go on. "
            "Log in (aws sso login, AWS_PROFILE) or look at the network, and deploy again"
        ) from None


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
    raise DeploymentError(_told(request, f"was not started: {_explained(reasons)}", []))


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


def _stop(ecs: ECSClient, cluster: str, task: str, why: str) -> None:
    """Asks for the task's end. What is being raised matters more than whether this is allowed."""
    with suppress(ClientError, BotoCoreError):
        ecs.stop_task(cluster=cluster, task=task, reason=f"Stopped by the deployment: {why}"[:255])


def _never_ran(task: TaskTypeDef) -> str:
    """Why a task stopped before its container ever ran."""
    reasons = [task.get("stoppedReason", ""), *(one.get("reason", "") for one in task.get("containers", []))]
    said = "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or "no reason given"
    return f"never ran ({task.get('stopCode', 'no stop code')}): {_explained(said)}"


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


def _explained(said: str) -> str:
    for pattern, meaning, remedy in REMEDIES:
        if re.search(pattern, said, re.IGNORECASE | re.DOTALL):
            return f"{meaning}; {remedy}. AWS says: {without_credentials(said)}"
    return f"AWS says: {without_credentials(said)}"


def _failed(task: TaskTypeDef, container: ContainerTypeDef, code: int) -> str:
    reason = container.get("reason", "")
    if "OutOfMemory" in reason:
        return f"needed more memory than it has ({without_credentials(reason)}); give the task more"
    if task.get("stopCode") == "UserInitiated":
        return f"was stopped by somebody ({without_credentials(task.get('stoppedReason', ''))})"
    return f"failed with exit code {code}" + (f" ({without_credentials(reason)})" if reason else "")


def _told(request: TaskRequest, what: str, log: Sequence[str]) -> str:
    end = "The end of its log:\n" + "\n".join(f"  {line}" for line in log) if log else "It wrote no log."
    return f"the task {request.container} of release {short(request.digest)} {what}. {GOES_ON} {end}"


def tail(logs: CloudWatchLogsClient, request: TaskRequest, task: str, *, wait: Wait = time.sleep) -> Sequence[str]:
    """The end of the task's log, without credentials."""
    return log_tail(logs, request.log_group, request.stream(task), wait=wait)


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


def without_credentials(text: str) -> str:
    """A text without what looks like a password in a URL or one of the service's API keys."""
    return CREDENTIALS.sub(lambda found: "://***@" if found.group().startswith("://") else "***", text)


@contextmanager
def watched(task: str, *, cluster: str, region: str, profile: str | None) -> Generator[None]:
    """Has a task stopped, should this process be killed inside of the context: by the watchdog, which outlives it.

    It has a session of its own, because Pulumi ends a plugin together with its whole process group.
    """
    order = {"task": task, "cluster": cluster, "region": region, "profile": profile}
    with subprocess.Popen(
        [sys.executable, "-m", "components.aws.fargate"],
        cwd=Path(__file__).resolve().parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    ) as watchdog:
        # One that did not start is no reason to give up what it should watch.
        with suppress(BrokenPipeError):
            _tell(watchdog, json.dumps(order))
        try:
            yield
        finally:
            with suppress(BrokenPipeError):
                _tell(watchdog, DONE)


DONE = "done"


def _tell(watchdog: subprocess.Popen[str], line: str) -> None:
    if watchdog.stdin is not None:
        watchdog.stdin.write(f"{line}\n")
        watchdog.stdin.flush()


def watch(orders: Iterator[str]) -> None:
    """The watchdog: takes a task, and stops it unless it is told, before the lines end, that all is done."""
    order = cast(dict[str, str], json.loads(next(orders)))
    ecs, _ = clients(order["region"], order["profile"])
    if next(orders, "").strip() != DONE:
        _stop(ecs, order["cluster"], order["task"], ABANDONED)


if __name__ == "__main__":
    watch(iter(sys.stdin))
