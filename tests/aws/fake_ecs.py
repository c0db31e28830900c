"""ECS and CloudWatch Logs as far as a deployment asks them: tasks that are run by themselves, and services.

moto knows no service deployments, and all of its tasks end with 0. What a service should run is asked of whoever
made it (`Declared`), as the real ECS is told by the provider; how things end is for the test to say.
"""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from tests.aws.fake_services import FakeServices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.aws.fake_services import Answer, Declared, Request


@dataclass(kw_only=True)
class Ending:
    """How a migration ends: its exit code, and what it has logged."""

    code: int = 0
    log: tuple[str, ...] = ("INFO the schema is up to date",)


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
    """The state behind the server. `migrations` are taken one by one; without any, all goes well."""

    def __init__(self, declared: Declared) -> None:
        self.migrations: list[Ending] = []
        self.tasks: list[Task] = []
        self.calls: list[str] = []
        self.services = FakeServices(declared)
        self._declared = declared
        self._lock = threading.Lock()

    def answer(self, operation: str, request: Request) -> Answer:
        """The answer to one call; raises KeyError for an operation that no deployment needs."""
        operations: Mapping[str, Callable[[Request], Answer]] = {
            "RunTask": self._run_task,
            "ListTasks": self._list_tasks,
            "DescribeTasks": self._describe_tasks,
            "StopTask": self._stop_task,
            "DescribeServices": self.services.describe,
            "UpdateService": self.services.update,
            "ListServiceDeployments": self.services.list_deployments,
            "DescribeServiceDeployments": self.services.describe_deployments,
            "DescribeServiceRevisions": self.services.describe_revisions,
            "GetLogEvents": self._log_events,
        }
        with self._lock:
            self.calls.append(operation)
            return operations[operation](request)

    def weights(self, listener: str) -> Mapping[str, Mapping[str, int]] | None:
        """By rule of a listener, the weights of its target groups; None when there is no such listener."""
        with self._lock:
            self.calls.append("DescribeRules")
            return self.services.weights(listener)

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
            running = self.services.serving(str(service)) if request.get("desiredStatus") == "RUNNING" else None
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
        definition = self.services.serving(arn.removesuffix("/task").replace(":task/", ":service/")) or ""
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

    def _log_events(self, request: Request) -> Answer:
        identity = str(request["logStreamName"]).rsplit("/", 1)[-1]
        lines = [line for task in self.tasks if task.arn.endswith(f"/{identity}") for line in task.ending.log]
        events = [{"timestamp": number, "message": line, "ingestionTime": number} for number, line in enumerate(lines)]
        return {"events": events, "nextForwardToken": "f/0", "nextBackwardToken": "b/0"}


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
