"""How many tasks run: by their processors and by how many requests each one gets, within the bounds.

AWS watches both every minute and acts after three minutes above a target, once; the cooldown is what it waits before
it adds more. It removes tasks only when both say so, and slowly.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.alarms import BALANCER
from components.aws.handles import EcsServiceHandle, LoadBalancerHandle, TargetGroup

Tracking = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgsDict
Query = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationMetricArgsDict
"""AWS nests these five deep, so they are dictionaries, which the type checker holds to their keys as well."""

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

    With two target groups (canary, blue/green) the predefined metric would count the requests of one that is empty
    after every other release. Then those of both are added up: while a release moves between them each has as many
    tasks as one alone needs for all requests, and the sum stays what it was.
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
        processors = _tracking(args.cpu)
        processors["predefined_metric_specification"] = {"predefined_metric_type": "ECSServiceAverageCPUUtilization"}
        self._keep(f"{name}-cpu", target, processors)
        self._keep(f"{name}-requests", target, _requests(args))
        self.resource = target.resource_id
        self.register_outputs({"resource": self.resource})

    def _keep(self, logical: str, target: aws.appautoscaling.Target, tracking: Tracking) -> None:
        aws.appautoscaling.Policy(
            logical,
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration=tracking,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _tracking(value: int) -> Tracking:
    return {"target_value": value, "scale_out_cooldown": SCALE_OUT_SECONDS, "scale_in_cooldown": SCALE_IN_SECONDS}


def _requests(args: AutoscalerArgs) -> Tracking:
    balancer, tracking = args.load_balancer, _tracking(args.requests_per_target)
    if balancer.alternate is None:
        tracking["predefined_metric_specification"] = {
            "predefined_metric_type": "ALBRequestCountPerTarget",
            "resource_label": pulumi.Output.concat(balancer.suffix, "/", balancer.primary.suffix),
        }
    else:
        groups = {"primary": balancer.primary, "alternate": balancer.alternate}
        tracking["customized_metric_specification"] = {"metrics": _added_up(balancer.suffix, groups)}
    return tracking


def _added_up(balancer: pulumi.Output[str], groups: Mapping[str, TargetGroup]) -> list[Query]:
    """The requests per target of all groups together. A group without requests has no number, and counts as none."""
    queries: list[Query] = [
        {
            "id": name,
            "return_data": False,
            "metric_stat": {
                # It is an average over the targets, which CloudWatch finds under this name and no other.
                "stat": "Sum",
                "metric": {
                    "namespace": BALANCER,
                    "metric_name": "RequestCountPerTarget",
                    "dimensions": [
                        {"name": "LoadBalancer", "value": balancer},
                        {"name": "TargetGroup", "value": group.suffix},
                    ],
                },
            },
        }
        for name, group in groups.items()
    ]
    total = " + ".join(f"FILL({name}, 0)" for name in groups)
    return [*queries, {"id": "requests", "expression": total, "label": "requests per target", "return_data": True}]
