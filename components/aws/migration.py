"""The migration: one task on Fargate with the release's own image, before anything of it serves.

Once for each release and database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.aws.ecs_api import clients
from components.aws.fargate import TaskRequest, run_to_end
from components.aws.release_task import ReleaseTask, define_task
from components.aws.task import migration_containers
from components.aws.watchdog import watched
from components.migration import MigrationProvider

STOP_SECONDS = 120
"""What a migration that must stop is granted to leave the database as it was; the most that Fargate grants."""


class _FargateMigrationProvider(MigrationProvider):
    # The same release on a database that was made anew or restored is a migration of its own.
    keys = ("digest", "database")

    def migrate(self, props: Mapping[str, Any]) -> Sequence[str]:
        return run_migration(props)


def run_migration(props: Mapping[str, Any]) -> Sequence[str]:
    """Runs the migration to its end and returns its log's end; raises DeploymentError with that log else."""
    request = TaskRequest(
        digest=props["digest"],
        cluster=props["cluster"],
        task_definition=props["task_definition"],
        container=props["container"],
        subnets=props["subnets"],
        groups=props["groups"],
        public_address=bool(props["public_address"]),
        log_group=props["log_group"],
        seconds=int(props["seconds"]),
    )
    region = props["region"]
    ecs, logs = clients(region)
    outcome = run_to_end(
        ecs,
        logs,
        request,
        guard=lambda task: watched(task, cluster=request.cluster, region=region),
    )
    return outcome.log


class _FargateMigration(Resource, module="aws", name="FargateMigration"):
    report: pulumi.Output[str]

    def __init__(
        self, name: str, *, args: "MigrationArgs", definition: pulumi.Output[str], opts: pulumi.ResourceOptions
    ) -> None:
        task = args.task
        process = task.workload.migrate.name
        props: dict[str, Any] = {
            "digest": task.release.digest,
            "region": task.region,
            "database": args.database,
            "cluster": task.cluster.arn,
            "task_definition": definition,
            "container": process,
            "subnets": list(task.network.task_subnets),
            "groups": [task.network.service_group],
            "public_address": task.network.assign_public_ip,
            "log_group": task.cluster.log_groups[process],
            "seconds": args.seconds,
            "report": None,
        }
        super().__init__(_FargateMigrationProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    """`database` is the database's own id, another one with each database that is made.

    `seconds` is how long the migration may take, start included.
    """

    task: ReleaseTask
    database: pulumi.Input[str]
    seconds: int


class Migration(pulumi.ComponentResource):
    """The release's migration; `report` is its last line, known once the database is ready for the release.

    `roles` are the ARNs of its roles, which whoever deploys must be allowed to hand to ECS.
    """

    report: pulumi.Output[str]
    task_definition_arn: pulumi.Output[str]
    roles: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: MigrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Migration", name, None, opts)
        defined = define_task(
            name,
            args.task,
            family=f"{args.task.prefix}-migrate",
            processes=[args.task.workload.migrate],
            containers=migration_containers(args.task.spec(stop_seconds=STOP_SECONDS)),
            keep=False,
            parent=self,
        )
        definition = defined.definition.arn
        run = _FargateMigration(
            f"{name}-run", args=args, definition=definition, opts=pulumi.ResourceOptions(parent=self)
        )
        self.report, self.task_definition_arn, self.roles = run.report, definition, defined.roles
        self.register_outputs({"report": run.report})
