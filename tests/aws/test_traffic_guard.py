"""The guard before a change of the way that users take: when it asks, whom, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pulumi
import pytest
from botocore.stub import Stubber

from components.aws import traffic_guard
from components.aws.ecs_api import balancing_client
from components.aws.traffic_guard import (
    _TrafficGuardProvider,  # pyright: ignore[reportPrivateUsage]  # why: its diff is what refuses
)
from components.contracts import DeploymentError

pytestmark = pytest.mark.unit

ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"
FIRST, SECOND = f"{ARN}:targetgroup/rag-primary/1", f"{ARN}:targetgroup/rag-alternate/2"
LISTENER = f"{ARN}:listener/app/rag/1/2"
WAY = {"region": "eu-central-1", "listener": LISTENER, "primary": FIRST, "alternate": SECOND, "again": "aws ecs again"}
ONE_GROUP = {"alternate": ""}
A_DOMAIN = {"listener": f"{ARN}:listener/app/rag/1/3"}


@pytest.fixture
def elb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client = balancing_client("eu-central-1")
    with Stubber(client) as stub:

        def made(region: str) -> object:
            assert region == "eu-central-1"
            return client

        monkeypatch.setattr(traffic_guard, "balancing_client", made)
        yield stub
        stub.assert_no_pending_responses()


def serves(elb: Stubber, **weights: int) -> None:
    """ELB will tell these weights of the first and the second group."""
    groups = {"first": FIRST, "second": SECOND}
    targets = [{"TargetGroupArn": groups[name], "Weight": weight} for name, weight in weights.items()]
    production = {"RuleArn": "rule", "Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": targets}}]}
    default = {"RuleArn": "default", "IsDefault": True, "Actions": [{"Type": "forward", "TargetGroupArn": FIRST}]}
    elb.add_response("describe_rules", {"Rules": [production, default]}, {"ListenerArn": LISTENER})


def diff(change: Mapping[str, object], *, before: Mapping[str, object] = WAY) -> bool:
    found = _TrafficGuardProvider().diff("traffic", dict(before), {**WAY, **change})
    assert not found.replaces
    return bool(found.changes)


def refusal(change: Mapping[str, object]) -> str:
    with pytest.raises(DeploymentError) as caught:
        diff(change)
    return str(caught.value)


def test_where_nothing_of_the_way_changes_nobody_is_asked(elb: Stubber) -> None:
    assert diff({}) is False
    assert diff({"again": "another command"}) is True


def test_one_group_becomes_two_without_a_question_because_users_are_in_the_first(elb: Stubber) -> None:
    assert diff({}, before={**WAY, **ONE_GROUP}) is True
    assert diff(A_DOMAIN | ONE_GROUP, before={**WAY, **ONE_GROUP}) is True


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (ONE_GROUP, "rollout.strategy rolling leaves only the first one"),
        (A_DOMAIN, "aws.domain makes another listener, whose rule begins with the first one"),
        ({"listener": pulumi.output.UNKNOWN}, "aws.domain makes another listener"),
        ({"primary": pulumi.output.UNKNOWN, "alternate": pulumi.output.UNKNOWN}, "the groups are made anew"),
    ],
    ids=["rolling", "domain", "domain in a preview", "groups in a preview"],
)
@pytest.mark.parametrize("weights", [(0, 100), (90, 10)], ids=["all", "a canary"])
def test_a_change_is_refused_while_users_are_in_the_second_group(
    elb: Stubber, change: Mapping[str, object], said: str, weights: tuple[int, int]
) -> None:
    serves(elb, first=weights[0], second=weights[1])
    message = refusal(change)
    assert message.startswith("this change would take the service down: users are in the second target group, and ")
    assert said in message
    assert "Nothing was changed" in message
    assert "`aws ecs again`" in message


@pytest.mark.parametrize("change", [ONE_GROUP, A_DOMAIN], ids=["rolling", "domain"])
def test_a_change_is_accepted_while_users_are_in_the_first_group(elb: Stubber, change: Mapping[str, object]) -> None:
    serves(elb, first=100, second=0)
    assert diff(change) is True


def test_a_listener_that_somebody_removed_leads_nobody_anywhere(elb: Stubber) -> None:
    elb.add_client_error("describe_rules", "ListenerNotFound", "no such listener")
    assert diff(ONE_GROUP) is True


def test_what_elb_refuses_to_tell_is_an_error_and_never_taken_for_safe(elb: Stubber) -> None:
    elb.add_client_error("describe_rules", "AccessDenied", "is not authorized")
    assert refusal(ONE_GROUP).startswith("AWS refused elasticloadbalancing:DescribeRules (AccessDenied")
