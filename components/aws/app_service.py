"""The service on ECS Fargate behind the load balancer: web and worker in one task, replaced without a lost request.

ECS goes back to the old release by itself: when the new tasks do not get healthy (circuit breaker), when an alarm
goes off, and at the latest when the release's time is over. It is the rollout check that makes the update fail then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ecs

from components.aws.fargate import PLATFORM_VERSION
from components.aws.followed_rollout import FollowedRollout, FollowedRolloutArgs
from components.aws.handles import ClusterHandle, EcsServiceHandle, LoadBalancerHandle, NetworkHandle
from components.aws.roles import TaskRoleArgs, TaskRoles, balancer_role, task_roles
from components.aws.task import (
    Architecture,
    ContainerHealth,
    Registration,
    TaskSize,
    TaskSpec,
    register,
    scratch,
    service_containers,
)
from components.contracts import DeploymentError, ReleaseHandle, SecretReferences, ServiceHandle
from components.workload import WorkloadSpec

Strategy = Literal["rolling", "canary", "blue-green"]
NATIVE: Mapping[Strategy, str] = {"rolling": "ROLLING", "canary": "CANARY", "blue-green": "BLUE_GREEN"}
SLACK_SECONDS = 120
"""What ECS is granted beyond that before it is told to go back: it decides in steps, and a good release is not undone
because one of them came late."""


@dataclass(frozen=True, kw_only=True)
class ServiceTimes:
    """Seconds, as the stack's arithmetic has them.

    `startup` is what a new task is given to become ready once its image is there, `stop` what lies between SIGTERM and
    SIGKILL, `rollout` the slowest release that still succeeds, watching it included, `rollback` the way back.
    """

    startup: int
    stop: int
    rollout: int
    rollback: int


@dataclass(frozen=True, kw_only=True)
class AppServiceArgs:
    """Of `references` each process is handed those that it names; `kms_key` (ARN) is what they are encrypted with.

    `alarms` are the names of the alarms that make ECS go back. `replicas` is how many tasks run at first; after that
    the autoscaler decides. For canary and blue/green the load balancer needs a second target group and a rule:
    `canary_percent` of the requests see a canary for `bake_minutes`, and the old tasks stay that long once all do.
    """

    prefix: str
    workload: WorkloadSpec
    release: ReleaseHandle
    references: SecretReferences
    kms_key: pulumi.Input[str] | None
    network: NetworkHandle
    cluster: ClusterHandle
    load_balancer: LoadBalancerHandle
    alarms: Sequence[pulumi.Input[str]]
    size: TaskSize
    architecture: Architecture
    replicas: int
    times: ServiceTimes
    health: ContainerHealth
    strategy: Strategy
    bake_minutes: int
    canary_percent: float
    region: str
    account_id: pulumi.Input[str]
    profile: str | None = None
    boundary: str | None = None


class AppService(pulumi.ComponentResource):
    """The running service: `handle` says what it serves, `native` is for the autoscaler and the alarms.

    `roles` are the ARNs, by name, of the roles that whoever deploys must be allowed to hand to ECS.
    """

    handle: ServiceHandle
    native: EcsServiceHandle
    task_definition_arn: pulumi.Output[str]
    roles: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: AppServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:AppService", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        roles = _roles(name, args, child)
        definition = _definition(name, args, roles, self)
        shifted = _traffic(name, args, child)
        service = _service(name, args, definition.arn, shifted, self)
        rollout = FollowedRollout(f"{name}-rollout", args=_followed(args, service, definition), opts=child)
        self.handle = ServiceHandle(url=args.load_balancer.url, serving=rollout.serving, evidence=rollout.evidence)
        self.native = EcsServiceHandle(cluster_name=args.cluster.name, service_name=service.name, arn=service.arn)
        self.task_definition_arn = definition.arn
        self.roles = {
            f"{_family(args)}-execution": roles.execution,
            f"{_family(args)}-task": roles.task,
            **({f"{_family(args)}-balancer": shifted.role} if shifted.role is not None else {}),
        }
        self.register_outputs({"url": args.load_balancer.url, "serving": rollout.serving})


def _family(args: AppServiceArgs) -> str:
    return f"{args.prefix}-service"


def _roles(name: str, args: AppServiceArgs, opts: pulumi.ResourceOptions) -> TaskRoles:
    made = TaskRoleArgs(
        task=_family(args),
        image=args.release.location,
        processes=[args.workload.web, args.workload.worker],
        references=args.references,
        kms_key=args.kms_key,
        log_groups=args.cluster.log_groups,
        region=args.region,
        account=args.account_id,
        boundary=args.boundary,
    )
    return task_roles(name, made, opts)


def _definition(name: str, args: AppServiceArgs, roles: TaskRoles, parent: pulumi.Resource) -> ecs.TaskDefinition:
    workload = args.workload
    spec = TaskSpec(
        workload=workload,
        release=args.release,
        references=args.references,
        log_groups=args.cluster.log_groups,
        region=args.region,
        size=args.size,
        stop_seconds=args.times.stop,
    )
    registration = Registration(
        family=_family(args),
        architecture=args.architecture,
        size=args.size,
        execution_role=roles.execution,
        task_role=roles.task,
        volumes=[*scratch(workload, workload.web), *scratch(workload, workload.worker)],
        # ECS cannot go back to a revision that is no longer registered. One that is kept costs nothing.
        keep=True,
    )
    return register(
        f"{name}-definition",
        service_containers(spec, health=args.health, startup_seconds=args.times.startup),
        registration,
        pulumi.ResourceOptions(parent=parent, depends_on=[roles.granted]),
    )


@dataclass(frozen=True, kw_only=True)
class _Traffic:
    """How a release takes traffic over: the service's target group, and what must exist before it."""

    load_balancer: ecs.ServiceLoadBalancerArgs
    configuration: ecs.ServiceDeploymentConfigurationArgs
    role: pulumi.Output[str] | None
    first: Sequence[pulumi.Resource]


def _traffic(name: str, args: AppServiceArgs, opts: pulumi.ResourceOptions) -> _Traffic:
    balancer, native = args.load_balancer, NATIVE[args.strategy]
    advanced, role, first = None, None, list[pulumi.Resource]()
    if args.strategy != "rolling":
        if balancer.alternate is None or balancer.rule is None:
            raise DeploymentError(
                f"rollout.strategy {args.strategy} moves traffic between two target groups, and the load balancer has "
                "one; nothing was deployed. Make it with two_groups, or set rollout.strategy to rolling"
            )
        made = balancer_role(name, service=_family(args), region=args.region, boundary=args.boundary, opts=opts)
        role, first = made.arn, [made.granted]
        advanced = ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
            alternate_target_group_arn=balancer.alternate.arn,
            production_listener_rule=balancer.rule,
            role_arn=made.arn,
        )
    bake = str(args.bake_minutes)
    canary = ecs.ServiceDeploymentConfigurationCanaryConfigurationArgs(
        canary_percent=args.canary_percent, canary_bake_time_in_minutes=bake
    )
    return _Traffic(
        load_balancer=ecs.ServiceLoadBalancerArgs(
            target_group_arn=balancer.primary.arn,
            container_name=args.workload.web.name,
            container_port=args.workload.port,
            advanced_configuration=advanced,
        ),
        configuration=ecs.ServiceDeploymentConfigurationArgs(
            strategy=native,
            bake_time_in_minutes=None if args.strategy == "rolling" else bake,
            canary_configuration=canary if args.strategy == "canary" else None,
        ),
        role=role,
        first=first,
    )


def _service(
    name: str, args: AppServiceArgs, definition: pulumi.Output[str], traffic: _Traffic, parent: pulumi.Resource
) -> ecs.Service:
    network = args.network
    return ecs.Service(
        f"{name}-service",
        name=_family(args),
        cluster=args.cluster.arn,
        task_definition=definition,
        launch_type="FARGATE",
        platform_version=PLATFORM_VERSION,
        desired_count=args.replicas,
        network_configuration=ecs.ServiceNetworkConfigurationArgs(
            subnets=list(network.task_subnets),
            security_groups=[network.service_group],
            assign_public_ip=network.assign_public_ip,
        ),
        load_balancers=[traffic.load_balancer],
        health_check_grace_period_seconds=args.times.startup,
        # As many old tasks leave as new ones have become healthy, and not one before that.
        deployment_minimum_healthy_percent=100,
        deployment_maximum_percent=200,
        deployment_configuration=traffic.configuration,
        deployment_circuit_breaker=ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
        alarms=ecs.ServiceAlarmsArgs(alarm_names=list(args.alarms), enable=True, rollback=True)
        if args.alarms
        else None,
        availability_zone_rebalancing="ENABLED",
        enable_execute_command=False,
        enable_ecs_managed_tags=True,
        propagate_tags="SERVICE",
        force_delete=True,
        # The rollout follows the deployment itself: this would call a service steady that has gone back.
        wait_for_steady_state=False,
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[args.load_balancer.listener, *traffic.first],
            # The autoscaler's.
            ignore_changes=["desiredCount"],
        ),
    )


def _followed(args: AppServiceArgs, service: ecs.Service, definition: ecs.TaskDefinition) -> FollowedRolloutArgs:
    web, worker = args.workload.web.name, args.workload.worker.name
    return FollowedRolloutArgs(
        region=args.region,
        profile=args.profile,
        cluster=args.cluster.arn,
        service=service.arn,
        task_definition=definition.arn,
        digest=args.release.digest,
        web=web,
        worker=worker,
        log_groups={process: args.cluster.log_groups[process] for process in (web, worker)},
        seconds=args.times.rollout + SLACK_SECONDS,
        back_seconds=args.times.rollback,
    )
