"""The pods of the service and of its migration, from the WorkloadSpec: what `restricted` demands, and what it does not.

Typed arguments throughout, so that a misspelled field is an error of the type checker and not of the API server.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs

from components.contracts import SecretReferences, secrets_of
from components.kubernetes.handles import CertificateAuthority, ContainerResources
from components.workload import Process, WorkloadSpec

USER = 10001
"""The image's own user; by number, so that the cluster can see that it is not root."""
MEMORY_BACKED = "/dev/shm"  # noqa: S108  # why: a mount point inside of the container
DISK_LIMIT = "2Gi"
"""What uploads and parsing may spool; beyond it the pod is evicted instead of its node."""
MEMORY_LIMIT = "64Mi"
HTTP = "http"
STARTUP_PERIOD = 2
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
AUTHORITY_VOLUME = "database-ca"


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """One process as a container of a release. `environment` is plain, beside the ConfigMap `shared` if there is one.

    `image` is by digest. Of `references` the container is handed the secrets that its process names.
    """

    process: Process
    image: pulumi.Input[str]
    environment: Mapping[str, pulumi.Input[str]]
    shared: pulumi.Input[str] | None
    references: SecretReferences
    resources: ContainerResources
    authority: CertificateAuthority | None


def web_container(
    spec: ContainerSpec, workload: WorkloadSpec, *, startup_seconds: int, drain_seconds: int
) -> core.ContainerArgs:
    """The web process: the kubelet asks it the questions that the application offers.

    While it starts only `/livez` is asked, for as long as a start may take; a fixed delay would hide slow starts. Then
    `/readyz` decides whether it gets requests, and `/livez`, which does no I/O, whether it is restarted. Before it is
    asked to stop it sleeps, so that proxies have stopped sending when it does; the kubelet sleeps, not a shell.
    """
    live, ready = (_get(path) for path in (workload.probes.live, workload.probes.ready))
    attempts = math.ceil(startup_seconds / STARTUP_PERIOD)
    return _container(
        spec,
        workload,
        ports=[core.ContainerPortArgs(name=HTTP, container_port=workload.port, protocol="TCP")],
        startup_probe=core.ProbeArgs(
            http_get=live, period_seconds=STARTUP_PERIOD, timeout_seconds=2, failure_threshold=attempts
        ),
        readiness_probe=core.ProbeArgs(http_get=ready, period_seconds=5, timeout_seconds=3, failure_threshold=2),
        liveness_probe=core.ProbeArgs(http_get=live, period_seconds=10, timeout_seconds=5, failure_threshold=3),
        # A sleep of nothing is refused by older clusters.
        lifecycle=core.LifecycleArgs(
            pre_stop=core.LifecycleHandlerArgs(sleep=core.SleepActionArgs(seconds=drain_seconds))
        )
        if drain_seconds
        else None,
    )


def plain_container(spec: ContainerSpec, workload: WorkloadSpec) -> core.ContainerArgs:
    """The worker or the migration: without a port there is nothing to ask, and its exit is its report.

    A worker that hangs keeps no job: its lease ends, and another worker takes over.
    """
    return _container(spec, workload)


def pod(
    containers: Sequence[core.ContainerArgs],
    specs: Sequence[ContainerSpec],
    workload: WorkloadSpec,
    *,
    account: pulumi.Input[str],
    restart: str,
    grace_seconds: int,
    spread: Mapping[str, str] | None = None,
) -> core.PodSpecArgs:
    """A pod that Pod Security `restricted` admits; with `spread` (a selector) its like are spread over the cluster."""
    authority = next((spec.authority for spec in specs if spec.authority), None)
    return core.PodSpecArgs(
        containers=containers,
        volumes=[
            *(_scratch(spec.process, path) for spec in specs for path in workload.rewritten),
            *([_authority(authority)] if authority else []),
        ],
        service_account_name=account,
        automount_service_account_token=False,
        # The namespace's Services as variables would be hundreds of names that nobody reads.
        enable_service_links=False,
        restart_policy=restart,
        termination_grace_period_seconds=grace_seconds,
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=USER,
            run_as_group=USER,
            fs_group=USER,
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        topology_spread_constraints=[_spread(key, spread) for key in (ZONE, HOST)] if spread else None,
    )


def _container(
    spec: ContainerSpec,
    workload: WorkloadSpec,
    *,
    ports: Sequence[core.ContainerPortArgs] | None = None,
    startup_probe: core.ProbeArgs | None = None,
    readiness_probe: core.ProbeArgs | None = None,
    liveness_probe: core.ProbeArgs | None = None,
    lifecycle: core.LifecycleArgs | None = None,
) -> core.ContainerArgs:
    mounts = [core.VolumeMountArgs(name=_volume(spec.process, path), mount_path=path) for path in workload.rewritten]
    if spec.authority:
        mounts.append(core.VolumeMountArgs(name=AUTHORITY_VOLUME, mount_path=spec.authority.folder, read_only=True))
    return core.ContainerArgs(
        name=spec.process.name,
        image=spec.image,
        image_pull_policy="IfNotPresent",
        command=list(spec.process.command),
        ports=ports,
        env_from=[core.EnvFromSourceArgs(config_map_ref=core.ConfigMapEnvSourceArgs(name=spec.shared))]
        if spec.shared is not None
        else None,
        env=_environment(spec),
        resources=core.ResourceRequirementsArgs(requests=spec.resources.requests, limits=spec.resources.limits),
        startup_probe=startup_probe,
        readiness_probe=readiness_probe,
        liveness_probe=liveness_probe,
        lifecycle=lifecycle,
        security_context=core.SecurityContextArgs(
            allow_privilege_escalation=False,
            privileged=False,
            read_only_root_filesystem=True,
            run_as_non_root=True,
            capabilities=core.CapabilitiesArgs(drop=["ALL"]),
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        volume_mounts=mounts,
        # The log is what the migration's failure is explained by, also when the process could write none.
        termination_message_policy="FallbackToLogsOnError",
    )


def _environment(spec: ContainerSpec) -> list[core.EnvVarArgs]:
    plain = [core.EnvVarArgs(name=name, value=value) for name, value in sorted(spec.environment.items())]
    secret = [
        core.EnvVarArgs(
            name=name,
            value_from=core.EnvVarSourceArgs(secret_key_ref=core.SecretKeySelectorArgs(name=reference, key=name)),
        )
        for name, reference in secrets_of(spec.process, spec.references).items()
    ]
    return plain + secret


def _get(path: str) -> core.HTTPGetActionArgs:
    return core.HTTPGetActionArgs(path=path, port=HTTP)


def _volume(process: Process, path: str) -> str:
    """Each process has folders of its own, so that one that fills them up does not stop the other."""
    return f"{process.name}{path.replace('/', '-')}"


def _scratch(process: Process, path: str) -> core.VolumeArgs:
    in_memory = path == MEMORY_BACKED
    return core.VolumeArgs(
        name=_volume(process, path),
        empty_dir=core.EmptyDirVolumeSourceArgs(
            medium="Memory" if in_memory else None, size_limit=MEMORY_LIMIT if in_memory else DISK_LIMIT
        ),
    )


def _authority(authority: CertificateAuthority) -> core.VolumeArgs:
    """The certificate alone: the operator keeps the authority's private key in the same Secret."""
    return core.VolumeArgs(
        name=AUTHORITY_VOLUME,
        secret=core.SecretVolumeSourceArgs(
            secret_name=authority.secret, items=[core.KeyToPathArgs(key=authority.key, path=authority.key)]
        ),
    )


def _spread(key: str, selector: Mapping[str, str]) -> core.TopologySpreadConstraintArgs:
    """Spread, but run anywhere rather than nowhere; each release is counted for itself, or the old pods would count."""
    return core.TopologySpreadConstraintArgs(
        topology_key=key,
        max_skew=1,
        when_unsatisfiable="ScheduleAnyway",
        label_selector=LabelSelectorArgs(match_labels=selector),
        match_label_keys=["pod-template-hash"],
    )
