"""An account of moto in which one task is run through boto3, with each of its states set by hand."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ecs.models import ecs_backends
from moto.moto_api import state_manager

from components.aws.ecs_api import clients
from components.aws.fargate import Outcome, TaskRequest, run_to_end
from components.aws.task_log import stream_of
from components.contracts import DeploymentError
from tests.contracts.cases.shared import DIGEST

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

REGION = "eu-central-1"
GROUP = "/ecs/rag-test/migrate"
API_KEY = "rag_abcd1234_" + "k" * 43
State = Callable[[Any], None]


def is_at(status: str) -> State:
    """The task is where ECS says it is: PROVISIONING, PENDING, RUNNING, DEPROVISIONING."""

    def state(task: Any) -> None:
        task.last_status = status

    return state


def stopped(
    code: int | None, *, stop: str = "EssentialContainerExited", reason: str = "", container: str = ""
) -> State:
    """The task has ended: with an exit code, or without one because its container never ran."""

    def state(task: Any) -> None:
        task.last_status = task.desired_status = "STOPPED"
        task.stop_code, task.stopped_reason = stop, reason
        one: dict[str, object] = {"name": "migrate", "lastStatus": "STOPPED", "reason": container}
        task.containers = [one | ({"exitCode": code} if code is not None else {})]

    return state


@dataclass
class World:
    """An account with a cluster, a network and a task definition, in which nothing moves by itself."""

    ecs: ECSClient
    logs: CloudWatchLogsClient
    request: TaskRequest
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """What RunTask was called with."""

    def is_asked(self, params: Mapping[str, Any], **_more: object) -> None:
        self.asked.append(dict(params))

    def tasks(self) -> list[Any]:
        found = cast(Mapping[str, Mapping[str, Any]], ecs_backends[DEFAULT_ACCOUNT_ID][REGION].tasks)
        return list(found.get("rag-test", {}).values())

    def run(self, *states: State, **changed: Any) -> Outcome:
        """Runs the task while it goes through these states, one at each look."""
        waiting = list(states)

        def wait(_seconds: float) -> None:
            if waiting:
                waiting.pop(0)(self.tasks()[-1])

        return run_to_end(self.ecs, self.logs, dataclasses.replace(self.request, **changed), wait=wait)

    def fails(self, *states: State, **changed: Any) -> str:
        with pytest.raises(DeploymentError) as caught:
            self.run(*states, **changed)
        return str(caught.value)

    def wrote(self, *lines: str) -> State:
        """The task's log has these lines now."""

        def state(task: Any) -> None:
            stream = stream_of(self.request.container, task.task_arn)
            with contextlib.suppress(self.logs.exceptions.ResourceAlreadyExistsException):
                self.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
            now = int(time.time() * 1000)
            events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
            self.logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=cast(Any, events))

        return state


@pytest.fixture(scope="module")
def account() -> Iterator[World]:
    """Made once: a network and the models of three services take longer than any test."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.delenv("AWS_PROFILE", raising=False)
        state_manager.set_transition("ecs::task", {"progression": "manual", "times": 1_000_000})
        ecs, logs = clients(REGION)
        ec2 = cast(Any, boto3).client("ec2", region_name=REGION)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="tasks", Description="tasks", VpcId=vpc)["GroupId"]
        cluster = ecs.create_cluster(clusterName="rag-test")["cluster"].get("clusterArn", "")
        definition = ecs.register_task_definition(
            family="rag-test-migrate",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "migrate", "image": f"example@{DIGEST}", "memory": 512}],
        )["taskDefinition"].get("taskDefinitionArn", "")
        request = TaskRequest(
            digest=DIGEST,
            cluster=cluster,
            task_definition=definition,
            container="migrate",
            subnets=[subnet],
            groups=[group],
            public_address=False,
            log_group=GROUP,
            seconds=600,
        )
        yield World(ecs=ecs, logs=logs, request=request)
        state_manager.unset_transition("ecs::task")


@pytest.fixture
def world(account: World) -> Iterator[World]:
    """The account without a task and without a line of log."""
    ecs, logs = account.ecs, account.logs
    cast(dict[str, object], ecs_backends[DEFAULT_ACCOUNT_ID][REGION].tasks).clear()
    logs.create_log_group(logGroupName=GROUP)
    fresh = World(ecs=ecs, logs=logs, request=account.request)
    events = cast(Any, ecs.meta.events)
    events.register("provide-client-params.ecs.RunTask", fresh.is_asked)
    yield fresh
    events.unregister("provide-client-params.ecs.RunTask", fresh.is_asked)
    logs.delete_log_group(logGroupName=GROUP)
