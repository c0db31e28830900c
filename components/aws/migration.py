"""The migration: one task on Fargate with the release's own image, once per digest, before anything of it serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.aws.ecs_api import clients
from components.aws.fargate import TaskRequest, run_to_end
from components.aws.handles import ClusterHandle, NetworkHandle
from components.aws.roles import TaskRoleArgs, task_roles
from components.aws.task import (
    Architecture,
    Registration,
    TaskSize,
    TaskSpec,
    migration_containers,
    register,
    scratch,
)
from components.aws.watchdog import watched
from components.contracts import ReleaseHandle, SecretReferences
from components.migration import MigrationProvider
from components.workload import WorkloadSpec

STOP_SECONDS = 120
"""What a migration that must stop is granted to leave the database as it was; the most that Fargate grants."""


class _FargateMigrationProvider(MigrationProvider):
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
    region, profile = props["region"], props["profile"] or None
    ecs, logs = clients(region, profile)
    outcome = run_to_end(
        ecs,
        logs,
        request,
        guard=lambda task: watched(task, cluster=request.cluster, region=region, profile=profile),
    )
    return outcome.log


class _FargateMigration(Resource, module="aws", name="FargateMigration"):
    report: pulumi.Output[str]

    def __init__(
        self, name: str, *, args: "MigrationArgs", definition: pulumi.Output[str], opts: pulumi.ResourceOptions
    ) -> None:
        process = args.workload.migrate.name
        props: dict[str, Any] = {
            "digest": args.release.digest,
            "region": args.region,
            "profile": args.profile or "",
            "cluster": args.cluster.arn,
            "task_definition": definition,
            "container": process,
            "subnets": list(args.network.task_subnets),
            "groups": [args.network.service_group],
            "public_address": args.network.assign_public_ip,
            "log_group": args.cluster.log_groups[process],
            "seconds": args.seconds,
            "report": None,
        }
        super().__init__(_FargateMigrationProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    """Of `references` the migration is handed those that it names; `seconds` is how long it may take, start included.

    `prefix` begins the names, `kms_key` (ARN) is what the secrets are encrypted with if not with AWS's own key,
    `profile` one of the machine's named profiles, if not its usual credentials, and `boundary` the permissions boundary
    of the roles, if they have one.
    """

    prefix: str
    workload: WorkloadSpec
    release: ReleaseHandle
    references: SecretReferences
    kms_key: pulumi.Input[str] | None
    network: NetworkHandle
    cluster: ClusterHandle
    size: TaskSize
    architecture: Architecture
    seconds: int
    region: str
    account_id: pulumi.Input[str]
    profile: str | None = None
    boundary: str | None = None


class Migration(pulumi.ComponentResource):
    """The release's migration; `report` is its last line, known once the database is ready for the release.

    `roles` are the ARNs of its roles, which whoever deploys must be allowed to hand to ECS.
    """

    report: pulumi.Output[str]
    task_definition_arn: pulumi.Output[str]
    roles: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: MigrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Migration", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        process, family = args.workload.migrate, f"{args.prefix}-migrate"
        roles = task_roles(
            name,
            TaskRoleArgs(
                task=family,
                image=args.release.location,
                processes=[process],
                references=args.references,
                kms_key=args.kms_key,
                log_groups=args.cluster.log_groups,
                region=args.region,
                account=args.account_id,
                boundary=args.boundary,
            ),
            child,
        )
        containers = migration_containers(
            TaskSpec(
                workload=args.workload,
                release=args.release,
                references=args.references,
                log_groups=args.cluster.log_groups,
                region=args.region,
                size=args.size,
                stop_seconds=STOP_SECONDS,
            )
        )
        definition = register(
            f"{name}-definition",
            containers,
            Registration(
                family=family,
                architecture=args.architecture,
                size=args.size,
                execution_role=roles.execution,
                task_role=roles.task,
                volumes=list(scratch(args.workload, process)),
                keep=False,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[roles.granted]),
        )
        task = _FargateMigration(f"{name}-run", args=args, definition=definition.arn, opts=child)
        self.report, self.task_definition_arn = task.report, definition.arn
        self.roles = {f"{family}-execution": roles.execution, f"{family}-task": roles.task}
        self.register_outputs({"report": task.report})
