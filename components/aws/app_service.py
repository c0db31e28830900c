"""The service on ECS Fargate behind the load balancer: web and worker in one task, replaced without a lost request.

ECS goes back to the old release by itself: when the new tasks do not get healthy (circuit breaker), when an alarm
goes off, and at the latest when the release's time is over. It is the rollout check that makes the update fail then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ecs

from components.aws.fargate import PLATFORM_VERSION
from components.aws.followed_rollout import FollowedRollout, FollowedRolloutArgs
from components.aws.handles import EcsServiceHandle, LoadBalancerHandle
from components.aws.release_task import DefinedTask, ReleaseTask, define_task
from components.aws.task import ContainerHealth, service_containers
from components.aws.traffic import NATIVE, Strategy, Traffic, TrafficArgs, traffic
from components.contracts import ServiceHandle

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
    """`alarms` are the names of the alarms that make ECS go back.

    `replicas` is how many tasks run at first; after that the autoscaler decides. For canary and blue/green the load
    balancer needs a second target group and a rule: `canary_percent` of the requests see a canary for `bake_minutes`,
    and the old tasks stay that long once all do.
    """

    task: ReleaseTask
    load_balancer: LoadBalancerHandle
    alarms: Sequence[pulumi.Input[str]]
    replicas: int
    times: ServiceTimes
    health: ContainerHealth
    strategy: Strategy
    bake_minutes: int
    canary_percent: float


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
        defined = _define(name, args, self)
        definition = defined.definition.arn
        shifted = _traffic(name, args, child)
        service = _service(name, args, definition, shifted, self)
        rollout = FollowedRollout(f"{name}-rollout", args=_followed(args, service, definition, shifted), opts=child)
        self.handle = ServiceHandle(
            url=args.load_balancer.url,
            serving=rollout.serving,
            evidence=rollout.evidence,
            rollout=rollout.deployment,
        )
        self.native = EcsServiceHandle(cluster_name=args.task.cluster.name, service_name=service.name, arn=service.arn)
        self.task_definition_arn = definition
        balancer = {} if shifted.role is None else {f"{_family(args)}-balancer": shifted.role}
        self.roles = {**defined.roles, **balancer}
        self.register_outputs({"url": args.load_balancer.url, "serving": rollout.serving})


def _family(args: AppServiceArgs) -> str:
    return f"{args.task.prefix}-service"


def _define(name: str, args: AppServiceArgs, parent: pulumi.Resource) -> DefinedTask:
    workload = args.task.workload
    return define_task(
        name,
        args.task,
        family=_family(args),
        processes=[workload.web, workload.worker],
        containers=service_containers(
            args.task.spec(stop_seconds=args.times.stop), health=args.health, startup_seconds=args.times.startup
        ),
        # ECS cannot go back to a revision that is no longer registered. One that is kept costs nothing.
        keep=True,
        parent=parent,
    )


def _traffic(name: str, args: AppServiceArgs, opts: pulumi.ResourceOptions) -> Traffic:
    taken = TrafficArgs(
        balancer=args.load_balancer,
        service=_family(args),
        container=args.task.workload.web.name,
        port=args.task.workload.port,
        strategy=args.strategy,
        bake_minutes=args.bake_minutes,
        canary_percent=args.canary_percent,
        boundary=args.task.boundary,
    )
    return traffic(name, taken, opts)


def _service(
    name: str, args: AppServiceArgs, definition: pulumi.Output[str], taken: Traffic, parent: pulumi.Resource
) -> ecs.Service:
    network = args.task.network
    return ecs.Service(
        f"{name}-service",
        name=_family(args),
        cluster=args.task.cluster.arn,
        task_definition=definition,
        launch_type="FARGATE",
        platform_version=PLATFORM_VERSION,
        desired_count=args.replicas,
        network_configuration=ecs.ServiceNetworkConfigurationArgs(
            subnets=list(network.task_subnets),
            security_groups=[network.service_group],
            assign_public_ip=network.assign_public_ip,
        ),
        load_balancers=[taken.load_balancer],
        health_check_grace_period_seconds=args.times.startup,
        # As many old tasks leave as new ones have become healthy, and not one before that.
        deployment_minimum_healthy_percent=100,
        deployment_maximum_percent=200,
        deployment_configuration=taken.configuration,
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
            depends_on=[args.load_balancer.listener, *taken.first],
            # The autoscaler's.
            ignore_changes=["desiredCount"],
        ),
    )


def _followed(
    args: AppServiceArgs, service: ecs.Service, definition: pulumi.Output[str], taken: Traffic
) -> FollowedRolloutArgs:
    web, worker = args.task.workload.web.name, args.task.workload.worker.name
    return FollowedRolloutArgs(
        region=args.task.region,
        cluster=args.task.cluster.arn,
        service=service.arn,
        digest=args.task.release.digest,
        revision={
            "task_definition": definition,
            "subnets": list(args.task.network.task_subnets),
            "groups": [args.task.network.service_group],
            "public_address": args.task.network.assign_public_ip,
            "container": web,
            "port": args.task.workload.port,
            "primary": args.load_balancer.primary.arn,
            **taken.shifting,
        },
        strategy=NATIVE[args.strategy],
        worker=worker,
        log_groups={process: args.task.cluster.log_groups[process] for process in (web, worker)},
        seconds=args.times.rollout + SLACK_SECONDS,
        back_seconds=args.times.rollback,
    )
