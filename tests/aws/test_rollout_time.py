"""A release on ECS whose time is over: who may still undo it, and who waits."""

from __future__ import annotations

import pytest

from components.aws.rollout import Rollout
from tests.aws.told_ecs import BEFORE, THEIRS, Told, deployment, listed, revision
from tests.contracts.cases.shared import DIGEST

pytestmark = pytest.mark.unit


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


ALL_RUN = {"targetServiceRevision": {"arn": revision("new"), "requestedTaskCount": 2, "runningTaskCount": 2}}
SOME_RUN = {"targetServiceRevision": {"arn": revision("new"), "requestedTaskCount": 2, "runningTaskCount": 1}}


@pytest.mark.parametrize(
    "told_so_far",
    [ALL_RUN, {"lifecycleStage": "BAKE_TIME"}, {"lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT", **SOME_RUN}],
    ids=["all tasks run", "baking", "users are moved while a task is replaced"],
)
def test_a_release_whose_tasks_all_run_is_not_undone_by_us_when_its_time_is_over_but_judged_by_ecs(
    hurried: Told, told_so_far: dict[str, object]
) -> None:
    hurried.deployments(listed("new", "IN_PROGRESS"))
    hurried.revision("new")
    hurried.follows("new", "IN_PROGRESS", **told_so_far)
    hurried.follows("new", "SUCCESSFUL", targetServiceRevision={"arn": revision("new")})
    hurried.tasks()
    hurried.revision("new")
    assert hurried.ends() == Rollout(serving=DIGEST, evidence="", deployment=deployment("new"))


@pytest.mark.parametrize(
    "told_so_far",
    [SOME_RUN, {"lifecycleStage": "SCALE_UP", **ALL_RUN}, {"targetServiceRevision": {"runningTaskCount": 0}}],
    ids=["some run", "all run and are not healthy", "nothing is known"],
)
def test_a_release_whose_tasks_do_not_all_run_when_its_time_is_over_is_told_to_go_back(
    hurried: Told, told_so_far: dict[str, object]
) -> None:
    hurried.deployments(listed("new", "IN_PROGRESS"))
    hurried.revision("new")
    hurried.follows("new", "IN_PROGRESS", **told_so_far)
    hurried.ecs.add_response(
        "stop_service_deployment", {}, {"serviceDeploymentArn": deployment("new"), "stopType": "ROLLBACK"}
    )
    hurried.follows("new", "ROLLBACK_SUCCESSFUL", rollback={"serviceRevisionArn": revision("old")})
    hurried.revision("old", THEIRS, BEFORE)
    hurried.service()
    hurried.tasks(status="STOPPED")
    assert hurried.ends().serving == BEFORE


def test_a_release_that_ecs_does_not_judge_within_twice_its_time_is_an_error_and_nothing_is_undone(
    hurried: Told,
) -> None:
    hurried.deployments(listed("new", "IN_PROGRESS"))
    hurried.revision("new")
    for _ in range(2):
        hurried.follows("new", "IN_PROGRESS", **ALL_RUN)
    said = hurried.fails()
    assert "ECS has still not decided whether to keep it, so nobody knows what serves. Nothing was undone" in said
    assert said.endswith("ECS deployment new: IN_PROGRESS")


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
