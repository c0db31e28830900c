"""Every component with arguments to build it from; a component without a case fails the suite."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping

import pulumi

import components
from components.contracts import ReleaseHandle, ServiceHandle
from components.local.app_service import AppService, AppServiceArgs
from components.local.autoscaler import Autoscaler, AutoscalerArgs
from components.local.database import Database, DatabaseArgs
from components.local.migration import Migration, MigrationArgs
from components.local.registry import Registry, RegistryArgs
from components.local.release import Release, ReleaseArgs
from components.local.secrets import Secrets, SecretsArgs
from components.local.supervisor import Supervisor, SupervisorArgs
from components.rollout import RolloutCheck, RolloutCheckArgs
from components.workload import BOOTSTRAP_API_KEY, DATABASE_URL, WorkloadSpec

Given = Callable[[str], pulumi.Output[str]]
"""Makes an output of a text: known, secret or unknown, as the test wants it."""
Case = Callable[[Given], object]

DIGEST = "sha256:" + "c" * 64
ROOT = "/srv/checkout/.local"
WORKLOAD = WorkloadSpec(name="rag", port=8000, environment={"APP_ENV": "dev"}, drain_seconds=2, graceful_seconds=30)


def _release(given: Given) -> ReleaseHandle:
    return ReleaseHandle(digest=DIGEST, location=given("location"))


def _service(given: Given) -> ServiceHandle:
    return ServiceHandle(url="http://127.0.0.1:8000", serving=given(DIGEST), evidence=given("evidence"))


def _secrets(given: Given) -> Mapping[str, pulumi.Input[str]]:
    return {DATABASE_URL: given("database-url-file"), BOOTSTRAP_API_KEY: given("api-key-file")}


CASES: Mapping[type[pulumi.ComponentResource], Case] = {
    Registry: lambda _given: RegistryArgs(root=ROOT, keep=5),
    Release: lambda given: ReleaseArgs(repository=given(ROOT), keep=5, digest=DIGEST, source="/srv/checkout"),
    Supervisor: lambda _given: SupervisorArgs(root=ROOT, port=8000),
    Database: lambda given: DatabaseArgs(root=given(ROOT), port=54330, max_connections=100),
    Secrets: lambda given: SecretsArgs(root=given(ROOT), database_url=given("database-url-file")),
    Migration: lambda given: MigrationArgs(
        workload=WORKLOAD, release=_release(given), programs=given("programs"), secrets=_secrets(given), seconds=300
    ),
    AppService: lambda given: AppServiceArgs(
        root=given(ROOT),
        workload=WORKLOAD,
        release=_release(given),
        programs=given("programs"),
        secrets=_secrets(given),
        startup_seconds=60,
        most_web_processes=4,
    ),
    Autoscaler: lambda given: AutoscalerArgs(root=given(ROOT), service=_service(given), workers=2),
    RolloutCheck: lambda given: RolloutCheckArgs(service=_service(given), digest=DIGEST, health="/health", seconds=60),
}


def classes_below_components() -> list[type]:
    """Every class that a module under components/ defines."""
    found: list[type] = []
    for module in pkgutil.walk_packages(components.__path__, "components."):
        members = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        found += [cls for _, cls in members if cls.__module__ == module.name]
    return found


def discovered() -> list[type[pulumi.ComponentResource]]:
    """Every component, whether it has a case or not."""
    return [cls for cls in classes_below_components() if issubclass(cls, pulumi.ComponentResource)]
