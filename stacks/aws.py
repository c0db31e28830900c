"""The nine steps on AWS, in the order in which they happen."""

from collections.abc import Mapping

import pulumi

from components.aws.app_service import AppService, AppServiceArgs
from components.aws.autoscaler import Autoscaler, AutoscalerArgs
from components.aws.boundary import Boundary
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.database import Database
from components.aws.docker_login import DockerLogin, DockerLoginArgs
from components.aws.load_balancer import LoadBalancer
from components.aws.migration import Migration, MigrationArgs
from components.aws.network import Network
from components.aws.observability import Observability
from components.aws.oidc_trust import OidcTrust
from components.aws.registry import Registry, RegistryArgs
from components.aws.release_task import ReleaseTask
from components.aws.roles import repository_arn
from components.aws.secrets import Secrets, SecretsArgs
from components.aws.waf import Waf, WafArgs
from components.release import Release, ReleaseArgs
from components.rollout import RolloutCheck, RolloutCheckArgs
from stacks.aws_args import (
    KEPT_DAYS,
    boundary_args,
    database_args,
    liveness,
    load_balancer_args,
    network_args,
    observability_args,
    passed_roles,
    service_times,
    size_of,
    source_of,
    trust_args,
)
from stacks.aws_place import find_place
from stacks.capacity_aws import ASK_SECONDS
from stacks.settings import AwsSettings
from stacks.workload import container_workload

PROXY_HOPS = 1
"""The load balancer alone stands between users and tasks."""
REQUESTS_PER_TARGET = 600
"""Requests a minute and task from which on another task starts."""


def compose(settings: AwsSettings) -> Mapping[str, pulumi.Input[object]]:
    """Composes the AWS target. Step 1, the settings, is done: they are judged before this is called."""
    place = find_place(settings)
    workload = container_workload(settings, proxy_hops=PROXY_HOPS)

    # 2. Registry and 3. Release: everything after this refers to the digest. The registry stays when a release is
    # named instead of built, because that is where the one to go back to lies.
    registry = Registry(
        "registry",
        RegistryArgs(name=place.prefix, keep=settings.registry.keep, force_delete=not settings.protected),
        place.options(),
    )
    source, wanted = source_of(settings, place), settings.release.image
    login = DockerLoginArgs(repository=registry.repository, tag=source.tag)
    logins = [DockerLogin("login", login, place.options())] if wanted is None else []
    release = Release(
        "release",
        ReleaseArgs(repository=registry.repository, source=source, image=wanted),
        place.options(*logins),
    )

    # Where workflows deploy, the stack's roles can do no more than this, whatever policies they are given.
    repository = registry.arn if wanted is None else repository_arn(wanted)
    bounded = boundary_args(settings, place)
    boundary = (
        settings.aws.permissions_boundary if bounded is None else Boundary("boundary", bounded, place.options()).arn
    )

    # 4. Network, private by default.
    network = Network(
        "network", network_args(settings, place, app_port=workload.port, boundary=boundary), place.options()
    )

    # 5. Database and 6. Secrets: references from here on, never values.
    database = Database("database", database_args(settings, place, network.handle), place.options())
    secrets = Secrets(
        "secrets",
        SecretsArgs(
            prefix=place.prefix,
            database_url=database.url,
            kms_key=settings.secrets.kms_key,
            recovery_days=KEPT_DAYS if settings.protected else 0,
            account=place.account,
        ),
        place.options(),
    )

    # 7. Migration: stops everything after it when it fails. Nothing runs before the way out of the network is there.
    cluster = Cluster("cluster", ClusterArgs(prefix=place.prefix, log_days=settings.log_days), place.options())
    task = ReleaseTask(
        prefix=place.prefix,
        workload=workload,
        release=release.handle,
        repository=repository,
        references=secrets.references,
        kms_key=secrets.kms_key_arn,
        network=network.handle,
        cluster=cluster.handle,
        size=size_of(settings),
        architecture=settings.service.architecture,
        region=place.region,
        account_id=place.account,
        boundary=boundary,
    )
    migration = Migration(
        "migration",
        MigrationArgs(task=task, database=database.resource_id, seconds=settings.rollout.migration),
        place.options(network),
    )

    # 8. AppService behind its load balancer, with the alarms that can call a release back; then Autoscaler.
    balancer = LoadBalancer(
        "balancer", load_balancer_args(settings, place, network.handle, workload), place.options(network)
    )
    if settings.waf:
        Waf("waf", WafArgs(prefix=place.prefix, load_balancer=balancer.arn), place.options())
    watched = observability_args(
        settings, place, balancer=balancer.handle, database=database, cluster_name=cluster.handle.name
    )
    observability = Observability("observability", watched, place.options())
    service = AppService(
        "service",
        AppServiceArgs(
            task=task,
            load_balancer=balancer.handle,
            alarms=observability.deployment_alarms,
            replicas=settings.bounds.min,
            times=service_times(settings),
            health=liveness(),
            strategy=settings.rollout.strategy,
            bake_minutes=settings.rollout.bake,
            canary_percent=settings.rollout.canary or 0,
        ),
        place.options(network, migration),
    )
    Autoscaler(
        "autoscaler",
        AutoscalerArgs(
            service=service.native,
            load_balancer=balancer.handle,
            min=settings.bounds.min,
            max=settings.bounds.max,
            requests_per_target=REQUESTS_PER_TARGET,
        ),
        place.options(),
    )

    # 9. Rollout check: only now is the update a success.
    rollout = RolloutCheck(
        "rollout",
        RolloutCheckArgs(
            service=service.handle,
            release=release.handle,
            health=workload.probes.health,
            seconds=ASK_SECONDS,
            rollback=place.rollback,
            ask=settings.rollout.evidence == "address",
        ),
        place.options(),
    )

    # Beside these: the trust in GitHub's workflows, if it is asked for.
    passed = passed_roles(network, migration, service)
    trusted = trust_args(settings, place, boundary=boundary, passed=passed)
    trust = OidcTrust("trust", trusted, place.options()) if trusted is not None else None
    return {
        "url": rollout.url,
        "release": release.handle.digest,
        "image": release.handle.location,
        "previous_release": rollout.previous,
        "rollback": place.rollback,
        "migration": migration.report,
        "evidence": rollout.evidence,
        "dashboard": observability.dashboard_url,
        "logs": place.logs,
        "api_key": place.how_to_read(secrets.references),
        **({} if trust is None else {"preview_role": trust.preview_role_arn, "deploy_role": trust.deploy_role_arn}),
    }
