"""What the stack on Kubernetes hands to its components, and which of two components a setting chooses."""

from collections.abc import Mapping, Sequence

import pulumi

from components.contracts import DatabaseHandle
from components.kubernetes import database as cloudnative
from components.kubernetes import requirements
from components.kubernetes.app_service import AppServiceTimes
from components.kubernetes.cluster import ClusterArgs, Requirement
from components.kubernetes.database import Database, DatabaseArgs, ExternalDatabase, ExternalDatabaseArgs
from components.kubernetes.handles import CertificateAuthority, ContainerResources, DatabaseRoute, Place
from components.kubernetes.ingress import Ingress, IngressArgs, Route, RouteArgs
from components.kubernetes.network import Network, NetworkArgs
from components.kubernetes.observability import Observability, ObservabilityArgs, scrape_annotations
from components.kubernetes.oidc_trust import OidcTrust, OidcTrustArgs
from components.release import ImageSource, RegistryLogin, ReleaseArgs
from components.source import image_tag
from components.workload import WorkloadSpec
from stacks.settings import PROJECT, KubernetesSettings
from stacks.settings.kubernetes_parts import ContainerSize
from stacks.workload import version


def cluster_args(settings: KubernetesSettings) -> ClusterArgs:
    """Which cluster, and what it must have for these settings."""
    chosen = settings.kubernetes
    return ClusterArgs(
        kubeconfig=chosen.kubeconfig,
        context=chosen.context,
        namespace=chosen.namespace,
        create_namespace=chosen.create_namespace,
        requirements=requirements_of(settings),
        check=chosen.check,
    )


def requirements_of(settings: KubernetesSettings) -> Sequence[Requirement]:
    """The operators and the objects of others that these settings count on."""
    ingress, database = settings.ingress, settings.database
    return [
        *([requirements.cloudnative_pg()] if database.kind == "cloudnative-pg" else []),
        *([requirements.backups()] if database.backups else []),
        *([requirements.ingress_class(ingress.class_name)] if ingress.class_name else []),
        *([requirements.issuer(ingress.issuer)] if ingress.issuer else []),
        *([requirements.gateway(ingress.gateway.name, ingress.gateway.namespace)] if ingress.gateway else []),
        *([requirements.prometheus_operator()] if settings.observability.metrics == "operator" else []),
    ]


def login_of(settings: KubernetesSettings) -> RegistryLogin | None:
    """The registry's login, or None where none is needed."""
    username, password = settings.registry.username, settings.registry.password
    if username is None or password is None:
        return None
    secret = pulumi.Output.secret(password.get_secret_value())
    return RegistryLogin(server=settings.registry_host, username=username, password=secret)


def release_args(settings: KubernetesSettings) -> ReleaseArgs:
    """This checkout, built and pushed, or the image that was asked for."""
    platforms = settings.registry.platforms
    tag = image_tag(PROJECT, version=version(), stack=pulumi.get_stack(), platforms=platforms)
    source = ImageSource(version=version(), tag=tag, platforms=platforms)
    return ReleaseArgs(
        repository=settings.registry.repository,
        source=None if settings.release.image else source,
        image=settings.release.image,
        login=login_of(settings),
    )


def network_args(settings: KubernetesSettings, place: Place, workload: WorkloadSpec) -> NetworkArgs:
    """Who may reach the pods, and what they may reach."""
    external = settings.database.kind == "external"
    return NetworkArgs(
        place=place,
        port=workload.port,
        controller_namespace=settings.ingress.controller_namespace,
        metrics_namespace=None if settings.observability.metrics == "none" else settings.observability.namespace,
        database=DatabaseRoute(port=settings.database.port) if external else cloudnative.route_of(place),
        operator_namespace=None if external else settings.database.operator_namespace,
    )


def entrance_of(
    settings: KubernetesSettings, place: Place, network: Network, there: pulumi.ResourceOptions
) -> Ingress | Route:
    """The way in: an Ingress of the class, or a route of the Gateway."""
    chosen = settings.ingress
    if chosen.gateway is not None:
        gateway = chosen.gateway
        return Route(
            "ingress",
            RouteArgs(
                place=place,
                host=chosen.host,
                gateway=gateway.name,
                gateway_namespace=gateway.namespace,
                section=gateway.section,
                service=network.service,
                port=network.port,
            ),
            there,
        )
    return Ingress(
        "ingress",
        IngressArgs(
            place=place,
            host=chosen.host,
            class_name=chosen.class_name or "",
            tls_secret=chosen.tls_secret or f"{place.name}-tls",
            issuer=chosen.issuer,
            service=network.service,
            port=network.port,
            upload_megabytes=settings.upload_megabytes,
            annotations=chosen.annotations,
        ),
        there,
    )


def trust_of(settings: KubernetesSettings, place: Place, there: pulumi.ResourceOptions) -> OidcTrust | None:
    """GitHub's trust, where it is asked for."""
    if settings.oidc is None:
        return None
    return OidcTrust(
        "trust",
        OidcTrustArgs(
            place=place,
            repository=settings.oidc.repository,
            subject_prefix=settings.oidc.prefix,
            environment=settings.oidc.environment,
        ),
        there,
    )


def observability_of(settings: KubernetesSettings, place: Place, there: pulumi.ResourceOptions) -> Observability | None:
    """The objects of Prometheus' operator, where they are asked for."""
    if settings.observability.metrics != "operator":
        return None
    external = settings.database.kind == "external"
    return Observability(
        "observability",
        ObservabilityArgs(
            place=place,
            labels=settings.observability.labels,
            database=None if external else cloudnative.cluster_name(place),
            max_connections=settings.database.max_connections,
        ),
        there,
    )


def database_of(settings: KubernetesSettings, place: Place, there: pulumi.ResourceOptions) -> DatabaseHandle:
    """The database that exists already, or a cluster of CloudNativePG."""
    chosen = settings.database
    if chosen.url is not None:
        url = pulumi.Output.secret(chosen.url.get_secret_value())
        given = ExternalDatabaseArgs(place=place, url=url, max_connections=chosen.max_connections)
        return ExternalDatabase("database", given, there).handle
    backups = chosen.backups
    return Database(
        "database",
        DatabaseArgs(
            place=place,
            image=chosen.image,
            instances=chosen.instances_of(settings.profile),
            max_connections=chosen.max_connections,
            storage=chosen.storage,
            storage_class=chosen.storage_class,
            memory=chosen.memory,
            cpu=chosen.cpu,
            backups=cloudnative.Backups(
                destination=backups.destination,
                endpoint=backups.endpoint,
                credentials=backups.credentials,
                retention_days=backups.retention_days,
                schedule=backups.schedule,
            )
            if backups
            else None,
            protect=settings.is_protected(chosen.protect),
        ),
        there,
    ).handle


def authority_of(settings: KubernetesSettings, place: Place) -> CertificateAuthority | None:
    """Who signed the database's certificate, where it is the operator's own authority."""
    return cloudnative.authority_of(place) if settings.database.kind == "cloudnative-pg" else None


def times_of(settings: KubernetesSettings) -> AppServiceTimes:
    """What the cluster is told about times."""
    times = settings.times
    return AppServiceTimes(
        startup=times.startup,
        drain=times.drain,
        grace=times.grace,
        progress=times.progress,
        rollout=times.rollout,
    )


def resources_of(size: ContainerSize) -> ContainerResources:
    """A container's size as the cluster takes it."""
    return ContainerResources(
        requests={"cpu": size.cpu_request, "memory": size.memory_request},
        limits={"cpu": size.cpu_limit, "memory": size.memory_limit},
    )


def annotations_of(settings: KubernetesSettings, workload: WorkloadSpec) -> Mapping[str, str]:
    """What Prometheus finds the pods by, where it has no operator."""
    return scrape_annotations(workload.port) if settings.observability.metrics == "annotations" else {}


def how_to_read(settings: KubernetesSettings, secret: pulumi.Input[str]) -> pulumi.Output[str]:
    """The command that shows the first API key; the key itself is never an output."""
    chosen = settings.kubernetes
    return pulumi.Output.concat(
        f"kubectl --context {chosen.context} --namespace {chosen.namespace} get secret ",
        secret,
        " --output jsonpath='{.data.BOOTSTRAP_API_KEY}' | base64 --decode",
    )
