"""One task on Fargate, state by state: what is a success, and what becomes of everything else."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Mapping
from typing import Any

import pytest
from botocore.stub import Stubber

from components.aws.fargate import run_to_end
from components.contracts import DeploymentError
from tests.aws.moto_account import API_KEY, REGION, World, is_at, stopped
from tests.judges.botocore_shapes import findings

pytestmark = pytest.mark.unit


def test_a_task_that_goes_through_all_states_and_ends_with_0_is_a_success(world: World) -> None:
    lines = ("Running upgrade 1 -> 2", "schema is at head")
    states = [*map(is_at, ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")), world.wrote(*lines), stopped(0)]
    outcome = world.run(*states)
    assert outcome.task == world.tasks()[0].task_arn
    assert list(outcome.log) == list(lines)


def test_a_task_that_is_never_seen_running_because_it_had_nothing_to_do_is_a_success(world: World) -> None:
    assert world.run(is_at("PENDING"), stopped(0)).log == []


def test_running_is_no_end(world: World) -> None:
    # moto shows an exit code of 0 from the start, as a task that is taken for done too early would.
    assert "failed with exit code 7" in world.fails(*[is_at("RUNNING")] * 5, stopped(7))


def test_the_request_is_one_that_aws_takes_and_runs_where_and_what_was_asked_for(world: World) -> None:
    world.run(stopped(0))
    (asked,) = world.asked
    assert findings("ecs", "RunTask", asked) == []
    assert asked["launchType"] == "FARGATE"
    assert asked["platformVersion"] == "1.4.0"
    assert (asked["cluster"], asked["taskDefinition"]) == (world.request.cluster, world.request.task_definition)
    network = asked["networkConfiguration"]["awsvpcConfiguration"]
    assert network == {
        "subnets": world.request.subnets,
        "securityGroups": world.request.groups,
        "assignPublicIp": "DISABLED",
    }
    assert asked["enableExecuteCommand"] is False
    assert asked["startedBy"] == world.request.started_by


def test_without_nat_the_task_gets_a_public_address_to_reach_the_registry(world: World) -> None:
    world.run(stopped(0), public_address=True)
    assert world.asked[0]["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "ENABLED"


def test_a_failed_task_is_an_error_with_the_end_of_its_log(world: World) -> None:
    said = world.fails(is_at("RUNNING"), world.wrote("first line", "relation exists already"), stopped(3))
    assert said.startswith(
        f"the task migrate of release {'c' * 12} failed with exit code 3. The release was not deployed"
    )
    assert "also with the same digest" in said
    assert said.endswith("The end of its log:\n  first line\n  relation exists already")


def test_neither_error_nor_report_holds_a_password_or_an_api_key(world: World) -> None:
    secret = f"postgresql://rag:hunter2@db.example.com/rag refused {API_KEY}"
    said = world.fails(world.wrote(secret), stopped(1, container=secret))
    outcome = world.run(world.wrote(secret), stopped(0))
    for text in (said, *outcome.log):
        assert "hunter2" not in text
        assert API_KEY not in text
        assert "postgresql://***@db.example.com/rag refused ***" in text


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        ({"reason": "RESOURCE:ENI"}, "AWS has no room for it"),
        ({"reason": "RESOURCE:CPU", "detail": "no zone has any"}, "AWS says: RESOURCE:CPU no zone has any"),
        ({"reason": "AGENT"}, "AWS has no room for it"),
        ({"reason": "Capacity is unavailable at this time. Please try again later"}, "AWS has no room for it"),
        ({"reason": "MISSING", "arn": "arn:x"}, "was not started: AWS says: MISSING"),
    ],
)
def test_a_task_that_ecs_did_not_even_start_is_an_error(world: World, failure: Mapping[str, str], meaning: str) -> None:
    with Stubber(world.ecs) as stub:
        stub.add_response("list_tasks", {"taskArns": []})
        stub.add_response("run_task", {"tasks": [], "failures": [failure]})
        assert meaning in world.fails()
        stub.assert_no_pending_responses()


def test_a_task_that_takes_too_long_is_stopped_and_the_error_says_so_with_its_log(world: World) -> None:
    started: list[Any] = []

    def never(_seconds: float) -> None:
        started.append(world.tasks()[0].desired_status)
        world.wrote("waiting for a lock")(world.tasks()[0])

    with pytest.raises(DeploymentError) as caught:
        run_to_end(world.ecs, world.logs, dataclasses.replace(world.request, seconds=0), wait=never)
    (task,) = world.tasks()
    assert task.desired_status == "STOPPED"
    assert task.stopped_reason.startswith("Stopped by the deployment: did not end within 0 s (it was RUNNING)")
    assert "did not end within 0 s (it was RUNNING) and was stopped" in str(caught.value)
    assert "waiting for a lock" in str(caught.value)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, MemoryError])
def test_whatever_interrupts_the_wait_stops_the_task(world: World, interruption: type[BaseException]) -> None:
    def interrupted(_task: Any) -> None:
        raise interruption

    with pytest.raises(interruption):
        world.run(is_at("RUNNING"), interrupted)
    (task,) = world.tasks()
    assert task.desired_status == "STOPPED"
    assert task.stopped_reason == f"Stopped by the deployment: interrupted ({interruption.__name__})"


def test_after_a_failed_task_the_next_update_starts_another_with_another_token(world: World) -> None:
    world.fails(stopped(1))
    world.run(stopped(0))
    first, second = (asked["clientToken"] for asked in world.asked)
    assert first != second
    assert len(world.tasks()) == 2
    assert all(len(token) <= 64 and token.startswith("c" * 12) for token in (first, second))


def test_a_task_that_still_runs_is_watched_and_no_second_one_is_started_beside_it(world: World) -> None:
    def killed(_task: Any) -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        world.run(is_at("RUNNING"), killed)
    (left,) = world.tasks()
    left.desired_status = left.last_status = "RUNNING"  # as it is when nobody was left to stop it
    assert world.run(stopped(0)).task == left.task_arn
    assert len(world.asked) == 1


def test_a_task_of_another_release_or_definition_is_not_mistaken_for_this_one(world: World) -> None:
    other = dataclasses.replace(world.request, digest="sha256:" + "d" * 64)
    again = dataclasses.replace(world.request, task_definition=world.request.task_definition + "0")
    assert len({world.request.started_by, other.started_by, again.started_by}) == 3


def test_a_task_that_ecs_does_not_know_yet_is_waited_for(world: World) -> None:
    arn = f"arn:aws:ecs:{REGION}:123456789012:task/rag-test/1"
    done = {"taskArn": arn, "lastStatus": "STOPPED", "containers": [{"name": "migrate", "exitCode": 0}]}
    with Stubber(world.ecs) as stub:
        stub.add_response("list_tasks", {"taskArns": []})
        stub.add_response("run_task", {"tasks": [{"taskArn": arn}], "failures": []})
        stub.add_response("describe_tasks", {"tasks": [], "failures": [{"arn": arn, "reason": "MISSING"}]})
        stub.add_response("describe_tasks", {"tasks": [done], "failures": []})
        assert run_to_end(world.ecs, world.logs, world.request, wait=lambda _: None).task == arn


def test_the_guard_is_held_from_the_start_until_the_task_has_stopped(world: World) -> None:
    held: list[str] = []

    @contextlib.contextmanager
    def guard(task: str) -> Generator[None]:
        held.append(f"enters {task}")
        yield
        held.append(f"leaves {world.tasks()[0].last_status}")

    run_to_end(world.ecs, world.logs, world.request, guard=guard, wait=lambda _: stopped(0)(world.tasks()[0]))
    assert held == [f"enters {world.tasks()[0].task_arn}", "leaves STOPPED"]
