"""The settings of `cloud: kubernetes`: any cluster that a kubeconfig reaches."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from stacks.capacity import ContainerTimes
from stacks.settings.containers import ContainerSettings, require_domain
from stacks.settings.model import Model, Profile
from stacks.settings.shared import require_promised_times

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
REPOSITORY = re.compile(r"(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")
QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
FACTORS = {"m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40
}  # fmt: skip
BATCHES = 2
"""Half of the replicas are replaced at a time (maxSurge 50 %), so a release comes in two groups."""


def quantity(text: str) -> Decimal:
    """A Kubernetes quantity (`500m`, `1.5`, `512Mi`) as a number; raises ValueError for anything else."""
    found = QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is no quantity of Kubernetes, so the API server would refuse the Deployment; "
            "write for example 500m, 2 or 512Mi"
        )
    return Decimal(found[1]) * FACTORS.get(found[2] or "", 1)


def require_label(value: str) -> str:
    """A name that Kubernetes accepts for a namespace or a Service; raises ValueError for anything else."""
    if DNS_LABEL.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is no DNS label, so the API server would refuse it in the middle of the deployment; "
            "use at most 63 lower-case letters, digits and hyphens, with a letter or digit at both ends"
        )
    return value


class ContainerSize(Model):
    """What a container is promised (`requests`) and what it may take at most (`limits`)."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Self:
        for kind, request, limit in (
            ("cpu", self.cpu_request, self.cpu_limit),
            ("memory", self.memory_request, self.memory_limit),
        ):
            if quantity(request) <= 0 or quantity(request) > quantity(limit):
                raise ValueError(
                    f"{kind}_request {request} is not between 0 and {kind}_limit {limit}: the API server would refuse "
                    f"the Deployment; lower the request or raise the limit"
                )
        return self


class KubernetesResources(Model):
    """The sizes of the two containers of a replica. The worker's memory holds a parser child (PARSE_MEMORY_MB)."""

    web: ContainerSize = ContainerSize(cpu_request="500m", cpu_limit="1", memory_request="512Mi", memory_limit="1Gi")
    worker: ContainerSize = ContainerSize(cpu_request="250m", cpu_limit="1", memory_request="512Mi", memory_limit="1Gi")


class RegistrySettings(Model):
    """The OCI registry: where the program pushes what it builds, and how the cluster pulls it.

    `repository` is host and path without a tag. `username` and `password` become the cluster's pull secret; without
    them the registry is public to the cluster and the push uses the login of the machine's own Docker.
    """

    repository: str | None = None
    username: str | None = None
    password: SecretStr | None = None
    platforms: tuple[Literal["linux/amd64", "linux/arm64"], ...] = ("linux/amd64", "linux/arm64")

    @field_validator("repository")
    @classmethod
    def _host_and_path(cls, value: str | None) -> str | None:
        if value is not None and REPOSITORY.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} is no repository of a registry, so nothing could be pushed; write host and path in lower "
                "case, without a scheme, a tag or a digest, for example registry.example.com/team/rag"
            )
        return value

    @model_validator(mode="after")
    def _a_whole_login(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError(
                "username and password belong together: with one of them alone no pod could pull; set both or none"
            )
        return self


class GatewaySettings(Model):
    """The Gateway (of the Gateway API) that takes the service's HTTPRoute."""

    name: str
    namespace: str
    section: str | None = None

    @field_validator("name", "namespace")
    @classmethod
    def _labels(cls, value: str) -> str:
        return require_label(value)


class IngressSettings(Model):
    """How users reach the service: an Ingress of a class, or an HTTPRoute of a Gateway.

    `issuer` is a ClusterIssuer of cert-manager that issues the certificate into `tls_secret`; without one the Secret
    must exist. `controller_namespace` is where the ingress controller or the Gateway's data plane runs: nothing else
    may open connections to the service. `proxy_hops` is how many proxies stand before it, whose addresses in
    X-Forwarded-For are believed.
    """

    host: str
    controller_namespace: str
    class_name: str | None = Field(default=None, alias="class")
    issuer: str | None = None
    tls_secret: str | None = None
    gateway: GatewaySettings | None = None
    proxy_hops: Annotated[int, Field(ge=1, le=10)] = 1

    @field_validator("host")
    @classmethod
    def _a_domain(cls, value: str) -> str:
        return require_domain(value)

    @field_validator("controller_namespace", "class_name", "issuer", "tls_secret")
    @classmethod
    def _names(cls, value: str | None) -> str | None:
        return None if value is None else require_label(value)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.class_name is None) == (self.gateway is None):
            raise ValueError(
                "needs either `class` (an Ingress; `kubectl get ingressclass` lists them) or `gateway` (an HTTPRoute): "
                "with neither or both of them no controller, or the wrong one, would route to the service"
            )
        if self.gateway is not None and (self.issuer is not None or self.tls_secret is not None):
            raise ValueError(
                "issuer and tls_secret belong to an Ingress; with `gateway` they would do nothing, because the "
                "Gateway's listener holds the certificate; remove them"
            )
        return self


class BackupSettings(Model):
    """Continuous backups of a CloudNativePG cluster to S3-compatible object storage (the Barman Cloud plugin).

    `credentials` names a Secret of the namespace with the keys ACCESS_KEY_ID and ACCESS_SECRET_KEY; without it the
    pods' own identity is used. `schedule` is a cron expression with seconds.
    """

    destination: Annotated[str, Field(pattern=r"^s3://[a-z0-9.-]+(/.*)?$")]
    endpoint: Annotated[str, Field(pattern=r"^https://")] | None = None
    credentials: str | None = None
    retention_days: Annotated[int, Field(ge=1, le=365)] = 14
    schedule: str = "0 0 3 * * *"


class KubernetesDatabaseSettings(Model):
    """PostgreSQL: a cluster run by CloudNativePG's operator, or one that exists already (`external`, with its URL)."""

    kind: Literal["cloudnative-pg", "external"] = "cloudnative-pg"
    url: SecretStr | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    max_connections: Annotated[int, Field(ge=10, le=5000)] = 400
    protect: bool | None = None
    instances: Annotated[int, Field(ge=1, le=9)] | None = None
    storage: str = "10Gi"
    storage_class: str | None = None
    memory: str = "1Gi"
    cpu: str = "1"
    backups: BackupSettings | None = None

    def instances_of(self, profile: Profile) -> int:
        """How many PostgreSQL servers: three in prod, so that one may fail."""
        return self.instances or (3 if profile == "prod" else 1)

    @field_validator("storage", "memory", "cpu")
    @classmethod
    def _quantities(cls, value: str) -> str:
        quantity(value)
        return value

    @model_validator(mode="after")
    def _one_database(self) -> Self:
        if self.kind == "external" and self.url is None:
            raise ValueError(
                "kind external needs url: the service would have no database; set it with "
                "`pulumi config set --secret --path rag:database.url postgresql://...`"
            )
        if self.kind == "cloudnative-pg" and self.url is not None:
            raise ValueError(
                "url belongs to kind external: with cloudnative-pg the database is created and the URL would be "
                "ignored; remove it, or set kind: external"
            )
        if self.kind == "external" and self.backups is not None:
            raise ValueError("backups belong to cloudnative-pg: an external database is backed up where it lives")
        return self


class KubernetesObservability(Model):
    """How Prometheus finds the service: annotations on its pods, or the Prometheus operator's own objects."""

    metrics: Literal["annotations", "operator", "none"] = "annotations"
    labels: Mapping[str, str] = {}
    """Labels that the operator's Prometheus selects its monitors and rules by."""


class Cluster(Model):
    """Which cluster, and where in it. The context is named, so that no preview ever meets another cluster."""

    context: str
    kubeconfig: str = "~/.kube/config"
    namespace: str = "rag"
    create_namespace: bool = True

    @field_validator("namespace")
    @classmethod
    def _a_label(cls, value: str) -> str:
        if value in {"default", "kube-system", "kube-public", "kube-node-lease"}:
            raise ValueError(
                f"{value!r} belongs to the cluster: its Pod Security level and its deletion would touch others; "
                "choose a namespace of its own"
            )
        return require_label(value)


class KubernetesSettings(ContainerSettings):
    """A stack with `cloud: kubernetes`."""

    cloud: Literal["kubernetes"]
    kubernetes: Cluster
    ingress: IngressSettings
    registry: RegistrySettings = RegistrySettings()
    resources: KubernetesResources = KubernetesResources()
    database: KubernetesDatabaseSettings = KubernetesDatabaseSettings()
    observability: KubernetesObservability = KubernetesObservability()

    @property
    def times(self) -> ContainerTimes:
        """How long a release may take, and what the cluster is told for that."""
        return self.rollout.times(batches=BATCHES)

    @model_validator(mode="after")
    def _within_the_promised_times(self) -> Self:
        require_promised_times(rollout=self.times.rollout, rollback=self.times.rollback)
        return self

    @model_validator(mode="after")
    def _connections_fit(self) -> Self:
        self.require_connections(self.database.max_connections, "database.max_connections")
        return self

    @model_validator(mode="after")
    def _something_to_deploy(self) -> Self:
        if self.release.image is None and self.registry.repository is None:
            raise ValueError(
                "registry.repository or release.image is missing: the program could not push what it builds, and "
                "nothing else says what to deploy; set one of them"
            )
        return self
