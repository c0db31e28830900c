"""The handles that pass between the components of AWS, in the order in which they come to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class NetworkHandle:
    """Where things run: the load balancer in public subnets, tasks and database in private ones.

    Without NAT, tasks run in the public subnets with public addresses (`assign_public_ip`), and their security group
    still lets in nothing but the load balancer.
    """

    vpc_id: pulumi.Input[str]
    public_subnets: Sequence[pulumi.Input[str]]
    task_subnets: Sequence[pulumi.Input[str]]
    database_subnets: Sequence[pulumi.Input[str]]
    load_balancer_group: pulumi.Input[str]
    service_group: pulumi.Input[str]
    database_group: pulumi.Input[str]
    assign_public_ip: bool


@dataclass(frozen=True, kw_only=True)
class ClusterHandle:
    """The ECS cluster, and for each process (`web`, `worker`, `migrate`) the log group that exists before it runs."""

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    log_groups: Mapping[str, pulumi.Output[str]]


@dataclass(frozen=True, kw_only=True)
class TargetGroup:
    """Where the load balancer finds the tasks; the suffix names it in CloudWatch."""

    arn: pulumi.Output[str]
    suffix: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class LoadBalancerHandle:
    """The public address. `alternate` and `rule` exist for canary and blue/green releases only.

    `listener` is what the service must wait for: ECS refuses a target group that no listener uses, and a change that
    would lead users into an empty one ends there.
    """

    url: pulumi.Input[str]
    suffix: pulumi.Output[str]
    primary: TargetGroup
    alternate: TargetGroup | None
    rule: pulumi.Output[str] | None
    listener: pulumi.Resource


@dataclass(frozen=True, kw_only=True)
class EcsServiceHandle:
    """The ECS service, as the autoscaler, the alarms and the rollout need it."""

    cluster_name: pulumi.Output[str]
    service_name: pulumi.Output[str]
    arn: pulumi.Output[str]
