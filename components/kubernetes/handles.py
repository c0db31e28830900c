"""The handles that pass between the components of Kubernetes, in the order in which they come to be."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, kw_only=True)
class ClusterAccess:
    """How to reach the API server: a kubeconfig's path, as it was written, and one of its contexts.

    What stands in the file is never passed on.
    """

    kubeconfig: str
    context: str


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the service's objects lie, and what their names begin with.

    `namespace` is known once the cluster has been judged and the namespace is there, so whoever uses it waits for both.
    """

    namespace: pulumi.Input[str]
    name: str


@dataclass(frozen=True, kw_only=True)
class DatabaseRoute:
    """What the service must be able to open connections to: pods with these labels, or, without any, any address."""

    port: int
    pods: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class ContainerResources:
    """What a container is promised and what it may take at most, as Kubernetes writes quantities."""

    requests: Mapping[str, str]
    limits: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CertificateAuthority:
    """Where the authority's certificate lies that the database's URL names: a Secret, its key, and the mount's path."""

    secret: str
    key: str
    folder: str

    @property
    def file(self) -> str:
        """The certificate's path inside of a container."""
        return f"{self.folder}/{self.key}"
