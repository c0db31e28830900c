"""The autoscaler: as many replicas as keep the processors of their pods at 60 %, within bounds."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.autoscaling import v2 as autoscaling

from components.kubernetes.handles import Place
from components.kubernetes.labels import SERVICE, metadata

CPU_PERCENT = 60
"""Of what the containers are promised; the rest is room until another replica is ready."""
UP_SECONDS, DOWN_SECONDS = 30, 300
"""How long a higher or a lower need must last. Going down is slow, so that a pause is not taken for the end."""
STEP_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """`deployment` is the name of what is scaled between `least` and `most` replicas."""

    place: Place
    deployment: pulumi.Input[str]
    least: int
    most: int


class Autoscaler(pulumi.ComponentResource):
    """A HorizontalPodAutoscaler; it owns the Deployment's `replicas`."""

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Autoscaler", name, None, opts)
        autoscaling.HorizontalPodAutoscaler(
            f"{name}-scaler",
            metadata=metadata(args.place, SERVICE, args.place.name),
            spec=autoscaling.HorizontalPodAutoscalerSpecArgs(
                scale_target_ref=autoscaling.CrossVersionObjectReferenceArgs(
                    api_version="apps/v1", kind="Deployment", name=args.deployment
                ),
                min_replicas=args.least,
                max_replicas=args.most,
                metrics=[
                    autoscaling.MetricSpecArgs(
                        type="Resource",
                        resource=autoscaling.ResourceMetricSourceArgs(
                            name="cpu",
                            target=autoscaling.MetricTargetArgs(type="Utilization", average_utilization=CPU_PERCENT),
                        ),
                    )
                ],
                behavior=autoscaling.HorizontalPodAutoscalerBehaviorArgs(
                    scale_up=_rules(UP_SECONDS, "Percent", 100), scale_down=_rules(DOWN_SECONDS, "Pods", 1)
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"least": args.least, "most": args.most})


def _rules(stabilization: int, kind: str, value: int) -> autoscaling.HPAScalingRulesArgs:
    return autoscaling.HPAScalingRulesArgs(
        stabilization_window_seconds=stabilization,
        select_policy="Max",
        policies=[autoscaling.HPAScalingPolicyArgs(type=kind, value=value, period_seconds=STEP_SECONDS)],
    )
