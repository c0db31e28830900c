"""What runs and is watched needs of IAM: the cluster, its service and its tasks, scaling, logs and alarms."""

from components.aws.policies import Grant, Scope


def containers(scope: Scope) -> tuple[Grant, ...]:
    """Cluster, Migration, AppService and Autoscaler."""
    return (*_containers(scope), *_scaling(scope))


def _containers(scope: Scope) -> tuple[Grant, ...]:
    clusters = scope.named("ecs", "cluster/", "")
    services = scope.named("ecs", "service/", "/*")
    following = (*scope.named("ecs", "service-deployment/", "/*"), *scope.named("ecs", "service-revision/", "/*"))
    definitions = scope.named("ecs", "task-definition/", "-*:*")
    tasks = scope.named("ecs", "task/", "/*")
    return (
        Grant(
            sid="ContainersRead",
            reads=True,
            actions=(
                "ecs:DescribeClusters",
                "ecs:DescribeServices",
            ),
            resources=(*clusters, *services),
        ),
        # AWS knows no permission for a single task definition to describe or to retire.
        Grant(sid="DefinitionsRead", reads=True, actions=("ecs:DescribeTaskDefinition",), resources=("*",)),
        Grant(sid="DefinitionsRetire", actions=("ecs:DeregisterTaskDefinition",), resources=("*",)),
        Grant(
            sid="ContainersWrite",
            actions=(
                "ecs:CreateCluster",
                "ecs:CreateService",
                "ecs:DeleteCluster",
                "ecs:DeleteService",
                "ecs:ListTagsForResource",
                "ecs:RegisterTaskDefinition",
                "ecs:TagResource",
                "ecs:UntagResource",
                "ecs:UpdateCluster",
                "ecs:UpdateClusterSettings",
                "ecs:UpdateService",
            ),
            resources=(*clusters, *services, *definitions),
        ),
        Grant(
            sid="RolloutFollow",
            actions=(
                "ecs:DescribeServiceDeployments",
                "ecs:DescribeServiceRevisions",
                "ecs:ListServiceDeployments",
                "ecs:StopServiceDeployment",
            ),
            resources=(*services, *following),
        ),
        # The migration is a task of the stack's own definition, in the stack's own cluster.
        Grant(
            sid="MigrationRun",
            actions=("ecs:RunTask",),
            resources=definitions,
            when={"ArnEquals": {"ecs:cluster": clusters}},
        ),
        Grant(sid="MigrationFollow", actions=("ecs:DescribeTasks", "ecs:StopTask"), resources=tasks),
        Grant(
            sid="MigrationTag",
            actions=("ecs:TagResource",),
            resources=tasks,
            when={"StringEquals": {"ecs:CreateAction": "RunTask"}},
        ),
        # The listing of tasks goes by machines, which Fargate has none of; the condition keeps it to the cluster.
        Grant(
            sid="MigrationFind",
            actions=("ecs:ListTasks",),
            resources=("*",),
            when={"ArnEquals": {"ecs:cluster": clusters}},
        ),
    )


def _scaling(scope: Scope) -> tuple[Grant, ...]:
    """A scalable target has an id and no name, so what becomes the stack's is known by its tag."""
    targets = scope.arns("application-autoscaling", "scalable-target/*")
    alarms = scope.arns("cloudwatch", f"alarm:TargetTracking-service/{scope.prefix}/*")
    prefix = "application-autoscaling"
    return (
        Grant(
            sid="ScalingRead",
            reads=True,
            actions=(f"{prefix}:DescribeScalableTargets", f"{prefix}:DescribeScalingPolicies"),
            resources=("*",),
        ),
        Grant(
            sid="ScalingTags",
            reads=True,
            actions=(f"{prefix}:ListTagsForResource",),
            resources=targets,
            when=scope.tagged,
        ),
        Grant(
            sid="ScalingCreate",
            actions=(f"{prefix}:RegisterScalableTarget", f"{prefix}:TagResource"),
            resources=targets,
            when=scope.adopting,
        ),
        Grant(
            sid="ScalingWrite",
            actions=(
                f"{prefix}:DeleteScalingPolicy",
                f"{prefix}:DeregisterScalableTarget",
                f"{prefix}:PutScalingPolicy",
                f"{prefix}:RegisterScalableTarget",
                f"{prefix}:UntagResource",
            ),
            resources=targets,
            when=scope.tagged,
        ),
        # Target tracking makes its alarms in the caller's name.
        Grant(
            sid="ScalingAlarms",
            actions=("cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"),
            resources=alarms,
        ),
    )


def watching(scope: Scope) -> tuple[Grant, ...]:
    """Observability, and the log groups of everything that writes some."""
    groups = _log_groups(scope)
    alarms = scope.named("cloudwatch", "alarm:", "-*")
    dashboards = tuple(scope.everywhere("cloudwatch", f"dashboard/{scope.prefix}{rest}") for rest in ("", "-*"))
    topics = scope.named("sns", "", "", "-*")
    rules = scope.named("events", "rule/", "-*")
    return (
        Grant(
            sid="WatchingRead",
            reads=True,
            actions=(
                "cloudwatch:GetDashboard",
                "cloudwatch:ListTagsForResource",
                "logs:ListTagsForResource",
                "sns:GetTopicAttributes",
                "sns:ListSubscriptionsByTopic",
                "sns:ListTagsForResource",
            ),
            resources=(*groups, *alarms, *dashboards, *topics),
        ),
        Grant(
            sid="WatchingFind",
            reads=True,
            actions=("logs:DescribeLogGroups", "sns:GetSubscriptionAttributes"),
            resources=("*",),
        ),
        Grant(
            sid="AlarmsFind",
            reads=True,
            actions=("cloudwatch:DescribeAlarms",),
            resources=scope.arns("cloudwatch", "alarm:*"),
        ),
        Grant(
            sid="WatchingWrite",
            actions=(
                "cloudwatch:DeleteAlarms",
                "cloudwatch:DeleteDashboards",
                "cloudwatch:PutDashboard",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
                "logs:AssociateKmsKey",
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:DisassociateKmsKey",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
                "sns:CreateTopic",
                "sns:DeleteTopic",
                "sns:SetTopicAttributes",
                "sns:Subscribe",
                "sns:TagResource",
                "sns:UntagResource",
            ),
            resources=(*groups, *alarms, *dashboards, *topics),
        ),
        Grant(
            sid="EventsRead",
            reads=True,
            actions=("events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule"),
            resources=rules,
        ),
        Grant(
            sid="EventsWrite",
            actions=(
                "events:DeleteRule",
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
                "events:TagResource",
                "events:UntagResource",
            ),
            resources=rules,
        ),
        # A subscription's address is not known before it exists, and AWS takes no other.
        Grant(
            sid="SubscriptionsWrite",
            actions=("sns:SetSubscriptionAttributes", "sns:Unsubscribe"),
            resources=("*",),
        ),
        # The end of a failed migration's log, which the update shows.
        Grant(
            sid="MigrationLog",
            actions=("logs:GetLogEvents",),
            resources=scope.arns("logs", f"log-group:/ecs/{scope.prefix}/*:log-stream:*"),
        ),
    )


def _log_groups(scope: Scope) -> tuple[str, ...]:
    """The tasks', the database's and the network's. AWS decides how the database's begins."""
    names = (f"/ecs/{scope.prefix}/*", f"/aws/rds/instance/{scope.prefix}-*", f"/vpc/{scope.prefix}/*")
    return scope.arns("logs", *(f"log-group:{name}" for name in names))
