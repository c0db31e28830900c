"""What one task runs, in the words of ECS's own API: pure functions of the workload, and the task as it is registered.

A task's container definitions are one JSON text for Pulumi, so no type checker sees into them. They are plain data
here, and the tests hold them against the API's own model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ecs

from components.aws.secret_addresses import value_from
from components.aws.sizes import require_size
from components.contracts import DeploymentError, ReleaseHandle, SecretReferences, secrets_of
from components.workload import Process, WorkloadSpec

Architecture = Literal["ARM64", "X86_64"]
Container = dict[str, object]

USER = "10001:10001"
"""The image's own user, by number."""
STOP_SECONDS = range(2, 121)
"""What Fargate may wait between SIGTERM and SIGKILL."""
START_SECONDS = range(301)
"""What ECS may ignore failing health checks for after a container has started."""
RESTART_SECONDS = 60
"""How long a container must have run before ECS starts it again in place; the shortest that ECS takes."""
GIVEN_BY_FARGATE = "/dev/shm"  # noqa: S108  # why: a mount point inside of the container
"""Every container on Fargate has one of its own, in memory, of 64 MB; another size cannot be asked for."""
LOG_BUFFER = "10m"
"""What waits in memory while CloudWatch is slow. Beyond it lines are lost: better than a service that stands still."""


@dataclass(frozen=True, kw_only=True)
class TaskSize:
    """CPU units (1024 are one vCPU) and memory in MiB, one of the pairs that Fargate has; else ValueError.

    Web and worker share a task. Memory is divided by hard limits, so that a file that needs too much takes the worker
    and never the web process. CPU is shared by weight, and only where both want it: requests come first.
    """

    cpu: int
    memory: int

    def __post_init__(self) -> None:
        require_size(self.cpu, self.memory)

    @property
    def web(self) -> tuple[int, int]:
        """CPU units and MiB of the web process."""
        return self.cpu - self.worker[0], self.memory - self.worker[1]

    @property
    def worker(self) -> tuple[int, int]:
        """CPU units and MiB of the worker."""
        return self.cpu // 4, self.memory // 2


@dataclass(frozen=True, kw_only=True)
class ContainerHealth:
    """How ECS asks whether a web container lives: each `interval` s, within `timeout` s, `retries` times in a row."""

    interval: int
    timeout: int
    retries: int


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """What a task's containers are made from; `log_groups` by process, `stop_seconds` from SIGTERM to SIGKILL."""

    workload: WorkloadSpec
    release: ReleaseHandle
    references: SecretReferences
    log_groups: Mapping[str, pulumi.Input[str]]
    region: str
    size: TaskSize
    stop_seconds: int


def service_containers(spec: TaskSpec, *, health: ContainerHealth, startup_seconds: int) -> list[Container]:
    """The web process and the worker.

    The task ends with its web process. A worker that ends is started again in place, and requests never notice.
    Raises DeploymentError for times that ECS does not have.
    """
    _require_within(startup_seconds, START_SECONDS, "rollout.startup_seconds", "a slow start would be taken for a hang")
    web = _container(spec, spec.workload.web, spec.size.web) | {
        "essential": True,
        "portMappings": [{"name": "web", "containerPort": spec.workload.port, "protocol": "tcp"}],
        "healthCheck": {
            "command": ["CMD", "python", "-m", "app.healthcheck"],
            "interval": health.interval,
            "timeout": health.timeout,
            "retries": health.retries,
            "startPeriod": startup_seconds,
        },
    }
    worker = _container(spec, spec.workload.worker, spec.size.worker) | {
        "essential": False,
        "restartPolicy": {"enabled": True, "restartAttemptPeriod": RESTART_SECONDS},
    }
    return [web, worker]


def migration_containers(spec: TaskSpec) -> list[Container]:
    """The migration alone; its exit code is its report."""
    size = (spec.size.cpu, spec.size.memory)
    return [_container(spec, spec.workload.migrate, size) | {"essential": True}]


def scratch(workload: WorkloadSpec, process: Process) -> dict[str, str]:
    """By volume, the folder of this process that must be writable under a read-only root.

    On Fargate such a volume belongs to root, unless the image declares the folder a VOLUME: then it takes over the
    owner and mode that the folder has in the image. Ours does, and a test holds it to that.
    """
    return {
        f"{process.name}{folder.replace('/', '-')}": folder
        for folder in workload.rewritten
        if folder != GIVEN_BY_FARGATE
    }


def _container(spec: TaskSpec, process: Process, size: tuple[int, int]) -> Container:
    """What all containers are: without privileges, without a writable root, with their own secrets and no others."""
    _require_within(spec.stop_seconds, STOP_SECONDS, "rollout.graceful_seconds", "requests in flight would be cut off")
    cpu, memory = size
    environment = spec.workload.environment_for(spec.release.digest)
    return {
        "name": process.name,
        "image": spec.release.location,
        "command": list(process.command),
        "cpu": cpu,
        "memory": memory,
        "user": USER,
        "readonlyRootFilesystem": True,
        # An init of its own passes signals on, and takes in what a killed parser leaves behind.
        "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
        "stopTimeout": spec.stop_seconds,
        "environment": [{"name": name, "value": environment[name]} for name in sorted(environment)],
        "secrets": [
            {"name": name, "valueFrom": value_from(spec.references, name)}
            for name in secrets_of(process, spec.references)
        ],
        "mountPoints": [
            {"sourceVolume": volume, "containerPath": folder, "readOnly": False}
            for volume, folder in scratch(spec.workload, process).items()
        ],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": spec.log_groups[process.name],
                "awslogs-region": spec.region,
                "awslogs-stream-prefix": process.name,
                "mode": "non-blocking",
                "max-buffer-size": LOG_BUFFER,
            },
        },
    }


def _require_within(seconds: int, allowed: range, key: str, otherwise: str) -> None:
    if seconds not in allowed:
        raise DeploymentError(
            f"{key} comes to {seconds} s, and Fargate takes {allowed[0]} to {allowed[-1]}: {otherwise}. Nothing was "
            f"deployed; set another {key}"
        )


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What a task is registered with. `family` names it; `keep` leaves old revisions registered, to go back to."""

    family: str
    architecture: Architecture
    size: TaskSize
    execution_role: pulumi.Input[str]
    task_role: pulumi.Input[str]
    volumes: Sequence[str]
    keep: bool


def register(
    name: str, containers: Sequence[Container], registration: Registration, opts: pulumi.ResourceOptions
) -> ecs.TaskDefinition:
    """The task as ECS knows it; another release is another revision of the same family."""
    return ecs.TaskDefinition(
        name,
        family=registration.family,
        container_definitions=pulumi.Output.json_dumps(list(containers)),
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        cpu=str(registration.size.cpu),
        memory=str(registration.size.memory),
        runtime_platform=ecs.TaskDefinitionRuntimePlatformArgs(
            cpu_architecture=registration.architecture, operating_system_family="LINUX"
        ),
        execution_role_arn=registration.execution_role,
        task_role_arn=registration.task_role,
        volumes=[ecs.TaskDefinitionVolumeArgs(name=volume) for volume in registration.volumes],
        skip_destroy=registration.keep,
        opts=opts,
    )
