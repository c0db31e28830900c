"""Refuses a change that would lead users to a target group in which nothing runs, before anything is touched.

With two target groups ECS moves users from one to the other, and Pulumi's state never says in which they are. A
change that leaves the first one only, or that makes another listener rule (which begins with the first one), is safe
only while they are there. So the load balancer itself is asked, and only when such a change is about to be made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from botocore.exceptions import ClientError
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.aws.ecs_api import asking, balancing_client
from components.contracts import DeploymentError
from components.dynamic import plain_errors

if TYPE_CHECKING:
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_elbv2.type_defs import DescribeRulesOutputTypeDef

KEYS = ("listener", "primary", "alternate")
GONE = frozenset({"ListenerNotFound", "ListenerNotFoundException"})


def leads_elsewhere(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str:
    """What a change of the way would do, in words; empty where users stay wherever they are."""
    if not olds.get("alternate") or all(olds.get(key) == news[key] for key in KEYS):
        return ""
    if not news["alternate"]:
        return "rollout.strategy rolling leaves only the first one"
    if olds.get("listener") != news["listener"]:
        return "aws.domain makes another listener, whose rule begins with the first one"
    return "the groups are made anew, and users begin in the first one"


def users_in(client: ElasticLoadBalancingv2Client, *, listener: str, group: str) -> int:
    """How much of the traffic a listener's rules send to a target group (ARNs), as ELB weighs it; 0 for none."""
    with asking("elasticloadbalancing:DescribeRules"):
        try:
            answer = client.describe_rules(ListenerArn=listener)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in GONE:
                raise
            # Removed behind our back: nobody comes that way.
            return 0
    return sum(weight for arn, weight in _targets(answer) if arn == group)


def _targets(answer: DescribeRulesOutputTypeDef) -> Iterator[tuple[str, int]]:
    """The target groups that the rules name, with their weights."""
    for rule in answer["Rules"]:
        for action in rule.get("Actions", ()):
            for target in action.get("ForwardConfig", {}).get("TargetGroups", ()):
                yield target.get("TargetGroupArn", ""), target.get("Weight", 1)


def require_first_group(client: ElasticLoadBalancingv2Client, olds: Mapping[str, Any], news: Mapping[str, Any]) -> None:
    """Raises DeploymentError for a change that would take the service down as long as the second group serves."""
    what = leads_elsewhere(olds, news)
    if what and users_in(client, listener=olds["listener"], group=olds["alternate"]):
        raise DeploymentError(
            f"this change would take the service down: users are in the second target group, and {what}, in which "
            "nothing runs. Nothing was changed. Set the key back, and have ECS deploy once more, which moves users to "
            f"the first group: with another release, or the same one by `{news['again']}`. Change it when that "
            "deployment has ended"
        )


class _TrafficGuardProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="traffic", outs=props)

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Asked here, so that a preview refuses it too; where nothing of the way changes, nothing is asked."""
        if leads_elsewhere(_olds, _news):
            require_first_group(balancing_client(_olds["region"]), _olds, _news)
        return DiffResult(changes=any(_olds.get(key) != _news[key] for key in (*KEYS, "region", "again")))

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_news)


@dataclass(frozen=True, kw_only=True)
class TrafficGuardArgs:
    """The way that users take: ARNs of the listener and its groups; `alternate` is None where there is one group.

    `again` is the command that makes ECS deploy the same release once more.
    """

    region: str
    listener: pulumi.Input[str]
    primary: pulumi.Input[str]
    alternate: pulumi.Input[str] | None
    again: str


class TrafficGuard(Resource, module="aws", name="TrafficGuard"):
    """The way as it was last deployed. What would change it must come after this."""

    def __init__(self, name: str, *, args: TrafficGuardArgs, opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {
            "region": args.region,
            "listener": args.listener,
            "primary": args.primary,
            "alternate": "" if args.alternate is None else args.alternate,
            "again": args.again,
        }
        super().__init__(_TrafficGuardProvider(), name, props, opts)
