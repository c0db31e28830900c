"""The ECS cluster, and the log groups of what will run in it.

The groups come first: the log driver does not make them, so a task whose group is missing never starts.
"""

from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, ecs

from components.aws.handles import ClusterHandle
from components.workload import MIGRATE, WEB, WORKER

PROCESSES = (WEB.name, WORKER.name, MIGRATE.name)


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """`prefix` begins the names; `log_days` is how long logs are kept, one of the periods that CloudWatch has."""

    prefix: str
    log_days: int


class Cluster(pulumi.ComponentResource):
    """Where tasks run. `handle.log_groups` holds the names of the groups, by process."""

    handle: ClusterHandle

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        cluster = ecs.Cluster(
            f"{name}-cluster",
            name=args.prefix,
            # Metrics of every task and container, at a price for each; the alarms need none of them.
            settings=[ecs.ClusterSettingArgs(name="containerInsights", value="disabled")],
            opts=child,
        )
        groups = {
            process: cloudwatch.LogGroup(
                f"{name}-{process}-log",
                name=f"/ecs/{args.prefix}/{process}",
                retention_in_days=args.log_days,
                opts=child,
            )
            for process in PROCESSES
        }
        self.handle = ClusterHandle(
            arn=cluster.arn,
            name=cluster.name,
            log_groups={process: group.name for process, group in groups.items()},
        )
        self.register_outputs({"cluster": cluster.name})
