"""Cases of components/aws: the cluster, and what runs in it."""

from pulumi.resource import DependencyResource

from components.aws.app_service import AppService, AppServiceArgs, ServiceTimes
from components.aws.cluster import Cluster, ClusterArgs
from components.aws.handles import ClusterHandle, LoadBalancerHandle, NetworkHandle, TargetGroup
from components.aws.migration import Migration, MigrationArgs
from components.aws.release_task import ReleaseTask
from components.aws.task import ContainerHealth, TaskSize
from components.contracts import ReleaseHandle
from tests.contracts.cases.shared import DIGEST, WORKLOAD, Cases, Given, some_secrets

REGION = "eu-central-1"
ACCOUNT = "123456789012"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/rag-test@{DIGEST}"
REPOSITORY = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/rag-test"
PROCESSES = ("web", "worker", "migrate")
LISTENER = "urn:pulumi:test::rag::rag:aws:LoadBalancer$aws:lb/listener:Listener::load-balancer-https"
TIMES = ServiceTimes(startup=60, stop=40, rollout=400, rollback=240)


def a_release_in_ecr(given: Given) -> ReleaseHandle:
    return ReleaseHandle(digest=DIGEST, location=given(IMAGE))


def a_network(given: Given) -> NetworkHandle:
    return NetworkHandle(
        vpc_id=given("vpc-1"),
        public_subnets=[given("subnet-1"), given("subnet-2")],
        task_subnets=[given("subnet-3"), given("subnet-4")],
        database_subnets=[given("subnet-5"), given("subnet-6")],
        load_balancer_group=given("sg-1"),
        service_group=given("sg-2"),
        database_group=given("sg-3"),
        assign_public_ip=False,
    )


def a_cluster(given: Given) -> ClusterHandle:
    return ClusterHandle(
        arn=given(f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/rag-test"),
        name=given("rag-test"),
        log_groups={process: given(f"/ecs/rag-test/{process}") for process in PROCESSES},
    )


def a_load_balancer(given: Given, *, two_groups: bool) -> LoadBalancerHandle:
    def group(name: str) -> TargetGroup:
        arn = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{name}/1"
        return TargetGroup(arn=given(arn), suffix=given(f"targetgroup/{name}/1"))

    return LoadBalancerHandle(
        url="https://rag.example.com",
        suffix=given("app/rag-test/1"),
        primary=group("one"),
        alternate=group("two") if two_groups else None,
        rule=given("listener-rule") if two_groups else None,
        listener=DependencyResource(LISTENER),
    )


def a_task(given: Given, size: TaskSize) -> ReleaseTask:
    return ReleaseTask(
        prefix="rag-test",
        workload=WORKLOAD,
        release=a_release_in_ecr(given),
        repository=given(REPOSITORY),
        references=some_secrets(given),
        kms_key=given("kms-key"),
        network=a_network(given),
        cluster=a_cluster(given),
        size=size,
        architecture="ARM64",
        region=REGION,
        account_id=given(ACCOUNT),
    )


def migration_args(given: Given) -> MigrationArgs:
    return MigrationArgs(task=a_task(given, TaskSize(cpu=256, memory=512)), database=given("db-ABCDEF"), seconds=300)


def service_args(given: Given) -> AppServiceArgs:
    return AppServiceArgs(
        task=a_task(given, TaskSize(cpu=1024, memory=2048)),
        load_balancer=a_load_balancer(given, two_groups=True),
        alarms=[given("rag-test-errors"), given("rag-test-latency")],
        replicas=2,
        times=TIMES,
        health=ContainerHealth(interval=5, timeout=5, retries=3),
        strategy="canary",
        bake_minutes=5,
        canary_percent=10,
    )


CASES: Cases = {
    Cluster: lambda given: ClusterArgs(prefix="rag-test", log_days=30),
    Migration: migration_args,
    AppService: service_args,
}
