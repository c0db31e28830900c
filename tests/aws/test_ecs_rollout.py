"""A release on ECS, followed to its end: each answer of ECS by botocore's Stubber, which knows the API's model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import ANY, Stubber

from components.aws.fargate import clients
from components.aws.rollout import (
    APPEAR_POLLS,
    EcsRollout,
    Rollout,
    RolloutRequest,
    _EcsRolloutProvider,  # pyright: ignore[reportPrivateUsage]  # why: its diff is what repeats a failed release
)
from components.contracts import DeploymentError
from tests.contracts.cases.shared import DIGEST

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

pytestmark = pytest.mark.unit

REGION, ACCOUNT = "eu-central-1", "123456789012"
ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
CLUSTER, SERVICE = f"{ARN}:cluster/rag-test", f"{ARN}:service/rag-test/rag-test-service"
OURS, THEIRS = f"{ARN}:task-definition/rag-test-service:8", f"{ARN}:task-definition/rag-test-service:7"
BEFORE = "sha256:" + "b" * 64
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

    def revision(self, name: str, definition: str = OURS, digest: str = DIGEST) -> None:
        images = [
            {
                "containerName": "worker",
                "image": f"example@{'sha256:' + 'e' * 64}",
                "imageDigest": "sha256:" + "e" * 64,
            },
            {"containerName": "web", "image": f"example@{digest}", "imageDigest": "sha256:" + "f" * 64},
        ]
        found = {"serviceRevisionArn": revision(name), "taskDefinition": definition, "containerImages": images}
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
        expected = {"cluster": CLUSTER, "service": SERVICE, "taskDefinition": OURS, "forceNewDeployment": True}
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
        return clients(REGION, None)


def told(made: tuple[ECSClient, CloudWatchLogsClient], *, seconds: int = 600) -> Iterator[Told]:
    request = RolloutRequest(
        cluster=CLUSTER,
        service=SERVICE,
        task_definition=OURS,
        digest=DIGEST,
        web="web",
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


def test_a_new_deployment_is_followed_by_its_own_arn_until_it_succeeds(told: Told) -> None:
    told.deployments(listed("old", "SUCCESSFUL", rev="old", age=9), listed("new", "IN_PROGRESS"))
    told.revision("new")
    told.follows("new", "PENDING")
    told.follows("new", "IN_PROGRESS")
    told.follows("new", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks(task("1"), task("2"))
    told.revision("new")
    assert told.ends() == Rollout(serving=DIGEST, evidence="", deployment=deployment("new"))


def test_what_serves_is_the_digest_in_the_images_name_and_not_that_of_its_part_for_one_processor(told: Told) -> None:
    told.deployments(listed("new", "IN_PROGRESS"))
    told.revision("new")
    told.follows("new", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks()
    told.revision("new", digest=DIGEST)
    assert told.ends().serving == DIGEST


def test_a_deployment_that_appears_seconds_later_is_waited_for(told: Told) -> None:
    told.deployments(listed("old", "SUCCESSFUL", rev="old", age=9))
    told.revision("old", THEIRS)
    told.deployments()
    told.deployments(listed("old", "SUCCESSFUL", rev="old", age=9), listed("new", "IN_PROGRESS"))
    told.revision("new")
    told.follows("new", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks()
    told.revision("new")
    assert told.ends().deployment == deployment("new")


def test_the_newest_deployment_counts_on_whatever_page_it_stands(told: Told) -> None:
    told.deployments(listed("older", "SUCCESSFUL", rev="old", age=9), more="page-2")
    told.deployments(listed("new", "IN_PROGRESS"), listed("oldest", "SUCCESSFUL", rev="old", age=99), token="page-2")
    told.revision("new")
    told.follows("new", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks()
    told.revision("new")
    assert told.ends().serving == DIGEST


def test_where_nothing_changed_what_serves_is_read_and_nothing_is_deployed(told: Told) -> None:
    told.deployments(listed("new", "SUCCESSFUL"))
    told.revision("new")
    told.service(PRIMARY_RUNS)
    told.tasks(task("1"))
    told.follows("new", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks(task("1"))
    told.revision("new")
    assert told.ends() == Rollout(serving=DIGEST, evidence="", deployment=deployment("new"))


@pytest.mark.parametrize("earlier", ["SUCCESSFUL", "ROLLBACK_SUCCESSFUL"])
def test_an_earlier_deployment_of_the_same_task_definition_is_not_taken_for_the_one_that_begins(
    told: Told, earlier: str
) -> None:
    told.deployments(listed("earlier", earlier, age=1))
    told.revision("new")
    told.service(PRIMARY_BEGINS)
    told.deployments(listed("earlier", earlier, age=1), listed("begins", "IN_PROGRESS"))
    told.revision("new")
    told.follows("begins", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks()
    told.revision("new")
    assert told.ends().deployment == deployment("begins")


@pytest.mark.parametrize("status", ["ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED"])
def test_a_service_that_went_back_is_deployed_again_although_its_task_definition_did_not_change(
    told: Told, status: str
) -> None:
    told.deployments(listed("failed", status, age=1))
    told.revision("new")
    told.service(PRIMARY_OLD)
    told.deployments(listed("failed", status, age=1))
    told.ordered()
    told.deployments(listed("failed", status, age=1))
    told.deployments(listed("failed", status, age=1), listed("again", "PENDING"))
    told.revision("new")
    told.follows("again", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks()
    told.revision("new")
    assert told.ends() == Rollout(serving=DIGEST, evidence="", deployment=deployment("again"))


def test_a_service_that_runs_something_else_is_brought_back_to_ours(told: Told) -> None:
    other = listed("by-hand", "SUCCESSFUL", rev="old")
    for _ in range(APPEAR_POLLS):
        told.deployments(other)
        told.revision("old", THEIRS)
    told.deployments(other)
    told.ordered()
    told.deployments(other, listed("again", "IN_PROGRESS"))
    told.revision("new")
    told.follows("again", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks()
    told.revision("new")
    assert told.ends().deployment == deployment("again")


def test_an_order_that_ecs_never_shows_is_an_error_and_not_a_success(told: Told) -> None:
    told.deployments(listed("failed", "STOPPED", age=1))
    told.revision("new")
    told.service(PRIMARY_OLD)
    for _ in range(APPEAR_POLLS + 1):
        told.deployments(listed("failed", "STOPPED", age=1))
        if _ == 0:
            told.ordered()
    assert "shows no deployment of it after 60 s, so nobody knows what serves" in told.fails()


def goes_back(told: Told, *, digest: str = BEFORE) -> None:
    told.deployments(listed("new", "IN_PROGRESS"))
    told.revision("new")
    told.follows("new", "ROLLBACK_IN_PROGRESS")
    told.follows(
        "new",
        "ROLLBACK_SUCCESSFUL",
        statusReason="Service deployment rolled back because of the circuit breaker",
        rollback={"reason": "tasks failed to start", "serviceRevisionArn": revision("old")},
        deploymentCircuitBreaker={"status": "TRIGGERED", "failureCount": 3, "threshold": 3},
        alarms={"status": "TRIGGERED", "triggeredAlarmNames": ["rag-test-errors"]},
    )
    told.revision("old", THEIRS, digest)
    told.service(PRIMARY_OLD, events=("(service rag) deployment failed: tasks failed to start.",))
    dead = task(
        "dead",
        stoppedReason="Essential container in task exited",
        containers=[
            {"name": "web", "exitCode": 1, "reason": "postgresql://rag:hunter2@db/rag refused"},
            {"name": "worker"},
        ],
    )
    older = task("older", stoppedReason="Scaling activity", createdAt=BEGAN - timedelta(hours=1))
    told.tasks(older, dead, task("old", definition=THEIRS), status="STOPPED")
    told.log("web/web/dead", "ModuleNotFoundError: No module named 'nothing'")


def test_a_release_that_ecs_took_back_reports_the_old_digest_with_all_that_ecs_says(told: Told) -> None:
    goes_back(told)
    ended = told.ends()
    assert ended.serving == BEFORE
    assert ended.evidence.splitlines() == [
        "ECS deployment new: ROLLBACK_SUCCESSFUL",
        "Service deployment rolled back because of the circuit breaker",
        "tasks failed to start",
        "alarms: rag-test-errors",
        "circuit breaker: 3 of 3 failed tasks",
        "(service rag) deployment failed: tasks failed to start.",
        "task dead: Essential container in task exited; "
        "web exit code 1 (postgresql://***@db/rag refused), worker never ran",
        "  ModuleNotFoundError: No module named 'nothing'",
    ]


def test_new_settings_of_the_same_release_that_ecs_took_back_are_an_error_because_the_digest_would_look_right(
    told: Told,
) -> None:
    goes_back(told, digest=DIGEST)
    said = told.fails()
    assert "never became healthy with its new settings, so ECS went back to those before" in said
    assert "alarms: rag-test-errors" in said


def test_a_first_release_that_never_gets_healthy_leaves_nothing_that_serves(told: Told) -> None:
    told.deployments(listed("new", "IN_PROGRESS"))
    told.revision("new")
    told.follows("new", "STOPPED", sourceServiceRevisions=[])
    told.service()
    told.tasks(status="STOPPED")
    ended = told.ends()
    assert ended.serving == ""
    assert ended.evidence == "ECS deployment new: STOPPED"


def test_a_way_back_that_failed_reports_what_still_runs(told: Told) -> None:
    told.deployments(listed("new", "IN_PROGRESS"))
    told.revision("new")
    sources = [{"arn": revision("gone"), "runningTaskCount": 0}, {"arn": revision("old"), "runningTaskCount": 2}]
    told.follows("new", "ROLLBACK_FAILED", sourceServiceRevisions=sources)
    told.revision("old", THEIRS, BEFORE)
    told.service()
    told.tasks(status="STOPPED")
    assert told.ends().serving == BEFORE


def test_a_release_whose_time_is_over_is_told_to_go_back_and_followed_until_it_has(hurried: Told) -> None:
    hurried.deployments(listed("new", "IN_PROGRESS"))
    hurried.revision("new")
    hurried.follows("new", "IN_PROGRESS")
    hurried.ecs.add_response(
        "stop_service_deployment", {}, {"serviceDeploymentArn": deployment("new"), "stopType": "ROLLBACK"}
    )
    hurried.follows("new", "ROLLBACK_SUCCESSFUL", rollback={"serviceRevisionArn": revision("old")})
    hurried.revision("old", THEIRS, BEFORE)
    hurried.service()
    hurried.tasks(status="STOPPED")
    ended = hurried.ends()
    assert ended.serving == BEFORE
    assert "it was not done within 0 s, and was told to go back" in ended.evidence


def test_a_release_that_neither_ends_nor_goes_back_is_given_up_and_says_what_runs(hurried: Told) -> None:
    hurried.deployments(listed("new", "IN_PROGRESS"))
    hurried.revision("new")
    hurried.follows("new", "IN_PROGRESS")
    hurried.ecs.add_client_error("stop_service_deployment", "ConflictException", "nothing to go back to")
    hurried.follows("new", "IN_PROGRESS", sourceServiceRevisions=[])
    hurried.service()
    hurried.tasks(status="STOPPED")
    ended = hurried.ends()
    assert ended.serving == ""
    assert ended.evidence.startswith("ECS deployment new: IN_PROGRESS\nit was not done within 0 s")


def test_a_release_whose_worker_does_not_stay_up_is_an_error_although_ecs_calls_it_a_success(told: Told) -> None:
    told.deployments(listed("new", "IN_PROGRESS"))
    told.revision("new")
    told.follows("new", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks(task("1"), task("2", worker="STOPPED"), task("3", definition=THEIRS, worker="STOPPED"))
    told.log("worker/worker/2", "no such setting")
    said = told.fails()
    assert "its worker ended in 1 of its tasks, and documents would wait for ever" in said
    assert said.endswith("\n  no such setting")


def test_the_next_update_starts_a_release_anew_whose_worker_did_not_stay_up(told: Told) -> None:
    told.deployments(listed("new", "SUCCESSFUL", age=1))
    told.revision("new")
    told.service(PRIMARY_RUNS)
    told.tasks(task("1", worker="STOPPED"))
    told.deployments(listed("new", "SUCCESSFUL", age=1))
    told.ordered()
    told.deployments(listed("new", "SUCCESSFUL", age=1), listed("again", "IN_PROGRESS"))
    told.revision("new")
    told.follows("again", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks(task("2"))
    told.revision("new")
    assert told.ends().deployment == deployment("again")


def test_what_aws_refuses_is_an_error_that_names_the_permission(told: Told) -> None:
    told.ecs.add_client_error("list_service_deployments", "AccessDeniedException", "is not authorized")
    assert told.fails().startswith("AWS refused ecs:ListServiceDeployments (AccessDeniedException")


STATE = {
    "region": REGION,
    "cluster": CLUSTER,
    "service": SERVICE,
    "task_definition": OURS,
    "digest": DIGEST,
    "serving": DIGEST,
    "evidence": "",
    "seconds": 600.0,
}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({}, {}, False),
        ({}, {"seconds": 900.0}, False),
        ({}, {"task_definition": THEIRS}, True),
        ({}, {"service": f"{SERVICE}-2"}, True),
        ({}, {"digest": BEFORE}, True),
        ({"serving": BEFORE}, {}, True),
        ({"serving": ""}, {}, True),
    ],
)
def test_a_release_is_followed_again_when_it_is_another_and_when_the_last_one_was_not_taken(
    before: dict[str, object], after: dict[str, object], changes: bool
) -> None:
    assert _EcsRolloutProvider().diff("rollout", {**STATE, **before}, {**STATE, **after}).changes is changes
