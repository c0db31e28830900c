"""How many tasks run: by their processors and by how many requests each one gets, within the bounds.

AWS watches both every minute and acts after three minutes above a target, once; the cooldown is what it waits before
it adds more. It removes tasks only when both say so, and slowly.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.handles import EcsServiceHandle, LoadBalancerHandle

SCALE_OUT_SECONDS, SCALE_IN_SECONDS = 60, 300
NAMESPACE, DIMENSION = "ecs", "ecs:service:DesiredCount"


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """`min` and `max` are numbers of tasks; the connection budget was counted for `max` of them.

    `cpu` is the percentage to keep to, `requests_per_target` the requests a minute and task.
    """

    service: EcsServiceHandle
    load_balancer: LoadBalancerHandle
    min: int
    max: int
    cpu: int = 60
    requests_per_target: int


class Autoscaler(pulumi.ComponentResource):
    """Owns the service's number of tasks; the service itself ignores changes of it.

    With two target groups (canary, blue/green) tasks follow the processors alone: AWS counts requests per target for
    one group that is named here, and does not support that where releases move between two.
    """

    resource: pulumi.Output[str]

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Autoscaler", name, None, opts)
        target = aws.appautoscaling.Target(
            f"{name}-tasks",
            service_namespace=NAMESPACE,
            scalable_dimension=DIMENSION,
            resource_id=pulumi.Output.concat("service/", args.service.cluster_name, "/", args.service.service_name),
            min_capacity=args.min,
            max_capacity=args.max,
            opts=pulumi.ResourceOptions(parent=self),
        )
        processors = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
            predefined_metric_type="ECSServiceAverageCPUUtilization"
        )
        _keep(f"{name}-cpu", target, processors, args.cpu, self)
        balancer = args.load_balancer
        if balancer.alternate is None:
            requests = (
                aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                    predefined_metric_type="ALBRequestCountPerTarget",
                    resource_label=pulumi.Output.concat(balancer.suffix, "/", balancer.primary.suffix),
                )
            )
            _keep(f"{name}-requests", target, requests, args.requests_per_target, self)
        self.resource = target.resource_id
        self.register_outputs({"resource": self.resource})


def _keep(
    logical: str,
    target: aws.appautoscaling.Target,
    metric: aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs,
    value: int,
    parent: pulumi.Resource,
) -> None:
    aws.appautoscaling.Policy(
        logical,
        policy_type="TargetTrackingScaling",
        service_namespace=target.service_namespace,
        scalable_dimension=target.scalable_dimension,
        resource_id=target.resource_id,
        target_tracking_scaling_policy_configuration=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
            predefined_metric_specification=metric,
            target_value=value,
            scale_out_cooldown=SCALE_OUT_SECONDS,
            scale_in_cooldown=SCALE_IN_SECONDS,
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
