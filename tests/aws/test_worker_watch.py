"""The watch over workers: which of ECS's events ring, what is said then, and that the message arrives."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi
import pytest

from components.aws.observability import Observability
from components.aws.worker_watch import EVENTS
from tests.contracts.cases.aws_b2 import ACCOUNT, CASES, PREFIX, REGION
from tests.contracts.conftest import event_loop_of_its_own as event_loop_of_its_own  # noqa: PLC0414  # why: a fixture
from tests.contracts.recorder import Recording, record

pytestmark = pytest.mark.unit

CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{PREFIX}"
RUNNING, STOPPED = "RUNNING", "STOPPED"


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(lambda: Observability("watch", cast(Any, CASES[Observability](pulumi.Output.from_input))))


def event(
    *,
    web: str = RUNNING,
    worker: str = RUNNING,
    desired: str = RUNNING,
    last: str = RUNNING,
    group: str = f"service:{PREFIX}",
    cluster: str = CLUSTER,
) -> Mapping[str, object]:
    """A change of a task's state, with the fields of AWS's own example."""
    return {
        "version": "0",
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "account": ACCOUNT,
        "detail": {
            "clusterArn": cluster,
            "taskArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{PREFIX}/0123456789abcdef",
            "group": group,
            "desiredStatus": desired,
            "lastStatus": last,
            "containers": [
                {"name": "web", "lastStatus": web},
                {"name": "worker", "lastStatus": worker, "exitCode": 1},
            ],
        },
    }


def finds(pattern: Mapping[str, Any], found: Any, *, together: bool) -> bool:
    """EventBridge's rule of matching. Whether fields of a list's objects must match in one of them (`together`) is not
    said clearly for every case, so the pattern has to mean the same both ways.
    """
    if isinstance(found, list):
        listed = cast(list[Any], found)
        if together:
            return any(finds(pattern, one, together=True) for one in listed)
        return all(any(finds({key: wanted}, one, together=False) for one in listed) for key, wanted in pattern.items())
    return all(
        found.get(key) in wanted
        if isinstance(wanted, Sequence)
        else key in found and finds(wanted, found[key], together=together)
        for key, wanted in pattern.items()
    )


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("change", "rings"),
    [
        ({"worker": STOPPED}, True),
        ({}, False),
        ({"worker": STOPPED, "desired": STOPPED}, False),
        ({"worker": STOPPED, "web": STOPPED, "desired": STOPPED, "last": "DEPROVISIONING"}, False),
        ({"worker": "PENDING", "web": "PENDING", "last": "PENDING"}, False),
        ({"worker": STOPPED, "group": "family:rag-prod-migration"}, False),
        ({"worker": STOPPED, "cluster": f"{CLUSTER}-eu"}, False),
    ],
    ids=["ended", "well", "replaced", "task ends", "starts", "migration", "another stack"],
)
def test_a_worker_that_ended_while_its_task_is_to_run_rings_and_one_of_a_task_that_leaves_does_not(
    recording: Recording, change: dict[str, str], rings: bool, together: bool
) -> None:
    pattern = json.loads(recording.one("watch-worker").inputs["eventPattern"])
    assert finds(pattern, event(**change), together=together) is rings


def test_the_message_says_what_happened_and_the_command_for_this_very_task(recording: Recording) -> None:
    target = recording.one("watch-worker-topic").inputs
    assert (target["rule"], target["arn"]) == (f"{PREFIX}-worker-ended", "<watch-topic.arn>")
    paths = target["inputTransformer"]["inputPaths"]
    said = str(json.loads(target["inputTransformer"]["inputTemplate"]))
    assert set(re.findall(r"<(\w+)>", said)) == set(paths)
    detail = cast(Mapping[str, Any], event()["detail"])
    for name, path in paths.items():
        said = said.replace(f"<{name}>", detail[path.removeprefix("$.detail.")])
    assert said.endswith(f"aws ecs stop-task --cluster {CLUSTER} --task {detail['taskArn']}")


def test_the_target_takes_no_role_because_the_topic_itself_lets_the_event_in(recording: Recording) -> None:
    assert "roleArn" not in recording.one("watch-worker-topic").inputs
    assert "watch-topic-policy" in recording.needed_by("watch-worker-topic")


def test_trap_a_condition_on_the_source_drops_every_message_of_eventbridge_in_silence(recording: Recording) -> None:
    policies = [
        json.loads(recording.one(name).inputs["policy"])["Statement"]
        for name in ("watch-topic-policy", "watch-topic-key")
    ]
    for statements in policies:
        (events,) = [one for one in statements if one["Principal"] == {"Service": EVENTS}]
        assert "Condition" not in events
    publish = next(one for one in policies[0] if one["Principal"] == {"Service": EVENTS})
    assert (publish["Action"], publish["Resource"]) == ("sns:Publish", "<watch-topic.arn>")


def test_all_names_are_ones_that_a_deployment_may_touch_and_that_aws_takes(recording: Recording) -> None:
    name = recording.one("watch-worker").inputs["name"]
    assert name.startswith(f"{PREFIX}-")
    assert len("x" * 32 + name.removeprefix(PREFIX)) <= 64
