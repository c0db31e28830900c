"""What each part of a deployment needs of the cluster, with what would happen without it and where to get it."""

from components.kubernetes.cluster import Requirement

CNPG = ("postgresql.cnpg.io", "v1")
BARMAN = ("barmancloud.cnpg.io", "v1")
CERT_MANAGER = ("cert-manager.io", "v1")
GATEWAY = ("gateway.networking.k8s.io", "v1")
PROMETHEUS = ("monitoring.coreos.com", "v1")
NETWORKING = ("networking.k8s.io", "v1")


def api_version(api: tuple[str, str]) -> str:
    """A group and its version as manifests write them."""
    return "/".join(api)


def cloudnative_pg() -> Requirement:
    """The operator that runs PostgreSQL."""
    return Requirement(
        group=CNPG[0],
        version=CNPG[1],
        kind="Cluster",
        plural="clusters",
        key="database.kind",
        consequence="nobody would run the database",
        remedy="Install CloudNativePG's operator, or set rag:database.kind to external",
    )


def backups() -> Requirement:
    """The plugin of CloudNativePG that writes to object storage."""
    return Requirement(
        group=BARMAN[0],
        version=BARMAN[1],
        kind="ObjectStore",
        plural="objectstores",
        key="database.backups",
        consequence="nothing would be backed up",
        remedy="Install CloudNativePG's Barman Cloud plugin beside its operator, or remove rag:database.backups",
    )


def issuer(name: str) -> Requirement:
    """cert-manager with the ClusterIssuer that certificates are asked of."""
    return Requirement(
        group=CERT_MANAGER[0],
        version=CERT_MANAGER[1],
        kind="ClusterIssuer",
        plural="clusterissuers",
        name=name,
        key="ingress.issuer",
        consequence="no certificate would be issued",
        remedy="Install cert-manager and create the issuer, or set rag:ingress.tls_secret instead",
    )


def ingress_class(name: str) -> Requirement:
    """The class by which an ingress controller knows its own."""
    return Requirement(
        group=NETWORKING[0],
        version=NETWORKING[1],
        kind="IngressClass",
        plural="ingressclasses",
        name=name,
        key="ingress.class",
        consequence="no controller would route to the service",
        remedy="Set it to one that `kubectl get ingressclass` lists, or install that controller",
    )


def gateway(name: str, namespace: str) -> Requirement:
    """The Gateway that takes the route."""
    return Requirement(
        group=GATEWAY[0],
        version=GATEWAY[1],
        kind="Gateway",
        plural="gateways",
        name=name,
        namespace=namespace,
        key="ingress.gateway",
        consequence="no gateway would route to the service",
        remedy="Set it to one that `kubectl get gateways --all-namespaces` lists, or set rag:ingress.class instead",
    )


def prometheus_operator() -> Requirement:
    """The operator whose objects tell Prometheus what to scrape and when to alert."""
    return Requirement(
        group=PROMETHEUS[0],
        version=PROMETHEUS[1],
        kind="ServiceMonitor",
        plural="servicemonitors",
        key="observability.metrics",
        consequence="nothing would be scraped",
        remedy="Install Prometheus' operator, or set rag:observability.metrics to annotations",
    )
