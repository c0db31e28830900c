"""The parts of a stack's settings on Kubernetes: the cluster, sizes, the registry, the way in, what is watched."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from stacks.settings.containers import require_domain
from stacks.settings.kubernetes_rules import Label, Quantity, quantity
from stacks.settings.model import Model

REPOSITORY = re.compile(r"(localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")
LEAST_MEMORY = "64Mi"
"""Below this no process of the service starts; `512m` (half a byte) is how people come below it."""


class Cluster(Model):
    """Which cluster, and where in it. The context is named, so that no preview ever meets another cluster.

    The state keeps the kubeconfig's path as it is written here, so it must hold on every machine that deploys: `~/` is
    the account's home there.

    `check: false` asks the cluster nothing before the deployment; it is for plans without a cluster and for nothing
    else: operators that are missing are then found halfway.
    """

    context: Annotated[str, Field(min_length=1)]
    kubeconfig: Annotated[str, Field(min_length=1)] = "~/.kube/config"
    namespace: Label = "rag"
    create_namespace: bool = True
    check: bool = True

    @field_validator("kubeconfig")
    @classmethod
    def _a_path(cls, value: str) -> str:
        if "\n" in value or value.startswith(("{", "apiVersion:")):
            raise ValueError(
                "is a kubeconfig's content and not its path, so credentials would stand in the stack file and in its "
                "state; write the file's path"
            )
        if not value.startswith(("/", "~/")):
            raise ValueError(
                f"{value!r} is relative, and providers run in folders of their own, so it would not be found; write "
                "an absolute path, or one that begins with ~/"
            )
        return value

    @field_validator("namespace")
    @classmethod
    def _of_its_own(cls, value: str) -> str:
        if value in {"default", "kube-system", "kube-public", "kube-node-lease"}:
            raise ValueError(
                f"{value!r} belongs to the cluster: its Pod Security level and its deletion would touch others; "
                "choose a namespace of its own"
            )
        return value


class ContainerSize(Model):
    """What a container is promised (`requests`) and what it may take at most (`limits`)."""

    cpu_request: Quantity
    cpu_limit: Quantity
    memory_request: Quantity
    memory_limit: Quantity

    @model_validator(mode="after")
    def _requests_within_limits(self) -> Self:
        for kind, request, limit in (
            ("cpu", self.cpu_request, self.cpu_limit),
            ("memory", self.memory_request, self.memory_limit),
        ):
            if quantity(request) > quantity(limit):
                raise ValueError(
                    f"{kind}_request {request} is above {kind}_limit {limit}: the API server would refuse "
                    f"the Deployment; lower the request or raise the limit"
                )
        if quantity(self.memory_request) < quantity(LEAST_MEMORY):
            raise ValueError(
                f"memory_request {self.memory_request} is less than {LEAST_MEMORY}: no process would start; "
                "write for example 512Mi (512m is half a byte)"
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
    """The Gateway (of the Gateway API) that takes the service's HTTPRoute; `section` is one of its listeners."""

    name: Label
    namespace: Label
    section: Label | None = None


class IngressSettings(Model):
    """How users reach the service: an Ingress of a class, or an HTTPRoute of a Gateway.

    `issuer` is a ClusterIssuer of cert-manager that issues the certificate into `tls_secret`; without one that Secret
    must exist. `controller_namespace` is where the ingress controller or the Gateway's data plane runs: nothing else
    may open connections to the service. `proxy_hops` is how many proxies stand before it, whose addresses in
    X-Forwarded-For are believed. `annotations` are for the controller, and win over those that the program sets.
    """

    host: str
    controller_namespace: Label
    class_name: Label | None = Field(default=None, alias="class")
    issuer: Label | None = None
    tls_secret: Label | None = None
    gateway: GatewaySettings | None = None
    annotations: Mapping[str, str] = {}
    proxy_hops: Annotated[int, Field(ge=1, le=10)] = 1

    @field_validator("host")
    @classmethod
    def _a_domain(cls, value: str) -> str:
        return require_domain(value)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.class_name is None) == (self.gateway is None):
            raise ValueError(
                "needs either `class` (an Ingress; `kubectl get ingressclass` lists them) or `gateway` (an HTTPRoute): "
                "with neither or both of them no controller, or the wrong one, would route to the service"
            )
        if self.gateway is not None and (self.issuer is not None or self.tls_secret is not None or self.annotations):
            raise ValueError(
                "issuer, tls_secret and annotations belong to an Ingress; with `gateway` they would do nothing, "
                "because the Gateway's listener holds the certificate; remove them"
            )
        if self.class_name is not None and self.issuer is None and self.tls_secret is None:
            raise ValueError(
                "needs `issuer` (a ClusterIssuer of cert-manager) or `tls_secret` (a Secret with the certificate): "
                "without one of them browsers would be shown the controller's own certificate, and refuse it"
            )
        return self


class KubernetesObservability(Model):
    """How Prometheus finds the service: annotations on its pods, or the Prometheus operator's own objects.

    `namespace` is where Prometheus runs: only from there, and through the way in, may pods be reached. `labels` are
    those by which the operator's Prometheus selects its monitors and rules.
    """

    metrics: Literal["annotations", "operator", "none"] = "annotations"
    namespace: Label = "monitoring"
    labels: Mapping[str, str] = {}
