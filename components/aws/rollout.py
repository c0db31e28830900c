"""Follows a release on ECS to its end, and says what serves then: ECS goes back by itself, and calls that an end.

What is followed is one *service deployment*, by its ARN. A service's settings say nothing of success: they are the
new ones from the first second on, and Pulumi's state keeps them after ECS went back. So the next update would find
nothing to do; a service whose newest deployment of our revision has failed is therefore deployed once more.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from components.aws.ecs_api import Wait, asking
from components.aws.service_record import ServiceRecord, reasons_of, state_of
from components.aws.stopped_task import end_of
from components.aws.task_log import log_tail, stream_of
from components.contracts import DeploymentError
from components.naming import short
from components.redaction import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import (
        DeploymentTypeDef,
        ServiceDeploymentBriefTypeDef,
        ServiceDeploymentTypeDef,
        TaskTypeDef,
    )
    from mypy_boto3_logs import CloudWatchLogsClient

    from components.aws.service_revision import ServiceRevision

POLL_SECONDS = 5.0
APPEAR_POLLS = 12
"""How often a deployment that was just ordered is looked for: ECS lists it some seconds later."""
ONGOING = frozenset({"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
SUCCESSFUL = "SUCCESSFUL"
STARTING = frozenset({"RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP"})
"""The stages of a deployment in which its tasks are not all healthy yet, where ECS tells a stage."""
EVENTS = 5
TASKS = 3


@dataclass(frozen=True, kw_only=True)
class RolloutRequest:
    """What should serve: `cluster` and `service` are ARNs, `digest` is what the image of `revision`'s container has.

    `seconds` is how long the release may take. If its tasks do not all run then, ECS is told to go back, for which it
    has `back_seconds`; if they do, ECS has as long again to judge them.
    """

    cluster: str
    service: str
    digest: str
    revision: ServiceRevision
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
        self._record = ServiceRecord(
            ecs, cluster=request.cluster, service=request.service, web=request.revision.container
        )

    def follow(self) -> Rollout:
        """Waits for the deployment's end.

        Raises DeploymentError when there is none to follow or ECS does not end it, when the worker does not stay up,
        and when ECS went back to the same release with its settings of before: the digest would be right, and the
        update would look done.
        """
        arn = self._current() or self._again()
        deployment, late = self._ended(arn)
        if deployment.get("status") == SUCCESSFUL:
            self._require_workers()
            target = deployment.get("targetServiceRevision", {}).get("arn", "")
            return Rollout(serving=self._record.digest(target), evidence="", deployment=arn)
        serving, evidence = self._left(deployment), self._evidence(deployment, late=late)
        if serving == self._request.digest:
            raise DeploymentError(
                f"release {short(serving)} was taken back with its new settings: it goes on serving with those before. "
                f"Correct them and deploy again.\n{evidence}"
            )
        return Rollout(serving=serving, evidence=evidence, deployment=arn)

    def _current(self) -> str | None:
        """The deployment of our revision that runs or has succeeded; None when one must be ordered."""
        for _ in self._polls():
            newest = next(iter(self._record.deployments()), None)
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
        """Orders a deployment of our revision, and returns its ARN: one that was not there before.

        All of the revision is ordered: a service that went back has the network and the target groups of before.
        """
        seen = {one.get("serviceDeploymentArn") for one in self._record.deployments()}
        with asking("ecs:UpdateService"):
            self._ecs.update_service(
                cluster=self._request.cluster,
                service=self._request.service,
                taskDefinition=self._request.revision.task_definition,
                networkConfiguration=self._request.revision.network(),
                loadBalancers=[self._request.revision.balancer()],
                forceNewDeployment=True,
            )
        for _ in self._polls():
            for one in self._record.deployments():
                arn = one.get("serviceDeploymentArn", "")
                # It is our own order that appears here, and this release may have it.
                if arn not in seen and self._runs_ours(one):
                    return arn
        raise DeploymentError(
            f"ECS was told to deploy {self._request.revision.task_definition}, and shows no deployment of it after "
            f"{APPEAR_POLLS * POLL_SECONDS:.0f} s, so nobody knows what serves. Look at the events of "
            f"{self._request.service} and deploy again"
        )

    def _polls(self) -> Iterator[int]:
        for number in range(APPEAR_POLLS):
            if number:
                self._wait(POLL_SECONDS)
            yield number

    def _runs_ours(self, deployment: ServiceDeploymentBriefTypeDef) -> bool:
        found = self._record.revision(deployment.get("targetServiceRevisionArn", ""))
        return found.get("taskDefinition") == self._request.revision.task_definition

    def _is_ours(self, deployment: ServiceDeploymentBriefTypeDef) -> bool:
        return self._request.revision.describes(self._record.revision(deployment.get("targetServiceRevisionArn", "")))

    def _is_beginning(self) -> bool:
        """Whether the service has taken an order of ours that is not among its deployments yet."""
        deployments: Sequence[DeploymentTypeDef] = self._record.service().get("deployments", [])
        return any(
            one.get("status") == "PRIMARY"
            and one.get("taskDefinition") == self._request.revision.task_definition
            and one.get("rolloutState") == "IN_PROGRESS"
            for one in deployments
        )

    def _ended(self, arn: str) -> tuple[ServiceDeploymentTypeDef, bool]:
        """The deployment when it has ended, and whether it was told to go back because its time was over.

        A release whose tasks all run is never told to: ECS watches its alarms then, and whoever undid a good release
        because the watching came late would do harm.
        """
        deadline, late, judged = time.monotonic() + self._request.seconds, False, False
        while True:
            found = self._record.deployment(arn)
            if found and found.get("status") not in ONGOING:
                return found, late
            if time.monotonic() >= deadline:
                if late or not found:
                    return found or {"serviceDeploymentArn": arn}, True
                if not _all_run(found):
                    self._go_back(arn)
                    deadline, late = time.monotonic() + self._request.back_seconds, True
                elif judged:
                    raise DeploymentError(self._undecided(found))
                else:
                    deadline, judged = time.monotonic() + self._request.seconds, True
            self._wait(POLL_SECONDS)

    def _go_back(self, arn: str) -> None:
        """Without this, a blue/green or canary release that never gets healthy is waited for up to a day."""
        with suppress(ClientError, BotoCoreError):
            self._ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")

    def _undecided(self, deployment: ServiceDeploymentTypeDef) -> str:
        return (
            f"all tasks of release {short(self._request.digest)} run, and {2 * self._request.seconds} s after its "
            "start ECS has still not decided whether to keep it, so nobody knows what serves. Nothing was undone. Look "
            f"at the events of {self._request.service} and deploy again: the same deployment is followed on.\n"
            + "\n".join(reasons_of(deployment))
        )

    def _left(self, deployment: ServiceDeploymentTypeDef) -> str:
        """The digest that serves after a deployment that did not succeed; empty when nothing does."""
        if deployment.get("status") == "ROLLBACK_SUCCESSFUL":
            back = deployment.get("rollback", {}).get("serviceRevisionArn", "")
            if back:
                return self._record.digest(back)
        before = [one for one in deployment.get("sourceServiceRevisions", []) if one.get("runningTaskCount")]
        return self._record.digest(before[0].get("arn", "")) if before else ""

    def _tasks_without_worker(self) -> Sequence[TaskTypeDef]:
        running = self._record.tasks("RUNNING", task_definition=self._request.revision.task_definition)
        return [task for task in running if state_of(task, self._request.worker) == "STOPPED"]

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
        stream = stream_of(container, task.get("taskArn", ""))
        return log_tail(self._logs, self._request.log_groups[container], stream, wait=self._wait)

    def _evidence(self, deployment: ServiceDeploymentTypeDef, *, late: bool) -> str:
        """What ECS says about a deployment that did not succeed, and the end of the last failed web process's log."""
        lines = reasons_of(deployment)
        if late:
            lines.append(f"it was not done within {self._request.seconds} s, and was told to go back")
        began = deployment.get("createdAt")
        events = self._record.service().get("events", [])
        lines += [one.get("message", "") for one in events if began is None or one.get("createdAt", began) >= began][
            :EVENTS
        ]
        ended = self._record.tasks("STOPPED", task_definition=self._request.revision.task_definition)
        stopped = [] if began is None else [one for one in ended if one.get("createdAt", began) >= began]
        lines += [end_of(task) for task in stopped[:TASKS]]
        if stopped:
            lines += [f"  {line}" for line in self._log(stopped[0], self._request.revision.container)]
        return without_credentials("\n".join(lines))


def _all_run(deployment: ServiceDeploymentTypeDef) -> bool:
    """Whether the new tasks are all there: by the stage that ECS tells, else by how many of them run."""
    stage = deployment.get("lifecycleStage")
    if stage is not None:
        return stage not in STARTING
    target = deployment.get("targetServiceRevision", {})
    return 0 < target.get("requestedTaskCount", 0) <= target.get("runningTaskCount", 0)
