"""The service as the stacks hand it to their components: one function, so that no target sets a variable alone."""

import tomllib
from collections.abc import Mapping

from components.workload import WorkloadSpec
from stacks.capacity import LAME_DUCK_SECONDS
from stacks.settings import PROJECT, LocalSettings
from stacks.settings.containers import ContainerSettings

CONTAINER_PORT = 8000


def workload_of(
    settings: LocalSettings | ContainerSettings,
    *,
    host: str,
    port: int,
    web_processes: int,
    drain_seconds: int,
    usual: Mapping[str, str] | None = None,
) -> WorkloadSpec:
    """What the service needs, with this target's values. What operators set wins over `usual` and over nothing else."""
    return WorkloadSpec(
        name="rag",
        port=port,
        drain_seconds=drain_seconds,
        graceful_seconds=settings.rollout.graceful_seconds,
        environment={
            **(usual or {}),
            "APP_ENV": settings.profile,
            "APP_VERSION": version(),
            "API_HOST": host,
            "API_PORT": str(port),
            "API_WORKERS": str(web_processes),
            "DB_POOL_SIZE": str(settings.app.pool_size),
            "DB_MAX_OVERFLOW": str(settings.app.max_overflow),
            "DRAIN_SECONDS": str(drain_seconds),
            "GRACEFUL_TIMEOUT_SECONDS": str(settings.rollout.graceful_seconds),
            **settings.app.environment,
        },
    )


def container_workload(settings: ContainerSettings, *, proxy_hops: int) -> WorkloadSpec:
    """What the service needs in a container: all addresses, and as many believed proxies as the target puts before it.

    The platform takes a replica out of its load balancer first; the application's own lame duck only asks clients on
    open connections to leave.
    """
    return workload_of(
        settings,
        host="0.0.0.0",  # noqa: S104  # why: inside of a container, whose platform decides who reaches it
        port=CONTAINER_PORT,
        web_processes=settings.app.web_processes,
        drain_seconds=LAME_DUCK_SECONDS,
        usual={"TRUSTED_PROXY_HOPS": str(proxy_hops)},
    )


def version() -> str:
    """The release's version, as the project's own file has it."""
    return str(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"])
