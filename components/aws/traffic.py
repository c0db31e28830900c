"""How a release takes traffic over: within one target group, or from one to the other, where ECS moves users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ecs

from components.aws.handles import LoadBalancerHandle
from components.aws.roles import balancer_role
from components.contracts import DeploymentError

Strategy = Literal["rolling", "canary", "blue-green"]
NATIVE: Mapping[Strategy, str] = {"rolling": "ROLLING", "canary": "CANARY", "blue-green": "BLUE_GREEN"}


@dataclass(frozen=True, kw_only=True)
class TrafficArgs:
    """`container` and its `port` get the requests; `service` names the ECS service, whose role moves users."""

    balancer: LoadBalancerHandle
    service: str
    container: str
    port: int
    strategy: Strategy
    bake_minutes: int
    canary_percent: float
    boundary: pulumi.Input[str] | None


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """The service's way from the load balancer, and what must exist before it.

    `shifting` is what moves users between two groups (`alternate`, `rule`, `role`), all empty where there is one;
    `role` is the last of them, if it is there.
    """

    load_balancer: ecs.ServiceLoadBalancerArgs
    configuration: ecs.ServiceDeploymentConfigurationArgs
    shifting: Mapping[str, pulumi.Input[str]]
    role: pulumi.Output[str] | None
    first: Sequence[pulumi.Resource]


def traffic(name: str, args: TrafficArgs, opts: pulumi.ResourceOptions) -> Traffic:
    """Makes the role by which ECS moves users; raises DeploymentError when there are no two groups to move between."""
    configuration = _configuration(args)
    if args.strategy == "rolling":
        shifting = {"alternate": "", "rule": "", "role": ""}
        way = _way(args, None)
        return Traffic(load_balancer=way, configuration=configuration, shifting=shifting, role=None, first=[])
    alternate, rule = args.balancer.alternate, args.balancer.rule
    if alternate is None or rule is None:
        raise DeploymentError(
            f"rollout.strategy {args.strategy} moves traffic between two target groups, and the load balancer has "
            "one; nothing was deployed. Make it with two_groups, or set rollout.strategy to rolling"
        )
    made = balancer_role(name, service=args.service, boundary=args.boundary, opts=opts)
    advanced = ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
        alternate_target_group_arn=alternate.arn, production_listener_rule=rule, role_arn=made.arn
    )
    return Traffic(
        load_balancer=_way(args, advanced),
        configuration=configuration,
        shifting={"alternate": alternate.arn, "rule": rule, "role": made.arn},
        role=made.arn,
        first=[made.granted],
    )


def _way(
    args: TrafficArgs, advanced: ecs.ServiceLoadBalancerAdvancedConfigurationArgs | None
) -> ecs.ServiceLoadBalancerArgs:
    return ecs.ServiceLoadBalancerArgs(
        target_group_arn=args.balancer.primary.arn,
        container_name=args.container,
        container_port=args.port,
        advanced_configuration=advanced,
    )


def _configuration(args: TrafficArgs) -> ecs.ServiceDeploymentConfigurationArgs:
    bake = str(args.bake_minutes)
    canary = ecs.ServiceDeploymentConfigurationCanaryConfigurationArgs(
        canary_percent=args.canary_percent, canary_bake_time_in_minutes=bake
    )
    return ecs.ServiceDeploymentConfigurationArgs(
        strategy=NATIVE[args.strategy],
        bake_time_in_minutes=None if args.strategy == "rolling" else bake,
        canary_configuration=canary if args.strategy == "canary" else None,
    )
