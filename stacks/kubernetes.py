"""The nine steps on any Kubernetes cluster, in the order in which they happen."""

from collections.abc import Mapping

import pulumi

from components.kubernetes.app_service import AppService, AppServiceArgs
from components.kubernetes.autoscaler import Autoscaler, AutoscalerArgs
from components.kubernetes.cluster import Cluster
from components.kubernetes.handles import Place
from components.kubernetes.migration import Migration, MigrationArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.network import Network
from components.kubernetes.registry import Registry, RegistryArgs
from components.kubernetes.secrets import Secrets, SecretsArgs
from components.release import Release
from components.rollout import RolloutCheck, RolloutCheckArgs
from stacks.kubernetes_args import (
    annotations_of,
    authority_of,
    cluster_args,
    database_of,
    entrance_of,
    how_to_read,
    login_of,
    network_args,
    observability_of,
    release_args,
    resources_of,
    times_of,
    trust_of,
)
from stacks.settings import KubernetesSettings
from stacks.workload import container_workload


def compose(settings: KubernetesSettings) -> Mapping[str, pulumi.Input[object]]:
    """Composes the Kubernetes target. Step 1, the settings, is done: they are judged before this is called."""
    workload = container_workload(settings, proxy_hops=settings.ingress.proxy_hops)
    rollback = f"make rollback STACK={pulumi.get_stack()}"

    # The cluster is judged before anything is created: what it lacks is an error now and not halfway.
    cluster = Cluster("cluster", cluster_args(settings))
    there = pulumi.ResourceOptions(providers=[cluster.provider])
    place = Place(namespace=cluster.namespace, name=settings.name)
    if settings.kubernetes.create_namespace:
        place = Namespace("namespace", NamespaceArgs(place=place), there).place

    # 2. Registry and 3. Release: everything after this refers to the digest.
    registry = Registry("registry", RegistryArgs(place=place, login=login_of(settings)), there)
    release = Release("release", release_args(settings), pulumi.ResourceOptions(depends_on=[cluster])).handle

    # 4. Network: closed but for what is named, the way in, and what Prometheus and GitHub are told.
    network = Network("network", network_args(settings, place, workload), there)
    entrance = entrance_of(settings, place, network, there)
    trust = trust_of(settings, place, there)
    beside = [part for part in (network, entrance, trust, observability_of(settings, place, there)) if part]

    # 5. Database and 6. Secrets: references from here on, never values.
    database = database_of(settings, place, there)
    secrets = Secrets(
        "secrets", SecretsArgs(place=place, environment=workload.environment, database_url=database.url), there
    )

    # 7. Migration: after all that can be judged without it, and it stops everything after it when it fails.
    migration = Migration(
        "migration",
        MigrationArgs(
            access=cluster.access,
            place=place,
            workload=workload,
            release=release,
            account=registry.account,
            secrets=secrets.references,
            seconds=settings.rollout.migration_seconds,
            authority=authority_of(settings, place),
        ),
        pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[*beside, secrets]),
    )

    # 8. AppService, then Autoscaler.
    service = AppService(
        "service",
        AppServiceArgs(
            access=cluster.access,
            place=place,
            workload=workload,
            release=release,
            account=registry.account,
            environment=secrets.environment,
            secrets=secrets.references,
            url=entrance.url,
            web=resources_of(settings.resources.web),
            worker=resources_of(settings.resources.worker),
            times=times_of(settings),
            authority=authority_of(settings, place),
            annotations=annotations_of(settings, workload),
        ),
        pulumi.ResourceOptions(providers=[cluster.provider], depends_on=[migration]),
    )
    bounds = settings.bounds
    Autoscaler(
        "autoscaler",
        AutoscalerArgs(place=place, deployment=service.deployment, least=bounds.min, most=bounds.max),
        there,
    )

    # 9. Rollout check: only now is the update a success.
    rollout = RolloutCheck(
        "rollout",
        RolloutCheckArgs(
            service=service.handle,
            release=release,
            health=workload.probes.health,
            seconds=settings.rollout.startup_seconds,
            rollback=rollback,
            ask=settings.rollout.evidence == "address",
        ),
    )
    return {
        "url": rollout.url,
        "release": release.digest,
        "image": release.location,
        "previous_release": rollout.previous,
        "migration": migration.report,
        "evidence": rollout.evidence,
        "api_key": how_to_read(settings, secrets.api_key),
        "rollback": rollback,
        **({"authentication_configuration": trust.authentication} if trust else {}),
    }
