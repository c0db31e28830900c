"""A server that answers the few calls of ECS and CloudWatch Logs which a deployment makes, in their own protocol.

moto knows no service deployments, and all of its tasks end with 0. What the service should run is asked of whoever
made it (`Declared`), as the real ECS is told by the provider; how things end is for the test to say.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

Answer = dict[str, object]
Request = dict[str, object]


class Declared(Protocol):
    """What the provider has told ECS."""

    def task_definition_of(self, service: str) -> str | None:
        """The ARN of the task definition that a service (its ARN) should run; None when there is no such service."""
        ...

    def images_of(self, task_definition: str) -> Mapping[str, str]:
        """By container, the image in a task definition (its ARN); empty when there is no such definition."""
        ...


@dataclass(kw_only=True)
class Ending:
    """How a migration ends: its exit code, and what it has logged."""

    code: int = 0
    log: tuple[str, ...] = ("INFO the schema is up to date",)


@dataclass(kw_only=True)
class Deployment:
    """One service deployment: what it was to bring, what ran before, and how it ended."""

    arn: str
    target: str
    source: str | None
    status: str
    reason: str
    created: float = field(default_factory=time.time)


@dataclass(kw_only=True)
class Task:
    """One task that was run by itself."""

    arn: str
    cluster: str
    definition: str
    containers: tuple[str, ...]
    started_by: str
    ending: Ending
    stopped: bool = False


class FakeEcs:
    """The state behind the server. `migrations` and `rollbacks` are taken one by one; without any, all goes well."""

    def __init__(self, declared: Declared) -> None:
        self.migrations: list[Ending] = []
        # Why the next deployments are given up; the service then goes on with what it ran before.
        self.rollbacks: list[str] = []
        self.tasks: list[Task] = []
        self.deployments: dict[str, list[Deployment]] = {}
        self.calls: list[str] = []
        self._declared = declared
        self._lock = threading.Lock()

    def serving(self, service: str) -> str | None:
        """The task definition that a service runs, which is not the one it should run after a rollback."""
        good = [one.target for one in self.deployments.get(service, []) if one.status == "SUCCESSFUL"]
        return good[-1] if good else None

    def answer(self, operation: str, request: Request) -> Answer:
        """The answer to one call; raises KeyError for an operation that no deployment needs."""
        operations: Mapping[str, Callable[[Request], Answer]] = {
            "RunTask": self._run_task,
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "StopTask": self._stop_task,
            "DescribeServices": self._describe_services,
            "UpdateService": self._update_service,
            "ListServiceDeployments": self._list_deployments,
            "DescribeServiceDeployments": self._describe_deployments,
            "DescribeServiceRevisions": self._describe_revisions,
            "GetLogEvents": self._log_events,
        }
        with self._lock:
            self.calls.append(operation)
            return operations[operation](request)

    def _run_task(self, request: Request) -> Answer:
        definition = str(request["taskDefinition"])
        containers = tuple(self._declared.images_of(definition))
        if not containers:
            return {"tasks": [], "failures": [{"arn": definition, "reason": "MISSING"}]}
        cluster = str(request["cluster"])
        task = Task(
            arn=f"{cluster.replace(':cluster/', ':task/')}/{uuid.uuid4().hex}",
            cluster=cluster,
            definition=definition,
            containers=containers,
            started_by=str(request.get("startedBy", "")),
            ending=self.migrations.pop(0) if self.migrations else Ending(),
        )
        self.tasks.append(task)
        return {"tasks": [_task(task)], "failures": []}

    def _list_tasks(self, request: Request) -> Answer:
        service = request.get("serviceName")
        if service is not None:
            running = self.serving(str(service)) if request.get("desiredStatus") == "RUNNING" else None
            return {"taskArns": [f"{service}/task".replace(":service/", ":task/")] if running else []}
        wanted = [one for one in self.tasks if one.started_by == request.get("startedBy") and not one.stopped]
        return {"taskArns": [one.arn for one in wanted]}

    def _describe_tasks(self, request: Request) -> Answer:
        arns = cast("list[str]", request["tasks"])
        for task in self.tasks:
            task.stopped = task.stopped or task.arn in arns
        own = [_task(task) for task in self.tasks if task.arn in arns]
        return {"tasks": own + [self._task_of_service(arn) for arn in arns if arn.endswith("/task")], "failures": []}

    def _task_of_service(self, arn: str) -> Answer:
        definition = self.serving(arn.removesuffix("/task").replace(":task/", ":service/")) or ""
        containers = [{"name": name, "lastStatus": "RUNNING"} for name in self._declared.images_of(definition)]
        return {
            "taskArn": arn,
            "taskDefinitionArn": definition,
            "lastStatus": "RUNNING",
            "createdAt": time.time(),
            "containers": containers,
        }

    def _stop_task(self, request: Request) -> Answer:
        (task,) = [one for one in self.tasks if one.arn == request["task"]]
        task.stopped = True
        return {"task": _task(task)}

    def _notice(self, service: str, *, again: str | None = None) -> list[Deployment]:
        """The deployments of a service, with one more if it has been told to run something else, or the same again."""
        known = self.deployments.setdefault(service, [])
        wanted = again or self._declared.task_definition_of(service)
        if wanted is not None and (again is not None or not known or known[-1].target != wanted):
            reason = self.rollbacks.pop(0) if self.rollbacks else ""
            known.append(
                Deployment(
                    arn=f"{service.replace(':service/', ':service-deployment/')}/{uuid.uuid4().hex[:20]}",
                    target=wanted,
                    source=self.serving(service),
                    # Nobody sees a deployment end before it has begun.
                    status="IN_PROGRESS",
                    reason=reason,
                )
            )
        return known

    def _describe_services(self, request: Request) -> Answer:
        found: list[Answer] = []
        for service in cast("list[str]", request["services"]):
            known = self._notice(service)
            primary = {"status": "PRIMARY", "taskDefinition": self.serving(service), "rolloutState": "COMPLETED"}
            events = [
                {"id": uuid.uuid4().hex, "createdAt": one.created, "message": f"(service) {one.reason}"}
                for one in reversed(known)
                if one.reason
            ]
            found.append({"serviceArn": service, "deployments": [primary] if known else [], "events": events})
        return {"services": found, "failures": []}

    def _update_service(self, request: Request) -> Answer:
        service = str(request["service"])
        self._notice(service, again=str(request["taskDefinition"]))
        return {"service": {"serviceArn": service}}

    def _list_deployments(self, request: Request) -> Answer:
        service = str(request["service"])
        return {
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": one.arn,
                    "serviceArn": service,
                    "createdAt": one.created,
                    "targetServiceRevisionArn": _revision(service, one.target),
                    "status": one.status,
                }
                for one in reversed(self._notice(service))
            ]
        }

    def _describe_deployments(self, request: Request) -> Answer:
        arns = cast("list[str]", request["serviceDeploymentArns"])
        for known in self.deployments.values():
            for one in known:
                if one.arn in arns and one.status == "IN_PROGRESS":
                    one.status = "ROLLBACK_SUCCESSFUL" if one.reason else "SUCCESSFUL"
        return {
            "serviceDeployments": [
                _deployment(service, one)
                for service, known in self.deployments.items()
                for one in known
                if one.arn in arns
            ],
            "failures": [],
        }

    def _describe_revisions(self, request: Request) -> Answer:
        found: list[Answer] = []
        for arn in cast("list[str]", request["serviceRevisionArns"]):
            definition = arn.partition("#")[2]
            images = [
                {"containerName": name, "image": image, "imageDigest": image.partition("@")[2]}
                for name, image in self._declared.images_of(definition).items()
            ]
            found.append({"serviceRevisionArn": arn, "taskDefinition": definition, "containerImages": images})
        return {"serviceRevisions": found, "failures": []}

    def _log_events(self, request: Request) -> Answer:
        identity = str(request["logStreamName"]).rsplit("/", 1)[-1]
        lines = [line for task in self.tasks if task.arn.endswith(f"/{identity}") for line in task.ending.log]
        events = [{"timestamp": number, "message": line, "ingestionTime": number} for number, line in enumerate(lines)]
        return {"events": events, "nextForwardToken": "f/0", "nextBackwardToken": "b/0"}


def _revision(service: str, definition: str) -> str:
    """A service revision's ARN. Real ones end in a number; this one carries what it stands for."""
    return f"{service.replace(':service/', ':service-revision/')}/1#{definition}"


def _deployment(service: str, one: Deployment) -> Answer:
    answer: Answer = {
        "serviceDeploymentArn": one.arn,
        "serviceArn": service,
        "createdAt": one.created,
        "status": one.status,
        "targetServiceRevision": {"arn": _revision(service, one.target), "runningTaskCount": 0 if one.reason else 1},
        "sourceServiceRevisions": [],
    }
    if one.source is not None:
        source = {"arn": _revision(service, one.source), "runningTaskCount": 1 if one.reason else 0}
        answer["sourceServiceRevisions"] = [source]
    if one.reason:
        back = {} if one.source is None else {"serviceRevisionArn": _revision(service, one.source)}
        answer["statusReason"] = one.reason
        answer["rollback"] = {"reason": one.reason, "startedAt": one.created, **back}
    return answer


def _task(task: Task) -> Answer:
    if not task.stopped:
        containers = [{"name": name, "lastStatus": "PENDING"} for name in task.containers]
        return {"taskArn": task.arn, "clusterArn": task.cluster, "lastStatus": "PENDING", "containers": containers}
    ended = [{"name": name, "lastStatus": "STOPPED", "exitCode": task.ending.code} for name in task.containers]
    return {
        "taskArn": task.arn,
        "clusterArn": task.cluster,
        "taskDefinitionArn": task.definition,
        "lastStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": ended,
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, ecs: FakeEcs) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ecs = ecs


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = cast("_Server", self.server)
        request = cast("Request", json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}"))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        try:
            status, answer = 200, server.ecs.answer(operation, request)
        except KeyError as error:
            status, answer = 400, {"__type": "InvalidParameterException", "message": f"{operation}: no {error} here"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # why: the base class's name for it
        """Keeps the tests' output quiet."""


@contextmanager
def serving(ecs: FakeEcs) -> Generator[dict[str, str]]:
    """Serves on loopback; yields the environment in which boto3 finds it and nothing of the machine's own."""
    with _Server(ecs) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield {
                "AWS_ENDPOINT_URL_ECS": address,
                "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": address,
                "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "example",
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            }
        finally:
            server.shutdown()
            thread.join(timeout=10)
