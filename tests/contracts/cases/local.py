"""The local components with arguments to build them from."""

from components.local.app_service import AppService, AppServiceArgs
from components.local.autoscaler import Autoscaler, AutoscalerArgs
from components.local.database import Database, DatabaseArgs
from components.local.migration import Migration, MigrationArgs
from components.local.registry import Registry, RegistryArgs
from components.local.release import Release, ReleaseArgs
from components.local.secrets import Secrets, SecretsArgs
from components.local.supervisor import Supervisor, SupervisorArgs
from tests.contracts.cases.shared import DIGEST, ROOT, WORKLOAD, Cases, a_release, a_service, some_secrets

CASES: Cases = {
    Registry: lambda _given: RegistryArgs(root=ROOT, keep=5),
    Release: lambda given: ReleaseArgs(repository=given(ROOT), keep=5, digest=DIGEST, source="/srv/checkout"),
    Supervisor: lambda _given: SupervisorArgs(root=ROOT, port=8000),
    Database: lambda given: DatabaseArgs(root=given(ROOT), port=54330, max_connections=100),
    Secrets: lambda given: SecretsArgs(root=given(ROOT), database_url=given("database-url-file")),
    Migration: lambda given: MigrationArgs(
        workload=WORKLOAD,
        release=a_release(given),
        programs=given("programs"),
        secrets=some_secrets(given),
        seconds=300,
    ),
    AppService: lambda given: AppServiceArgs(
        root=given(ROOT),
        workload=WORKLOAD,
        release=a_release(given),
        programs=given("programs"),
        secrets=some_secrets(given),
        startup_seconds=60,
        most_web_processes=4,
    ),
    Autoscaler: lambda given: AutoscalerArgs(root=given(ROOT), service=a_service(given), workers=2),
}
