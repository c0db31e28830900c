"""The settings of `cloud: kubernetes`: any cluster that a kubeconfig reaches."""

from typing import Literal, Self

from pydantic import model_validator

from stacks.capacity import ContainerTimes
from stacks.settings.containers import ContainerSettings
from stacks.settings.kubernetes_database import KubernetesDatabaseSettings
from stacks.settings.kubernetes_parts import (
    Cluster,
    IngressSettings,
    KubernetesObservability,
    KubernetesResources,
    RegistrySettings,
)
from stacks.settings.kubernetes_rules import quantity, registry_of
from stacks.settings.shared import require_promised_times

BATCHES = 2
"""Half of the replicas are replaced at a time (maxSurge 50 %), so a release comes in two groups."""
WORKER_MEMORY_MB = 256
"""What the worker takes beside its parser child (PARSE_MEMORY_MB)."""
USUAL_PARSE_MEMORY_MB = 512
USUAL_UPLOAD_MB = 200
"""The application's own defaults of PARSE_MEMORY_MB and MAX_UPLOAD_SIZE_MB; a test compares them."""


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

    @property
    def registry_host(self) -> str:
        """The registry that the cluster pulls from."""
        return registry_of(self.release.image or self.registry.repository or "")

    @property
    def upload_megabytes(self) -> int:
        """The largest request that the application takes, so that the way in lets it through."""
        return self._megabytes("MAX_UPLOAD_SIZE_MB", USUAL_UPLOAD_MB)

    def _megabytes(self, name: str, usual: int) -> int:
        text = self.app.environment.get(name, "")
        return int(text) if text.isdecimal() else usual

    @model_validator(mode="after")
    def _within_the_promised_times(self) -> Self:
        require_promised_times(self.rollout, lambda rollout: rollout.times(batches=BATCHES))
        return self

    @model_validator(mode="after")
    def _connections_fit(self) -> Self:
        self.require_connections(self.database.max_connections, "database.max_connections")
        return self

    @model_validator(mode="after")
    def _the_parser_fits(self) -> Self:
        needed = self._megabytes("PARSE_MEMORY_MB", USUAL_PARSE_MEMORY_MB) + WORKER_MEMORY_MB
        limit = self.resources.worker.memory_limit
        if quantity(limit) < needed * 2**20:
            raise ValueError(
                f"resources.worker.memory_limit {limit} is less than {needed}Mi (app.environment.PARSE_MEMORY_MB and "
                f"{WORKER_MEMORY_MB} for the worker itself): large documents would get the worker killed, over and "
                "over; raise the limit or lower PARSE_MEMORY_MB"
            )
        return self

    @model_validator(mode="after")
    def _something_to_deploy(self) -> Self:
        if self.release.image is None and self.registry.repository is None:
            raise ValueError(
                "registry.repository or release.image is missing: the program could not push what it builds, and "
                "nothing else says what to deploy; set one of them"
            )
        return self
