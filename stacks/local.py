"""The nine steps on one machine, in the order in which they happen."""

from collections.abc import Mapping

import pulumi

from components.local.app_service import AppService, AppServiceArgs
from components.local.autoscaler import Autoscaler, AutoscalerArgs
from components.local.content import digest_of
from components.local.cpus import usable_cpus
from components.local.database import Database, DatabaseArgs
from components.local.migration import Migration, MigrationArgs
from components.local.registry import Registry, RegistryArgs
from components.local.release import Release, ReleaseArgs
from components.local.secrets import Secrets, SecretsArgs
from components.local.supervisor import Supervisor, SupervisorArgs
from components.rollout import RolloutCheck, RolloutCheckArgs
from components.workload import WorkloadSpec
from stacks.capacity import web_workers
from stacks.settings import LocalSettings
from stacks.workload import workload_of

STATE_FOLDER = ".local"
ROLLBACK = "make rollback"


def compose(settings: LocalSettings) -> Mapping[str, pulumi.Input[object]]:
    """Composes the local target. Step 1, the settings, is done: they are judged before this is called."""
    workload = local_workload(settings)
    root = str(settings.project / STATE_FOLDER)
    wanted = settings.release.digest

    # 2. Registry and 3. Release: everything after this refers to the digest.
    registry = Registry("registry", RegistryArgs(root=root, keep=settings.local.keep_releases))
    release = Release(
        "release",
        ReleaseArgs(
            repository=registry.repository,
            keep=registry.keep,
            digest=wanted or digest_of(settings.project),
            source=None if wanted else str(settings.project),
        ),
    )

    # 4. Network: on one machine, loopback and the process manager that holds the public port.
    supervisor = Supervisor("supervisor", SupervisorArgs(root=root, port=workload.port))

    # 5. Database and 6. Secrets: references from here on, never values.
    database = Database(
        "database",
        DatabaseArgs(
            root=supervisor.root,
            port=settings.local.database_port,
            max_connections=settings.database.max_connections,
            protect=settings.protected,
        ),
    )
    secrets = Secrets("secrets", SecretsArgs(root=supervisor.root, database_url=database.handle.url))

    # 7. Migration: stops everything after it when it fails.
    migration = Migration(
        "migration",
        MigrationArgs(
            workload=workload,
            release=release.handle,
            programs=release.programs,
            secrets=secrets.references,
            seconds=settings.rollout.migration_seconds,
        ),
    )

    # 8. AppService, then Autoscaler.
    bounds = settings.app.web_processes
    service = AppService(
        "service",
        AppServiceArgs(
            root=supervisor.root,
            workload=workload,
            release=release.handle,
            programs=release.programs,
            secrets=secrets.references,
            startup_seconds=settings.rollout.startup_seconds,
            most_web_processes=bounds.max,
        ),
        pulumi.ResourceOptions(depends_on=[migration]),
    )
    workers = web_workers(cpus=usable_cpus(), low=bounds.min, high=bounds.max)
    Autoscaler("autoscaler", AutoscalerArgs(root=supervisor.root, service=service.handle, workers=workers))

    # 9. Rollout check: only now is the update a success.
    rollout = RolloutCheck(
        "rollout",
        RolloutCheckArgs(
            service=service.handle,
            release=release.handle,
            health=workload.probes.health,
            seconds=settings.rollout.startup_seconds,
            rollback=ROLLBACK,
        ),
    )
    return {
        "url": rollout.url,
        "release": release.handle.digest,
        "previous_release": service.previous,
        "migration": migration.report,
        "evidence": rollout.evidence,
        "api_key_file": secrets.api_key_file,
        "rollback": ROLLBACK,
    }


def local_workload(settings: LocalSettings) -> WorkloadSpec:
    """What the service needs, with this machine's values."""
    return workload_of(
        settings,
        host="127.0.0.1",
        port=settings.local.port,
        web_processes=settings.app.web_processes.min,
        drain_seconds=settings.rollout.drain_seconds,
    )
