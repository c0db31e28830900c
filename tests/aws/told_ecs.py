"""What ECS answers while a release is followed, in order, by botocore's Stubber, which knows the API's model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY, Stubber

from components.aws.ecs_api import clients
from components.aws.rollout import EcsRollout, Rollout, RolloutRequest
from components.aws.service_revision import ServiceRevision
from components.contracts import DeploymentError
from tests.contracts.cases.shared import DIGEST

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

REGION, ACCOUNT = "eu-central-1", "123456789012"
ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
CLUSTER, SERVICE = f"{ARN}:cluster/rag-test", f"{ARN}:service/rag-test/rag-test-service"
OURS, THEIRS = f"{ARN}:task-definition/rag-test-service:8", f"{ARN}:task-definition/rag-test-service:7"
BEFORE = "sha256:" + "b" * 64
REVISION = ServiceRevision(
    task_definition=OURS,
    subnets=["subnet-1", "subnet-2"],
    groups=["sg-1"],
    public_address=False,
    container="web",
    port=8000,
    primary="first-group",
    alternate="second-group",
    rule="rule",
    role="role",
)
NETWORK: dict[str, Any] = {
    "awsvpcConfiguration": {
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["sg-1"],
        "assignPublicIp": "DISABLED",
    }
}
BALANCER: dict[str, Any] = {
    "targetGroupArn": "first-group",
    "containerName": "web",
    "containerPort": 8000,
    "advancedConfiguration": {
        "alternateTargetGroupArn": "second-group",
        "productionListenerRule": "rule",
        "roleArn": "role",
    },
}
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Answers = Callable[["Told"], object]


@dataclass
class Told:
    """What ECS and CloudWatch will answer, in order; a call that is not among them fails the test."""

    ecs: Stubber
    logs: Stubber
    rollout: EcsRollout

    def service(self, *deployments: dict[str, Any], events: tuple[str, ...] = ()) -> None:
        said = [
            {"id": str(number), "createdAt": BEGAN + timedelta(seconds=number), "message": text}
            for number, text in enumerate(events)
        ]
        answer = {"services": [{"serviceArn": SERVICE, "deployments": list(deployments), "events": said}]}
        self.ecs.add_response("describe_services", answer, {"cluster": CLUSTER, "services": [SERVICE]})

    def deployments(self, *found: dict[str, Any], more: str = "", token: str = "") -> None:
        expected = {"cluster": CLUSTER, "service": SERVICE} | ({"nextToken": token} if token else {})
        answer = {"serviceDeployments": list(found)} | ({"nextToken": more} if more else {})
        self.ecs.add_response("list_service_deployments", answer, expected)

    def revision(self, name: str, definition: str = OURS, digest: str = DIGEST, **other: Any) -> None:
        images = [
            {
                "containerName": "worker",
                "image": f"example@{'sha256:' + 'e' * 64}",
                "imageDigest": "sha256:" + "e" * 64,
            },
            {"containerName": "web", "image": f"example@{digest}", "imageDigest": "sha256:" + "f" * 64},
        ]
        found = {"serviceRevisionArn": revision(name), "taskDefinition": definition, "containerImages": images}
        found |= {"networkConfiguration": NETWORK, "loadBalancers": [BALANCER]} | other
        self.ecs.add_response(
            "describe_service_revisions", {"serviceRevisions": [found]}, {"serviceRevisionArns": [revision(name)]}
        )

    def follows(self, name: str, status: str, **more: Any) -> None:
        found = {"serviceDeploymentArn": deployment(name), "status": status, "createdAt": BEGAN} | more
        self.ecs.add_response(
            "describe_service_deployments",
            {"serviceDeployments": [found]},
            {"serviceDeploymentArns": [deployment(name)]},
        )

    def tasks(self, *found: dict[str, Any], status: str = "RUNNING") -> None:
        expected = {"cluster": CLUSTER, "serviceName": SERVICE, "desiredStatus": status}
        arns = [one["taskArn"] for one in found]
        self.ecs.add_response("list_tasks", {"taskArns": arns}, expected)
        if arns:
            self.ecs.add_response("describe_tasks", {"tasks": list(found)}, {"cluster": CLUSTER, "tasks": arns})

    def ordered(self) -> None:
        expected = {
            "cluster": CLUSTER,
            "service": SERVICE,
            "taskDefinition": OURS,
            "networkConfiguration": NETWORK,
            "loadBalancers": [BALANCER],
            "forceNewDeployment": True,
        }
        self.ecs.add_response("update_service", {"service": {}}, expected)

    def log(self, stream: str, *lines: str) -> None:
        for _ in range(2):
            events = [{"timestamp": 1, "message": line} for line in lines]
            expected = {"logGroupName": ANY, "logStreamName": stream, "limit": 30, "startFromHead": False}
            self.logs.add_response("get_log_events", {"events": events}, expected)

    def ends(self) -> Rollout:
        found = self.rollout.follow()
        self.ecs.assert_no_pending_responses()
        self.logs.assert_no_pending_responses()
        return found

    def fails(self) -> str:
        with pytest.raises(DeploymentError) as caught:
            self.rollout.follow()
        self.ecs.assert_no_pending_responses()
        return str(caught.value)


def deployment(name: str) -> str:
    return f"{ARN}:service-deployment/rag-test/rag-test-service/{name}"


def revision(name: str) -> str:
    return f"{ARN}:service-revision/rag-test/rag-test-service/{name}"


def listed(name: str, status: str, *, rev: str = "new", age: int = 0) -> dict[str, Any]:
    return {
        "serviceDeploymentArn": deployment(name),
        "targetServiceRevisionArn": revision(rev),
        "status": status,
        "createdAt": BEGAN - timedelta(hours=age),
    }


def task(name: str, *, definition: str = OURS, worker: str = "RUNNING", **more: Any) -> dict[str, Any]:
    containers = [{"name": "web", "lastStatus": "RUNNING"}, {"name": "worker", "lastStatus": worker}]
    arn = f"{ARN}:task/rag-test/{name}"
    return {"taskArn": arn, "taskDefinitionArn": definition, "createdAt": BEGAN, "containers": containers} | more


PRIMARY_BEGINS = {"status": "PRIMARY", "taskDefinition": OURS, "rolloutState": "IN_PROGRESS"}
PRIMARY_RUNS = {"status": "PRIMARY", "taskDefinition": OURS, "rolloutState": "COMPLETED"}
PRIMARY_OLD = {"status": "PRIMARY", "taskDefinition": THEIRS, "rolloutState": "COMPLETED"}


@pytest.fixture(scope="module")
def made() -> tuple[ECSClient, CloudWatchLogsClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        return clients(REGION)


def told(made: tuple[ECSClient, CloudWatchLogsClient], *, seconds: int = 600) -> Iterator[Told]:
    request = RolloutRequest(
        cluster=CLUSTER,
        service=SERVICE,
        digest=DIGEST,
        revision=REVISION,
        worker="worker",
        log_groups={"web": "/ecs/rag-test/web", "worker": "/ecs/rag-test/worker"},
        seconds=seconds,
        back_seconds=0 if seconds == 0 else 300,
    )
    ecs, logs = made
    with Stubber(ecs) as first, Stubber(logs) as second:
        yield Told(ecs=first, logs=second, rollout=EcsRollout(ecs, logs, request, wait=lambda _: None))


@pytest.fixture(name="told")
def told_fixture(made: tuple[ECSClient, CloudWatchLogsClient]) -> Iterator[Told]:
    yield from told(made)


@pytest.fixture
def hurried(made: tuple[ECSClient, CloudWatchLogsClient]) -> Iterator[Told]:
    """A release whose time is over at the first look."""
    yield from told(made, seconds=0)
