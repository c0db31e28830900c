"""What ECS itself records of one service: its deployments, what each was to run, its tasks and its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from components.aws.ecs_api import asking
from components.naming import image_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_ecs.type_defs import (
        ServiceDeploymentBriefTypeDef,
        ServiceDeploymentTypeDef,
        ServiceRevisionTypeDef,
        ServiceTypeDef,
        TaskTypeDef,
    )

MOST_TASKS = 100
"""That DescribeTasks tells of at once."""


class ServiceRecord:
    """Read anew with each question. `cluster` and `service` are ARNs, `web` is the container that users talk to."""

    def __init__(self, ecs: ECSClient, *, cluster: str, service: str, web: str) -> None:
        self._ecs, self._cluster, self._service, self._web = ecs, cluster, service, web

    def deployments(self) -> Sequence[ServiceDeploymentBriefTypeDef]:
        """All that ECS remembers (90 days), newest first."""
        with asking("ecs:ListServiceDeployments"):
            page = self._ecs.list_service_deployments(cluster=self._cluster, service=self._service)
            found = page["serviceDeployments"]
            while token := page.get("nextToken"):
                page = self._ecs.list_service_deployments(cluster=self._cluster, service=self._service, nextToken=token)
                found += page["serviceDeployments"]
        return sorted(found, key=_created, reverse=True)

    def deployment(self, arn: str) -> ServiceDeploymentTypeDef | None:
        """One deployment in full; None when ECS does not know it."""
        with asking("ecs:DescribeServiceDeployments"):
            found = self._ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        return found[0] if found else None

    def digest(self, revision: str) -> str:
        """The digest of the web container's image in a service revision; empty when ECS does not know it."""
        images = self.revision(revision).get("containerImages", ())
        ours = [one for one in images if one.get("containerName") == self._web]
        # Our image is named by its digest; what ECS resolved may be the part of it for one processor.
        digests = [image_digest(one.get("image", "")) or one.get("imageDigest", "") for one in ours]
        return next(iter(digests), "")

    def revision(self, arn: str) -> ServiceRevisionTypeDef:
        """A service revision in full; empty when ECS does not know it."""
        if not arn:
            return {}
        with asking("ecs:DescribeServiceRevisions"):
            found = self._ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"]
        return found[0] if found else {}

    def service(self) -> ServiceTypeDef:
        """The service as it is now, with its events, newest first."""
        with asking("ecs:DescribeServices"):
            found = self._ecs.describe_services(cluster=self._cluster, services=[self._service])["services"]
        return found[0] if found else {}

    def tasks(self, status: Literal["RUNNING", "STOPPED"], *, task_definition: str) -> Sequence[TaskTypeDef]:
        """The tasks of one task definition that should be so, newest first."""
        with asking("ecs:ListTasks"):
            arns = self._ecs.list_tasks(cluster=self._cluster, serviceName=self._service, desiredStatus=status)[
                "taskArns"
            ]
        if not arns:
            return []
        with asking("ecs:DescribeTasks"):
            tasks = self._ecs.describe_tasks(cluster=self._cluster, tasks=arns[:MOST_TASKS])["tasks"]
        return sorted(
            (one for one in tasks if one.get("taskDefinitionArn") == task_definition), key=_created, reverse=True
        )


def _created(one: ServiceDeploymentBriefTypeDef | TaskTypeDef) -> float:
    created = one.get("createdAt")
    return created.timestamp() if created else 0.0


def state_of(task: TaskTypeDef, container: str) -> str:
    """The state of one container of a task; empty when it has none of that name."""
    return next((one.get("lastStatus", "") for one in task.get("containers", []) if one.get("name") == container), "")


def reasons_of(deployment: ServiceDeploymentTypeDef) -> list[str]:
    """What ECS says of a deployment's end: its status, its alarms, its circuit breaker."""
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
