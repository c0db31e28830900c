"""Cases of components/aws: the way in, the data, scaling, and what is watched."""

from pulumi.resource import DependencyResource

from components.aws.autoscaler import Autoscaler, AutoscalerArgs
from components.aws.database import Database, DatabaseArgs
from components.aws.handles import EcsServiceHandle, LoadBalancerHandle, NetworkHandle, TargetGroup
from components.aws.load_balancer import HealthCheck, LoadBalancer, LoadBalancerArgs
from components.aws.observability import Observability, ObservabilityArgs
from components.aws.secrets import Secrets, SecretsArgs
from components.aws.waf import Waf, WafArgs
from tests.contracts.cases.shared import Cases, Given

PREFIX = "rag-prod"
ACCOUNT = "123456789012"
REGION = "eu-central-1"
DOMAIN = "rag.example.com"
LISTENER = "urn:pulumi:test::rag::rag:aws:LoadBalancer$aws:lb/listener:Listener::load-balancer-https"
HEALTH = HealthCheck(path="/readyz", interval=5, timeout=4, healthy=2, unhealthy=2)


def a_network(given: Given) -> NetworkHandle:
    return NetworkHandle(
        vpc_id=given("vpc"),
        public_subnets=[given("public-a"), given("public-b")],
        task_subnets=[given("private-a"), given("private-b")],
        database_subnets=[given("data-a"), given("data-b")],
        load_balancer_group=given("sg-balancer"),
        service_group=given("sg-service"),
        database_group=given("sg-database"),
        assign_public_ip=False,
    )


def a_load_balancer(given: Given, *, two_groups: bool = False) -> LoadBalancerHandle:
    """The handle as later components get it; its resource was registered by somebody else."""
    return LoadBalancerHandle(
        url=f"https://{DOMAIN}",
        suffix=given("app/rag-prod/1"),
        primary=TargetGroup(arn=given("primary-arn"), suffix=given("targetgroup/primary/2")),
        alternate=TargetGroup(arn=given("alternate-arn"), suffix=given("targetgroup/alternate/3"))
        if two_groups
        else None,
        rule=given("rule-arn") if two_groups else None,
        listener=DependencyResource(LISTENER),
    )


def an_ecs_service(given: Given) -> EcsServiceHandle:
    return EcsServiceHandle(cluster_name=given("rag-prod"), service_name=given("rag-prod"), arn=given("service-arn"))


CASES: Cases = {
    LoadBalancer: lambda given: LoadBalancerArgs(
        prefix=PREFIX,
        network=a_network(given),
        port=8000,
        health=HEALTH,
        deregistration_seconds=30,
        domain=DOMAIN,
        hosted_zone=given("Z123456789"),
        allow_plain_http=False,
        two_groups=True,
        protect=True,
        region=REGION,
        again="aws ecs update-service --force-new-deployment",
    ),
    Waf: lambda given: WafArgs(prefix=PREFIX, load_balancer=given("balancer-arn")),
    Database: lambda given: DatabaseArgs(
        prefix=PREFIX,
        network=a_network(given),
        instance_class="db.m7g.large",
        major_version=17,
        storage_gb=50,
        max_storage_gb=200,
        multi_az=True,
        backup_days=14,
        max_connections=900,
        protect=True,
        final_snapshot=True,
        apply_immediately=False,
        backup_window="03:00-04:00",
        maintenance_window="sun:04:30-sun:05:30",
        restore_from=None,
        kms_key=given("database-key"),
        log_days=90,
        insights=True,
    ),
    Secrets: lambda given: SecretsArgs(
        prefix=PREFIX,
        database_url=given("postgresql://rag:password@host/rag"),
        kms_key="create",
        recovery_days=7,
        account=given(ACCOUNT),
    ),
    Autoscaler: lambda given: AutoscalerArgs(
        service=an_ecs_service(given),
        load_balancer=a_load_balancer(given),
        min=2,
        max=10,
        cpu=60,
        requests_per_target=600,
    ),
    Observability: lambda given: ObservabilityArgs(
        prefix=PREFIX,
        region=REGION,
        account=given(ACCOUNT),
        load_balancer=a_load_balancer(given, two_groups=True),
        database=given("rag-prod-database"),
        max_connections=900,
        storage_gb=50,
        cluster_name=given(PREFIX),
        service_name=given(PREFIX),
        latency_seconds=5,
        startup_seconds=30,
        email="oncall@example.com",
    ),
}
