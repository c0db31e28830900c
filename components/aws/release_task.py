"""The tasks of a release, whatever they run: the migration, or web and worker. Each has a definition and two roles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ecs

from components.aws.handles import ClusterHandle, NetworkHandle
from components.aws.roles import TaskRoleArgs, task_roles
from components.aws.task import Architecture, Container, Registration, TaskSize, TaskSpec, register, scratch
from components.contracts import ReleaseHandle, SecretReferences
from components.workload import Process, WorkloadSpec


@dataclass(frozen=True, kw_only=True)
class ReleaseTask:
    """What every task of a release has in common.

    `prefix` begins the names. Of `references` each process is handed those that it names; `kms_key` (ARN) is what they
    are encrypted with if not with AWS's own key. `repository` (ARN) is the one of ECR that the release lies in, if any;
    `boundary` (ARN) bounds the roles.
    """

    prefix: str
    workload: WorkloadSpec
    release: ReleaseHandle
    repository: pulumi.Input[str] | None
    references: SecretReferences
    kms_key: pulumi.Input[str] | None
    network: NetworkHandle
    cluster: ClusterHandle
    size: TaskSize
    architecture: Architecture
    region: str
    account_id: pulumi.Input[str]
    boundary: pulumi.Input[str] | None = None

    def spec(self, *, stop_seconds: int) -> TaskSpec:
        """What its containers are made from; `stop_seconds` lie between SIGTERM and SIGKILL."""
        return TaskSpec(
            workload=self.workload,
            release=self.release,
            references=self.references,
            log_groups=self.cluster.log_groups,
            region=self.region,
            size=self.size,
            stop_seconds=stop_seconds,
        )


@dataclass(frozen=True, kw_only=True)
class DefinedTask:
    """A task that ECS can run. `roles` are the ARNs, by name, of what it must be handed for that."""

    definition: ecs.TaskDefinition
    roles: Mapping[str, pulumi.Output[str]]


def define_task(
    name: str,
    task: ReleaseTask,
    *,
    family: str,
    processes: Sequence[Process],
    containers: Sequence[Container],
    keep: bool,
    parent: pulumi.Resource,
) -> DefinedTask:
    """Makes the roles that these processes need, then the definition of a task that runs these containers.

    `keep` is whether a revision stays registered when the next one takes its place.
    """
    roles = task_roles(
        name,
        TaskRoleArgs(
            task=family,
            repository=task.repository,
            processes=processes,
            references=task.references,
            kms_key=task.kms_key,
            log_groups=task.cluster.log_groups,
            region=task.region,
            account=task.account_id,
            boundary=task.boundary,
        ),
        pulumi.ResourceOptions(parent=parent),
    )
    definition = register(
        f"{name}-definition",
        list(containers),
        Registration(
            family=family,
            architecture=task.architecture,
            size=task.size,
            execution_role=roles.execution,
            task_role=roles.task,
            volumes=[folder for process in processes for folder in scratch(task.workload, process)],
            keep=keep,
        ),
        pulumi.ResourceOptions(parent=parent, depends_on=[roles.granted]),
    )
    return DefinedTask(
        definition=definition, roles={f"{family}-execution": roles.execution, f"{family}-task": roles.task}
    )
