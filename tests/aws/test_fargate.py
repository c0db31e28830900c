"""One task on Fargate, state by state: against moto's ECS through boto3, with each state set by hand."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ecs.models import ecs_backends
from moto.moto_api import state_manager

from components.aws import fargate
from components.aws.fargate import Outcome, TaskRequest, clients, log_tail, run_to_end, without_credentials
from components.contracts import DeploymentError
from tests.contracts.cases.shared import DIGEST
from tests.judges.botocore_shapes import findings

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_logs import CloudWatchLogsClient

pytestmark = pytest.mark.unit

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
            stream = self.request.stream(task.task_arn)
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
        ecs, logs = clients(REGION, None)
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


REGISTRY = "api error: dial tcp 10.0.0.1:443: i/o timeout"


@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        (f"CannotPullContainerError: failed to resolve ref {REGISTRY}", "no way to the registry or to the secrets"),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
            "failed: unable to retrieve secret from asm: service call has been retried 5 time(s): RequestCanceled",
            "no way to the registry or to the secrets",
        ),
        (
            "CannotPullContainerError: failed to resolve ref registry.example.com/rag@sha256:c: not found",
            "its image is not in the registry",
        ),
        (
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/arm64'",
            "the image was not built for the task's processor",
        ),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: "
            "AccessDeniedException: not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:x",
            "one of its secrets could not be read",
        ),
        (
            "ResourceInitializationError: unable to retrieve secret from asm: ResourceNotFoundException: Secrets "
            "Manager can't find the specified secret value for staging label: AWSCURRENT",
            "one of its secrets could not be read",
        ),
        (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): 403 Forbidden",
            "its image could not be fetched",
        ),
        (
            "ResourceInitializationError: failed to validate logger args: create log stream has been retried 1 time(s)",
            "its log could not be opened",
        ),
        ("Capacity is unavailable at this time. Please try again later", "AWS has no room for it at the moment"),
        ("Timeout waiting for network interface provisioning to complete.", "no way to the registry"),
        ("something that nobody has seen before", "AWS says: something that nobody has seen before"),
    ],
)
def test_a_task_that_never_ran_is_told_apart_by_its_reason(world: World, reason: str, meaning: str) -> None:
    said = world.fails(is_at("PENDING"), stopped(None, stop="TaskFailedToStart", reason=reason))
    assert "never ran (TaskFailedToStart): " in said
    assert meaning in said
    assert f"AWS says: {reason}" in said
    others = {means for _, means, _ in fargate.REMEDIES if means not in meaning and meaning not in means}
    assert not [one for one in others if one in said]


def test_the_reason_of_the_container_counts_where_the_task_gives_none(world: World) -> None:
    said = world.fails(stopped(None, stop="TaskFailedToStart", container="CannotPullContainerError: manifest unknown"))
    assert "its image is not in the registry; push it again" in said


def test_too_little_memory_is_told_apart_from_a_failed_migration(world: World) -> None:
    said = world.fails(stopped(137, container="OutOfMemoryError: Container killed due to memory usage"))
    assert "needed more memory than it has" in said
    assert "exit code" not in said


def test_a_task_that_somebody_stopped_did_not_fail_by_itself(world: World) -> None:
    said = world.fails(stopped(143, stop="UserInitiated", reason="by hand"))
    assert "was stopped by somebody (by hand)" in said


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


@pytest.mark.parametrize("action", ["list_tasks", "run_task", "describe_tasks"])
def test_what_aws_refuses_is_an_error_for_people_that_names_the_permission(world: World, action: str) -> None:
    answers: Sequence[tuple[str, Mapping[str, Any]]] = [
        ("list_tasks", {"taskArns": []}),
        ("run_task", {"tasks": [{"taskArn": "arn:task/1"}], "failures": []}),
        ("describe_tasks", {"tasks": [], "failures": []}),
    ]
    with Stubber(world.ecs) as stub:
        for name, answer in answers:
            if name == action:
                stub.add_client_error(name, "AccessDeniedException", "is not authorized", http_status_code=400)
                break
            stub.add_response(name, dict(answer))
        stub.add_response("stop_task", {"task": {}})
        said = world.fails()
    permission = "ecs:" + "".join(word.capitalize() for word in action.split("_"))
    assert said.startswith(f"AWS refused {permission} (AccessDeniedException: is not authorized)")


def test_the_guard_is_held_from_the_start_until_the_task_has_stopped(world: World) -> None:
    held: list[str] = []

    @contextlib.contextmanager
    def guard(task: str) -> Generator[None]:
        held.append(f"enters {task}")
        yield
        held.append(f"leaves {world.tasks()[0].last_status}")

    run_to_end(world.ecs, world.logs, world.request, guard=guard, wait=lambda _: stopped(0)(world.tasks()[0]))
    assert held == [f"enters {world.tasks()[0].task_arn}", "leaves STOPPED"]


def test_a_log_that_is_shown_late_is_read_until_two_readings_agree(world: World) -> None:
    outcome = world.run(stopped(0), world.wrote("one"), world.wrote("two"))
    assert list(outcome.log) == ["one", "two"]


def test_a_log_that_never_comes_is_waited_for_only_so_long(world: World) -> None:
    waits: list[float] = []
    assert log_tail(world.logs, GROUP, "migrate/migrate/none", wait=waits.append) == []
    assert sum(waits) <= 30


def test_only_the_end_of_a_long_log_is_shown(world: World) -> None:
    said = world.fails(world.wrote(*[f"line {number}" for number in range(100)]), stopped(1))
    assert "  line 99" in said
    assert "  line 69\n" not in said


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql+psycopg://u:p%40ss@h/d?sslmode=verify-full", "postgresql+psycopg://***@h/d?sslmode=verify-full"),
        (f"key={API_KEY}.", "key=***."),
        ("https://example.com/a@b", "https://example.com/a@b"),
        ("rag_short_key", "rag_short_key"),
    ],
)
def test_what_looks_like_a_credential_is_taken_out_and_nothing_else(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_a_client_has_a_region_of_its_own_and_repeats_what_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for client in clients(REGION, None):
        assert client.meta.region_name == REGION
        retries = cast(Any, client.meta.config).retries
        assert (retries["mode"], retries["total_max_attempts"]) == ("standard", 8)
