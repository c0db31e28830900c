"""A release on ECS, followed to its end: answer by answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from components.aws.rollout import APPEAR_POLLS, Rollout
from tests.aws.told_ecs import (
    BEFORE,
    BEGAN,
    PRIMARY_BEGINS,
    PRIMARY_OLD,
    PRIMARY_RUNS,
    THEIRS,
    Told,
    deployment,
    listed,
    revision,
    task,
)
from tests.contracts.cases.shared import DIGEST

pytestmark = pytest.mark.unit


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


@pytest.mark.parametrize(
    "other",
    [
        {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["public-1"], "assignPublicIp": "ENABLED"}}},
        {"loadBalancers": [{"targetGroupArn": "first-group", "containerName": "web", "containerPort": 8000}]},
    ],
    ids=["network", "target groups"],
)
def test_a_success_of_the_same_task_definition_with_another_way_is_not_taken_for_ours(
    told: Told, other: dict[str, Any]
) -> None:
    told.deployments(listed("before", "SUCCESSFUL", rev="old", age=1))
    told.revision("old", **other)
    told.deployments(listed("before", "SUCCESSFUL", rev="old", age=1), listed("new", "PENDING"))
    told.revision("new")
    told.follows("new", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    told.tasks()
    told.revision("new")
    assert told.ends().deployment == deployment("new")


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
    assert "was taken back with its new settings: it goes on serving with those before" in said
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
