"""Follows a release on ECS to its end, and says what serves then: ECS goes back by itself, and calls that an end.

What is followed is one *service deployment*, by its ARN. A service's task definition says nothing of success: it is
the new one from the first second on, and Pulumi's state keeps it after ECS went back. So the next update would find
nothing to do; a service whose newest deployment of our task definition has failed is therefore deployed once more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from botocore.exceptions import BotoCoreError, ClientError
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.aws.fargate import Wait, asking, clients, log_tail, without_credentials
from components.contracts import DeploymentError
from components.dynamic import plain_errors
from components.naming import image_digest, short

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import (
        DeploymentTypeDef,
        ServiceDeploymentBriefTypeDef,
        ServiceDeploymentTypeDef,
        TaskTypeDef,
    )
    from mypy_boto3_logs import CloudWatchLogsClient

POLL_SECONDS = 5.0
APPEAR_POLLS = 12
"""How often a deployment that was just ordered is looked for: ECS lists it some seconds later."""
ONGOING = frozenset({"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
SUCCESSFUL = "SUCCESSFUL"
EVENTS = 5
TASKS = 3


@dataclass(frozen=True, kw_only=True)
class RolloutRequest:
    """What should serve: `service` and `task_definition` are ARNs, `digest` is what its web container's image has.

    `seconds` is how long the release may take; then ECS is told to go back, for which it has `back_seconds`.
    """

    cluster: str
    service: str
    task_definition: str
    digest: str
    web: str
    worker: str
    log_groups: Mapping[str, str]
    seconds: int
    back_seconds: int


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """How it ended: the digest that serves (empty when nothing does), why it is not ours, the deployment's ARN."""

    serving: str
    evidence: str
    deployment: str


class EcsRollout:
    """One release of one service, followed through ECS's own record of it."""

    def __init__(
        self, ecs: ECSClient, logs: CloudWatchLogsClient, request: RolloutRequest, *, wait: Wait = time.sleep
    ) -> None:
        self._ecs, self._logs, self._request, self._wait = ecs, logs, request, wait

    def follow(self) -> Rollout:
        """Waits for the deployment's end.

        Raises DeploymentError when there is none to follow, when the worker does not stay up, and when ECS went back
        to the same release with its settings of before: the digest would be right, and the update would look done.
        """
        arn = self._current() or self._again()
        deployment, late = self._ended(arn)
        if deployment.get("status") == SUCCESSFUL:
            self._require_workers()
            target = deployment.get("targetServiceRevision", {}).get("arn", "")
            return Rollout(serving=self._digest(target), evidence="", deployment=arn)
        serving, evidence = self._left(deployment), self._evidence(deployment, late=late)
        if serving == self._request.digest:
            raise DeploymentError(
                f"release {short(serving)} never became healthy with its new settings, so ECS went back to those "
                f"before, which go on serving. Correct them and deploy again.\n{evidence}"
            )
        return Rollout(serving=serving, evidence=evidence, deployment=arn)

    def _current(self) -> str | None:
        """The deployment of our task definition that runs or has succeeded; None when one must be ordered."""
        for _ in self._polls():
            newest = max(self._deployments(), key=_created, default=None)
            if newest is None or not self._is_ours(newest):
                continue
            if newest.get("status") in ONGOING:
                return newest.get("serviceDeploymentArn")
            if self._is_beginning():
                continue
            succeeded = newest.get("status") == SUCCESSFUL and not self._tasks_without_worker()
            return newest.get("serviceDeploymentArn") if succeeded else None
        return None

    def _again(self) -> str:
        """Orders a deployment of our task definition, and returns its ARN: one that was not there before."""
        seen = {one.get("serviceDeploymentArn") for one in self._deployments()}
        with asking("ecs:UpdateService"):
            self._ecs.update_service(
                cluster=self._request.cluster,
                service=self._request.service,
                taskDefinition=self._request.task_definition,
                forceNewDeployment=True,
            )
        for _ in self._polls():
            for one in self._deployments():
                arn = one.get("serviceDeploymentArn", "")
                if arn not in seen and self._is_ours(one):
                    return arn
        raise DeploymentError(
            f"ECS was told to deploy {self._request.task_definition}, and shows no deployment of it after "
            f"{APPEAR_POLLS * POLL_SECONDS:.0f} s, so nobody knows what serves. Look at the events of "
            f"{self._request.service} and deploy again"
        )

    def _polls(self) -> Iterator[int]:
        for number in range(APPEAR_POLLS):
            if number:
                self._wait(POLL_SECONDS)
            yield number

    def _deployments(self) -> Sequence[ServiceDeploymentBriefTypeDef]:
        """All of the service that ECS remembers (90 days), in no order that it promises."""
        cluster, service = self._request.cluster, self._request.service
        with asking("ecs:ListServiceDeployments"):
            page = self._ecs.list_service_deployments(cluster=cluster, service=service)
            found = page["serviceDeployments"]
            while token := page.get("nextToken"):
                page = self._ecs.list_service_deployments(cluster=cluster, service=service, nextToken=token)
                found += page["serviceDeployments"]
        return found

    def _is_ours(self, deployment: ServiceDeploymentBriefTypeDef) -> bool:
        definition, _ = self._revision(deployment.get("targetServiceRevisionArn", ""))
        return definition == self._request.task_definition

    def _revision(self, arn: str) -> tuple[str, str]:
        """The task definition of a service revision, and the digest of its web container's image."""
        with asking("ecs:DescribeServiceRevisions"):
            found = self._ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"]
        if not found:
            return "", ""
        images = [one for one in found[0].get("containerImages", []) if one.get("containerName") == self._request.web]
        # Our image is named by its digest; what ECS resolved may be the part of it for one processor.
        digests = [image_digest(one.get("image", "")) or one.get("imageDigest", "") for one in images]
        return found[0].get("taskDefinition", ""), next(iter(digests), "")

    def _digest(self, revision: str) -> str:
        return self._revision(revision)[1] if revision else ""

    def _service(self) -> Mapping[str, Any]:
        with asking("ecs:DescribeServices"):
            found = self._ecs.describe_services(cluster=self._request.cluster, services=[self._request.service])
        return found["services"][0] if found["services"] else {}

    def _is_beginning(self) -> bool:
        """Whether the service has taken an order of ours that is not among its deployments yet."""
        deployments: Sequence[DeploymentTypeDef] = self._service().get("deployments", [])
        return any(
            one.get("status") == "PRIMARY"
            and one.get("taskDefinition") == self._request.task_definition
            and one.get("rolloutState") == "IN_PROGRESS"
            for one in deployments
        )

    def _ended(self, arn: str) -> tuple[ServiceDeploymentTypeDef, bool]:
        """The deployment when it has ended, and whether it was told to go back because its time was over."""
        deadline, late = time.monotonic() + self._request.seconds, False
        while True:
            with asking("ecs:DescribeServiceDeployments"):
                found = self._ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
            if found and found[0].get("status") not in ONGOING:
                return found[0], late
            if time.monotonic() >= deadline:
                if late or not found:
                    return (found[0] if found else {"serviceDeploymentArn": arn}), True
                self._go_back(arn)
                deadline, late = time.monotonic() + self._request.back_seconds, True
            self._wait(POLL_SECONDS)

    def _go_back(self, arn: str) -> None:
        """Without this, a blue/green or canary release that never gets healthy is waited for up to a day."""
        with suppress(ClientError, BotoCoreError):
            self._ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")

    def _left(self, deployment: ServiceDeploymentTypeDef) -> str:
        """The digest that serves after a deployment that did not succeed; empty when nothing does."""
        if deployment.get("status") == "ROLLBACK_SUCCESSFUL":
            back = deployment.get("rollback", {}).get("serviceRevisionArn", "")
            if back:
                return self._digest(back)
        before = [one for one in deployment.get("sourceServiceRevisions", []) if one.get("runningTaskCount")]
        return self._digest(before[0].get("arn", "")) if before else ""

    def _tasks(self, status: str) -> Sequence[TaskTypeDef]:
        """The tasks of our task definition, newest first."""
        request = self._request
        with asking("ecs:ListTasks"):
            arns = self._ecs.list_tasks(
                cluster=request.cluster,
                serviceName=request.service,
                desiredStatus="STOPPED" if status == "STOPPED" else "RUNNING",
            )["taskArns"]
        if not arns:
            return []
        with asking("ecs:DescribeTasks"):
            tasks = self._ecs.describe_tasks(cluster=request.cluster, tasks=arns[:100])["tasks"]
        ours = [one for one in tasks if one.get("taskDefinitionArn") == request.task_definition]
        return sorted(ours, key=_created, reverse=True)

    def _tasks_without_worker(self) -> Sequence[TaskTypeDef]:
        return [task for task in self._tasks("RUNNING") if self._container(task, self._request.worker) == "STOPPED"]

    def _container(self, task: TaskTypeDef, name: str) -> str:
        return next((one.get("lastStatus", "") for one in task.get("containers", []) if one.get("name") == name), "")

    def _require_workers(self) -> None:
        """ECS does not count the worker, and never starts one again that ended within its first minute."""
        dead = self._tasks_without_worker()
        if dead:
            log = self._log(dead[0], self._request.worker)
            raise DeploymentError(
                f"release {short(self._request.digest)} serves, but its worker ended in {len(dead)} of its tasks, and "
                "documents would wait for ever. Correct it and deploy again: also the same release is started anew."
                + "".join(f"\n  {line}" for line in log)
            )

    def _log(self, task: TaskTypeDef, container: str) -> Sequence[str]:
        stream = f"{container}/{container}/{task.get('taskArn', '').rsplit('/', 1)[-1]}"
        return log_tail(self._logs, self._request.log_groups[container], stream, wait=self._wait)

    def _evidence(self, deployment: ServiceDeploymentTypeDef, *, late: bool) -> str:
        """What ECS says about a deployment that did not succeed, and the end of the last failed web process's log."""
        lines = _reasons(deployment)
        if late:
            lines.append(f"it was not done within {self._request.seconds} s, and was told to go back")
        began = deployment.get("createdAt")
        events = self._service().get("events", [])
        lines += [one["message"] for one in events if began is None or one["createdAt"] >= began][:EVENTS]
        stopped = (
            [] if began is None else [one for one in self._tasks("STOPPED") if one.get("createdAt", began) >= began]
        )
        lines += [_end_of(task) for task in stopped[:TASKS]]
        if stopped:
            lines += [f"  {line}" for line in self._log(stopped[0], self._request.web)]
        return without_credentials("\n".join(lines))


def _created(one: ServiceDeploymentBriefTypeDef | TaskTypeDef) -> float:
    created = one.get("createdAt")
    return created.timestamp() if created else 0.0


def _reasons(deployment: ServiceDeploymentTypeDef) -> list[str]:
    identity = deployment.get("serviceDeploymentArn", "").rsplit("/", 1)[-1]
    lines = [f"ECS deployment {identity}: {deployment.get('status', 'unknown')}"]
    lines += [text for text in (deployment.get("statusReason"), deployment.get("rollback", {}).get("reason")) if text]
    alarms = deployment.get("alarms", {}).get("triggeredAlarmNames", [])
    if alarms:
        lines.append(f"alarms: {', '.join(alarms)}")
    breaker = deployment.get("deploymentCircuitBreaker", {})
    if breaker.get("status") == "TRIGGERED":
        lines.append(f"circuit breaker: {breaker.get('failureCount')} of {breaker.get('threshold')} failed tasks")
    return lines


def _end_of(task: TaskTypeDef) -> str:
    containers = [
        f"{one.get('name')} "
        + (f"exit code {one['exitCode']}" if "exitCode" in one else "never ran")
        + (f" ({reason})" if (reason := one.get("reason")) else "")
        for one in task.get("containers", [])
    ]
    said = task.get("stoppedReason", "stopped without a reason")
    return f"task {task.get('taskArn', '').rsplit('/', 1)[-1]}: {said}; {', '.join(containers)}"


class _EcsRolloutProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="rollout", outs=_follow(props))

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Followed again when the service or what it should run is another, and when the last release was not taken."""
        keys = ("region", "cluster", "service", "task_definition", "digest")
        return DiffResult(changes=any(_olds[key] != _news[key] for key in keys) or _olds["serving"] != _news["digest"])

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_follow(_news))


def _follow(props: Mapping[str, Any]) -> dict[str, Any]:
    ecs, logs = clients(props["region"], props["profile"] or None)
    request = RolloutRequest(
        cluster=props["cluster"],
        service=props["service"],
        task_definition=props["task_definition"],
        digest=props["digest"],
        web=props["web"],
        worker=props["worker"],
        log_groups=props["log_groups"],
        seconds=int(props["seconds"]),
        back_seconds=int(props["back_seconds"]),
    )
    ended = EcsRollout(ecs, logs, request).follow()
    return {**props, "serving": ended.serving, "evidence": ended.evidence, "deployment": ended.deployment}


@dataclass(frozen=True, kw_only=True)
class FollowedRolloutArgs:
    """The same as a RolloutRequest, before its values are known."""

    region: str
    profile: str | None
    cluster: pulumi.Input[str]
    service: pulumi.Input[str]
    task_definition: pulumi.Input[str]
    digest: pulumi.Input[str]
    web: str
    worker: str
    log_groups: Mapping[str, pulumi.Input[str]]
    seconds: int
    back_seconds: int


class FollowedRollout(Resource, module="aws", name="EcsRollout"):
    """A release as ECS ended it: `serving` is the digest that serves, `evidence` why it is not the new one."""

    serving: pulumi.Output[str]
    evidence: pulumi.Output[str]
    deployment: pulumi.Output[str]

    def __init__(self, name: str, *, args: FollowedRolloutArgs, opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {
            "region": args.region,
            "profile": args.profile or "",
            "cluster": args.cluster,
            "service": args.service,
            "task_definition": args.task_definition,
            "digest": args.digest,
            "web": args.web,
            "worker": args.worker,
            "log_groups": dict(args.log_groups),
            "seconds": args.seconds,
            "back_seconds": args.back_seconds,
            "serving": None,
            "evidence": None,
            "deployment": None,
        }
        super().__init__(_EcsRolloutProvider(), name, props, opts)
