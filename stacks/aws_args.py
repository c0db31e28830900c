"""What the AWS components are told: the settings, the place and the arithmetic, put into each one's own words."""

from collections.abc import Mapping, Sequence

import pulumi

from components.aws.app_service import AppService, ServiceTimes
from components.aws.boundary import BoundaryArgs
from components.aws.database import Database, DatabaseArgs
from components.aws.handles import LoadBalancerHandle, NetworkHandle
from components.aws.keys import CREATE_KEY
from components.aws.load_balancer import HealthCheck, LoadBalancerArgs
from components.aws.migration import Migration
from components.aws.network import ExistingNetwork, Network, NetworkArgs
from components.aws.observability import ObservabilityArgs
from components.aws.oidc_trust import OidcTrustArgs
from components.aws.permissions_network import FLOW_LOGS
from components.aws.policies import State
from components.aws.roles import SERVICE, TASKS, repository_arn
from components.aws.task import ContainerHealth, TaskSize
from components.release import ImageSource
from components.source import image_tag
from components.workload import WorkloadSpec
from stacks.aws_place import Place
from stacks.capacity_aws import (
    HEALTH_INTERVAL_SECONDS,
    HEALTHY_THRESHOLD,
    LIVENESS_RETRIES,
    UNHEALTHY_THRESHOLD,
)
from stacks.settings import PROJECT, AwsSettings
from stacks.workload import version

HTTP_PORT, HTTPS_PORT = 80, 443
READINESS_TIMEOUT_SECONDS = 4
"""Below the interval, as AWS demands."""
KEPT_DAYS = 30
"""How long a deleted secret can be brought back, where the data is protected; elsewhere it goes at once."""


def source_of(settings: AwsSettings, place: Place) -> ImageSource:
    """This checkout, as an image for the processors that will run it."""
    platforms = [settings.service.platform]
    tag = image_tag(PROJECT, version=version(), stack=place.stack, platforms=platforms)
    return ImageSource(version=version(), tag=tag, platforms=platforms)


def boundary_args(settings: AwsSettings, place: Place) -> BoundaryArgs | None:
    """The boundary of the stack's roles: none where nobody but administrators deploys, or where they have their own."""
    if settings.oidc is None or settings.aws.permissions_boundary is not None:
        return None
    image, key = settings.release.image, settings.secrets.kms_key
    repository = None if image is None else repository_arn(image)
    return BoundaryArgs(
        prefix=place.prefix,
        stack=place.prefix,
        account_id=place.account,
        region=place.region,
        repositories=[repository] if repository is not None else [],
        keys=[key] if key.startswith("arn:") else [],
    )


def network_args(
    settings: AwsSettings, place: Place, *, app_port: int, boundary: pulumi.Input[str] | None
) -> NetworkArgs:
    """The network to create, or the existing one to use; `boundary` (ARN) bounds its role."""
    wanted, vpc = settings.network, settings.network.vpc
    return NetworkArgs(
        prefix=place.prefix,
        region=place.region,
        cidr=wanted.cidr,
        zones=place.zones,
        nat=wanted.nat_of(settings.profile),
        endpoints=wanted.endpoints,
        public_ports=(HTTP_PORT,) if settings.aws.domain is None else (HTTP_PORT, HTTPS_PORT),
        app_port=app_port,
        flow_log_days=settings.log_days if wanted.flow_logs else None,
        account_id=place.account,
        boundary=boundary,
        existing=None
        if vpc is None
        else ExistingNetwork(vpc_id=vpc.id, public_subnets=vpc.public_subnets, private_subnets=vpc.private_subnets),
    )


def database_args(settings: AwsSettings, place: Place, network: NetworkHandle) -> DatabaseArgs:
    """The database: `max_connections` is the number that the connection budget was judged by."""
    wanted, profile = settings.database, settings.profile
    production = profile == "prod"
    return DatabaseArgs(
        prefix=place.prefix,
        network=network,
        instance_class=wanted.class_of(profile),
        major_version=wanted.major_version,
        storage_gb=wanted.storage_gb,
        max_storage_gb=wanted.max_storage_gb,
        multi_az=wanted.multi_az_of(profile),
        backup_days=wanted.backup_days_of(profile),
        max_connections=settings.max_connections,
        protect=settings.protected,
        final_snapshot=production,
        apply_immediately=wanted.apply_immediately_of(profile),
        backup_window=wanted.backup_window,
        maintenance_window=wanted.maintenance_window,
        restore_from=wanted.restore_from,
        kms_key=None,
        log_days=settings.log_days,
        insights=production,
    )


def load_balancer_args(
    settings: AwsSettings, place: Place, network: NetworkHandle, workload: WorkloadSpec
) -> LoadBalancerArgs:
    """The way in. A task gets requests while it is ready, which it is not without the database."""
    return LoadBalancerArgs(
        prefix=place.prefix,
        network=network,
        port=workload.port,
        health=HealthCheck(
            path=workload.probes.ready,
            interval=HEALTH_INTERVAL_SECONDS,
            timeout=READINESS_TIMEOUT_SECONDS,
            healthy=HEALTHY_THRESHOLD,
            unhealthy=UNHEALTHY_THRESHOLD,
        ),
        deregistration_seconds=settings.times.deregistration,
        domain=settings.aws.domain,
        hosted_zone=settings.aws.hosted_zone,
        allow_plain_http=settings.aws.allow_plain_http,
        two_groups=settings.rollout.strategy != "rolling",
        protect=settings.protected,
        region=place.region,
        again=place.again,
    )


def liveness() -> ContainerHealth:
    """How ECS itself asks whether a container lives: as often as the load balancer, and without the database."""
    return ContainerHealth(interval=HEALTH_INTERVAL_SECONDS, timeout=HEALTH_INTERVAL_SECONDS, retries=LIVENESS_RETRIES)


def service_times(settings: AwsSettings) -> ServiceTimes:
    """How long ECS may take, as the budget of the release counts it."""
    times = settings.times
    return ServiceTimes(
        startup=settings.rollout.startup_seconds, stop=times.stop, rollout=times.service, rollback=times.rollback
    )


def size_of(settings: AwsSettings) -> TaskSize:
    """The size of every task."""
    cpu, memory = settings.size
    return TaskSize(cpu=cpu, memory=memory)


def observability_args(
    settings: AwsSettings,
    place: Place,
    *,
    balancer: LoadBalancerHandle,
    database: Database,
    cluster_name: pulumi.Input[str],
) -> ObservabilityArgs:
    """What is watched. It comes before the service, whose releases its alarms judge, and so knows it by name."""
    return ObservabilityArgs(
        prefix=place.prefix,
        region=place.region,
        account=place.account,
        load_balancer=balancer,
        database=database.identifier,
        max_connections=database.max_connections,
        storage_gb=settings.database.storage_gb,
        cluster_name=cluster_name,
        service_name=f"{place.prefix}-service",
        latency_seconds=settings.observability.latency_seconds,
        startup_seconds=settings.rollout.startup_seconds,
        email=settings.observability.alarm_email,
    )


def trust_args(
    settings: AwsSettings,
    place: Place,
    *,
    boundary: pulumi.Input[str] | None,
    passed: Mapping[str, Sequence[pulumi.Input[str]]],
) -> OidcTrustArgs | None:
    """The trust in GitHub, if it is asked for.

    `passed` are the roles that whoever deploys hands to AWS's services, and `boundary` (ARN) is what all of them carry.
    """
    oidc, vpc, key = settings.oidc, settings.network.vpc, settings.secrets.kms_key
    if oidc is None or boundary is None:
        return None
    return OidcTrustArgs(
        prefix=place.prefix,
        stack=place.prefix,
        account_id=place.account,
        region=place.region,
        subject_prefix=oidc.prefix,
        environment=oidc.environment,
        provider=oidc.provider,
        boundary=boundary,
        permissions_boundary=oidc.permissions_boundary,
        passed_roles=passed,
        domain=settings.aws.domain,
        hosted_zone=settings.aws.hosted_zone,
        vpc_id=None if vpc is None else vpc.id,
        endpoints=settings.network.endpoints,
        waf=settings.waf,
        own_key=key == CREATE_KEY,
        keys=[key] if key.startswith("arn:") else [],
        state=None
        if oidc.state_bucket is None
        else State(bucket=oidc.state_bucket, project=pulumi.get_project(), stack=place.stack),
        state_key=oidc.state_key,
    )


def passed_roles(
    network: Network, migration: Migration, service: AppService
) -> Mapping[str, Sequence[pulumi.Input[str]]]:
    """By service of AWS, the roles that are handed to it."""
    roles = {**migration.roles, **service.roles}
    passed: dict[str, Sequence[pulumi.Input[str]]] = {
        TASKS: [role for name, role in roles.items() if not name.endswith("-balancer")]
    }
    if balancer := [role for name, role in roles.items() if name.endswith("-balancer")]:
        passed[SERVICE] = balancer
    if network.flow_log_role is not None:
        passed[FLOW_LOGS] = [network.flow_log_role]
    return passed
