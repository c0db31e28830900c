"""What tells people that something is wrong, and ECS that a release is: alarms, whom they ring, and a dashboard.

All of it exists before the service: ECS wants the alarms that judge a release by name when the service is created.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.aws.alarms import Alarm, Limits, Metric, Of, alarms
from components.aws.dashboard import dashboard, dashboard_url
from components.aws.handles import LoadBalancerHandle
from components.aws.key_policy import key_policy
from components.aws.worker_watch import EVENTS, watch_worker, worker_ended

RESULT = "result"
"""What an alarm's expression is called among its metrics."""
KEY_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class ObservabilityArgs:
    """`prefix` begins every name. `database` is the instance's identifier; `cluster_name` and `service_name` are the
    names that the service will have.

    `latency_seconds` is what the slowest of a hundred requests may take, an upload's own time included;
    `startup_seconds` what a new task may take to become ready. `email` is whom alarms are sent to, after the person
    there has confirmed it once; None where nobody, or something else that subscribes to the topic, is to be told.
    """

    prefix: str
    region: str
    account: pulumi.Input[str]
    load_balancer: LoadBalancerHandle
    database: pulumi.Input[str]
    max_connections: int
    storage_gb: int
    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    latency_seconds: float
    startup_seconds: int
    email: str | None


class Observability(pulumi.ComponentResource):
    """Alarms, the watch over workers, the topic of both, and the dashboard. `deployment_alarms` are the names of those
    that judge a release.
    """

    deployment_alarms: Sequence[pulumi.Output[str]]
    dashboard_url: str
    topic_arn: pulumi.Output[str]

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Observability", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        watched, names = alarms(limits_of(args)), names_of(args)
        self.topic_arn = _topic(name, args, child)
        self.deployment_alarms = [
            made.name
            for alarm, made in zip(watched, _alarms(name, args, watched, self.topic_arn, child), strict=True)
            if alarm.judges
        ]
        watch_worker(
            name,
            prefix=args.prefix,
            pattern=worker_ended(_cluster(args), args.service_name),
            topic=self.topic_arn,
            opts=child,
        )
        aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=args.prefix,
            dashboard_body=pulumi.Output.json_dumps(dashboard(args.region, names, watched)),
            opts=child,
        )
        self.dashboard_url = dashboard_url(args.region, args.prefix)
        self.register_outputs({"dashboard_url": self.dashboard_url, "topic_arn": self.topic_arn})


def limits_of(args: ObservabilityArgs) -> Limits:
    """What the alarms measure by."""
    return Limits(
        latency_seconds=args.latency_seconds,
        startup_seconds=args.startup_seconds,
        max_connections=args.max_connections,
        storage_gb=args.storage_gb,
        two_groups=args.load_balancer.alternate is not None,
    )


def names_of(args: ObservabilityArgs) -> Mapping[Of, Mapping[str, pulumi.Input[str]]]:
    """The dimensions by which CloudWatch finds the numbers of this stack."""
    balancer = {"LoadBalancer": args.load_balancer.suffix}
    names: dict[Of, Mapping[str, pulumi.Input[str]]] = {
        "balancer": balancer,
        "primary": {"TargetGroup": args.load_balancer.primary.suffix, **balancer},
        "database": {"DBInstanceIdentifier": args.database},
        "service": {"ClusterName": args.cluster_name, "ServiceName": args.service_name},
    }
    if args.load_balancer.alternate is not None:
        names["alternate"] = {"TargetGroup": args.load_balancer.alternate.suffix, **balancer}
    return names


def _cluster(args: ObservabilityArgs) -> pulumi.Output[str]:
    return pulumi.Output.concat(f"arn:aws:ecs:{args.region}:", args.account, ":cluster/", args.cluster_name)


def _alarms(
    name: str,
    args: ObservabilityArgs,
    watched: Sequence[Alarm],
    topic: pulumi.Output[str],
    child: pulumi.ResourceOptions,
) -> list[aws.cloudwatch.MetricAlarm]:
    """The alarms. All are written with metric queries, whether they calculate or not: one form to read at AWS."""
    names = names_of(args)
    return [
        aws.cloudwatch.MetricAlarm(
            f"{name}-{alarm.key}",
            name=alarm.named(args.prefix),
            alarm_description=alarm.says,
            metric_queries=_queries(alarm, names),
            comparison_operator=alarm.comparison,
            threshold=alarm.threshold,
            evaluation_periods=alarm.periods,
            datapoints_to_alarm=alarm.periods,
            treat_missing_data=alarm.missing,
            alarm_actions=[topic],
            ok_actions=[topic],
            opts=child,
        )
        for alarm in watched
    ]


def _queries(
    alarm: Alarm, names: Mapping[Of, Mapping[str, pulumi.Input[str]]]
) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    def read(key: str, metric: Metric) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
        return aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=key,
            return_data=alarm.expression is None,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace=metric.namespace,
                metric_name=metric.name,
                dimensions=names[metric.of],
                period=alarm.period,
                stat=metric.statistic,
            ),
        )

    queries = [read(key, metric) for key, metric in alarm.metrics.items()]
    if alarm.expression is not None:
        result = aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=RESULT, expression=alarm.expression, label=alarm.key, return_data=True
        )
        queries.append(result)
    return queries


def _topic(name: str, args: ObservabilityArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Where alarms go, and news of workers. Its key is its own: the one that AWS keeps for SNS would let nothing
    through, in silence.
    """
    alarms_of_ours = {
        "StringEquals": {"aws:SourceAccount": args.account},
        "ArnLike": {
            "aws:SourceArn": pulumi.Output.concat(
                f"arn:aws:cloudwatch:{args.region}:", args.account, f":alarm:{args.prefix}-*"
            )
        },
    }
    cloudwatch = {
        "Sid": "Alarms",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Condition": alarms_of_ours,
    }
    # Without a condition, which for this service would let nothing through (worker_watch.py).
    events = {"Sid": "Events", "Effect": "Allow", "Principal": {"Service": EVENTS}}
    callers = (cloudwatch, events)
    key = aws.kms.Key(
        f"{name}-topic-key",
        description=f"Alarms of {args.prefix}",
        enable_key_rotation=True,
        deletion_window_in_days=KEY_DAYS,
        policy=key_policy(
            args.account,
            [caller | {"Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"} for caller in callers],
        ),
        opts=child,
    )
    topic = aws.sns.Topic(f"{name}-topic", name=f"{args.prefix}-alarms", kms_master_key_id=key.arn, opts=child)
    publish = [caller | {"Action": "sns:Publish", "Resource": topic.arn} for caller in callers]
    policy = aws.sns.TopicPolicy(
        f"{name}-topic-policy",
        arn=topic.arn,
        policy=pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": publish}),
        opts=child,
    )
    if args.email is not None:
        aws.sns.TopicSubscription(f"{name}-email", topic=topic.arn, protocol="email", endpoint=args.email, opts=child)
    return policy.arn
