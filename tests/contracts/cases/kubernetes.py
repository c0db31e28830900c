"""The components of Kubernetes with arguments to build them from."""

from components.kubernetes.app_service import AppService, AppServiceArgs, AppServiceTimes
from components.kubernetes.autoscaler import Autoscaler, AutoscalerArgs
from components.kubernetes.cluster import Cluster, ClusterArgs
from components.kubernetes.database import (
    Backups,
    Database,
    DatabaseArgs,
    ExternalDatabase,
    ExternalDatabaseArgs,
    authority_of,
    route_of,
)
from components.kubernetes.handles import ClusterAccess, ContainerResources, Place
from components.kubernetes.ingress import Ingress, IngressArgs, Route, RouteArgs
from components.kubernetes.migration import Migration, MigrationArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.network import Network, NetworkArgs
from components.kubernetes.observability import Observability, ObservabilityArgs
from components.kubernetes.oidc_trust import OidcTrust, OidcTrustArgs
from components.kubernetes.registry import Registry, RegistryArgs
from components.kubernetes.requirements import cloudnative_pg, gateway
from components.kubernetes.secrets import Secrets, SecretsArgs
from components.release import RegistryLogin
from tests.contracts.cases.shared import WORKLOAD, Cases, Given, a_release, some_secrets

ACCESS = ClusterAccess(kubeconfig="/home/somebody/kubeconfig", context="test")
RESOURCES = ContainerResources(requests={"cpu": "500m", "memory": "512Mi"}, limits={"cpu": "1", "memory": "1Gi"})
TIMES = AppServiceTimes(startup=60, drain=10, grace=48, progress=120, rollout=288)


def a_place(given: Given) -> Place:
    return Place(namespace=given("namespace"), name="rag")


CASES: Cases = {
    Cluster: lambda _given: ClusterArgs(
        kubeconfig=ACCESS.kubeconfig,
        context=ACCESS.context,
        namespace="rag",
        create_namespace=True,
        requirements=[cloudnative_pg(), gateway("shared", "gateways")],
    ),
    Namespace: lambda given: NamespaceArgs(place=a_place(given)),
    Registry: lambda given: RegistryArgs(
        place=a_place(given),
        login=RegistryLogin(server="registry.example.com", username="robot", password=given("password")),
    ),
    Network: lambda given: NetworkArgs(
        place=a_place(given),
        port=8000,
        controller_namespace="ingress-nginx",
        metrics_namespace="monitoring",
        database=route_of(a_place(given)),
        operator_namespace="cnpg-system",
    ),
    Ingress: lambda given: IngressArgs(
        place=a_place(given),
        host="rag.example.com",
        class_name="nginx",
        tls_secret="rag-tls",
        issuer="letsencrypt",
        service=given("service"),
        port=80,
        upload_megabytes=200,
    ),
    Route: lambda given: RouteArgs(
        place=a_place(given),
        host="rag.example.com",
        gateway="shared",
        gateway_namespace="gateways",
        section="https",
        service=given("service"),
        port=80,
    ),
    Database: lambda given: DatabaseArgs(
        place=a_place(given),
        image="ghcr.io/cloudnative-pg/postgresql:18-standard-trixie",
        instances=3,
        max_connections=400,
        storage="10Gi",
        storage_class="fast",
        memory="1Gi",
        cpu="1",
        backups=Backups(
            destination="s3://backups/rag",
            endpoint="https://storage.example.com",
            credentials="rag-backups",
            retention_days=14,
            schedule="0 0 3 * * *",
        ),
    ),
    ExternalDatabase: lambda given: ExternalDatabaseArgs(
        place=a_place(given), url=given("postgresql-url"), max_connections=400
    ),
    Secrets: lambda given: SecretsArgs(
        place=a_place(given), environment=WORKLOAD.environment, database_url=given("database-url-secret")
    ),
    Migration: lambda given: MigrationArgs(
        access=ACCESS,
        place=a_place(given),
        workload=WORKLOAD,
        release=a_release(given),
        account=given("account"),
        secrets=some_secrets(given),
        seconds=300,
        authority=authority_of(a_place(given)),
    ),
    AppService: lambda given: AppServiceArgs(
        access=ACCESS,
        place=a_place(given),
        workload=WORKLOAD,
        release=a_release(given),
        account=given("account"),
        environment=given("environment"),
        secrets=some_secrets(given),
        url="https://rag.example.com",
        web=RESOURCES,
        worker=RESOURCES,
        times=TIMES,
        authority=authority_of(a_place(given)),
        annotations={"prometheus.io/scrape": "true"},
    ),
    Autoscaler: lambda given: AutoscalerArgs(place=a_place(given), deployment=given("deployment"), least=2, most=10),
    OidcTrust: lambda given: OidcTrustArgs(
        place=a_place(given), repository="owner/name", subject_prefix="repo:owner/name", environment="production"
    ),
    Observability: lambda given: ObservabilityArgs(
        place=a_place(given), labels={"release": "prometheus"}, database="rag-database", max_connections=400
    ),
}
