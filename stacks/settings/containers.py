"""The settings that every target with containers shares: the image, replicas, GitHub's trust, what is watched."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from components.naming import image_digest
from stacks.capacity import ConnectionBudget, ContainerTimes
from stacks.settings.model import Model, Profile
from stacks.settings.shared import (
    WORKER_CONCURRENCY,
    AppSettings,
    Bounds,
    RolloutSettings,
    is_protected,
    require_connections,
)

LABEL = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
WILDCARD = re.compile(r"[*?\x00-\x1f\x7f]")
MOST_REPLICAS = 100


def require_domain(value: str) -> str:
    """A public host name, as certificates are issued for; raises ValueError for anything else."""
    if DOMAIN.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is no domain name, so no certificate could be issued and nobody could reach the service; "
            "write it in lower case without scheme, port or path, for example rag.example.com"
        )
    return value


class ContainerAppSettings(AppSettings):
    """The service's own knobs in a container: a replica runs as many web processes as are written here."""

    web_processes: Annotated[int, Field(ge=1, le=64)] = 2
    pool_size: Annotated[int, Field(ge=1, le=200)] = 3
    max_overflow: Annotated[int, Field(ge=0, le=200)] = 2


class ImageReleaseSettings(Model):
    """What to deploy: this checkout, built by the program (default), or an image that a registry already holds."""

    image: str | None = None

    @model_validator(mode="after")
    def _a_digest_and_never_a_tag(self) -> Self:
        if self.image is not None and image_digest(self.image) is None:
            raise ValueError(
                f"image {self.image!r} is not pinned by its digest: a tag can mean another image tomorrow, so nobody "
                "would know what was deployed; write repository@sha256: and 64 hexadecimal digits (the output "
                "`image` of every deployment is one)"
            )
        return self


class ContainerRolloutSettings(RolloutSettings):
    """How long each part of a release may take, in seconds, and what proves that users get it.

    `drain_seconds` is what a replica is granted between leaving the load balancer and being asked to stop.
    `evidence` is `address` (the public address is asked) or `platform` (its own word is taken, where the address
    cannot be reached from where the program runs).
    """

    drain_seconds: Annotated[int, Field(ge=0, le=60)] = 10
    evidence: Literal["address", "platform"] = "address"

    def times(self, *, batches: int) -> ContainerTimes:
        """The same, as the arithmetic takes it; `batches` is how many groups of replicas the target replaces."""
        return ContainerTimes(
            startup=self.startup_seconds,
            drain=self.drain_seconds,
            graceful=self.graceful_seconds,
            batches=batches,
        )


class ReplicaBounds(Bounds):
    """How few and how many replicas run; the autoscaler stays within them."""

    min: Annotated[int, Field(ge=1, le=MOST_REPLICAS)]
    max: Annotated[int, Field(ge=1, le=MOST_REPLICAS)]


class OidcSettings(Model):
    """Whom of GitHub's workflows the platform trusts, without a stored key.

    `subject_prefix` is what the tokens' `sub` begins with, for repositories that use another than the classic form
    (docs/deployment.md, section 9, says how to read it). `environment` is the deployment environment that may write.
    """

    repository: str
    environment: Annotated[str, Field(min_length=1, max_length=255)]
    subject_prefix: Annotated[str, Field(min_length=1, max_length=255)] | None = None

    @field_validator("repository")
    @classmethod
    def _owner_and_name(cls, value: str) -> str:
        if REPOSITORY.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} is no GitHub repository, so no workflow could ever log in; write it as owner/name"
            )
        return value

    @field_validator("environment", "subject_prefix")
    @classmethod
    def _exact(cls, value: str | None) -> str | None:
        if value is not None and WILDCARD.search(value) is not None:
            raise ValueError(
                f"{value!r} holds a wildcard or a control character, and a token's subject is compared as it is "
                "written: no workflow could log in, or others than the intended ones; write the exact text"
            )
        return value

    @field_validator("environment")
    @classmethod
    def _one_environment(cls, value: str) -> str:
        if ":" in value:
            raise ValueError(
                f"{value!r} holds a colon, which GitHub writes as %3A into the token: no workflow could log in; name "
                "an environment without one"
            )
        return value

    @field_validator("subject_prefix")
    @classmethod
    def _one_word(cls, value: str | None) -> str | None:
        # Colons are its own: GitHub puts claims together as `repository_owner:acme:repo:acme/rag`.
        if value is not None and any(mark.isspace() for mark in value):
            raise ValueError(
                f"{value!r} holds white space, which no token's subject begins with: no workflow could log in; write "
                "the exact text, without what follows it (`:pull_request`, `:environment:...`)"
            )
        return value

    @property
    def prefix(self) -> str:
        """What the `sub` of this repository's tokens begins with."""
        return self.subject_prefix or f"repo:{self.repository}"


class ContainerSettings(Model):
    """What all container targets have in common; each target's own model adds its own fields and its database."""

    profile: Profile = "dev"
    name: str = "rag"
    app: ContainerAppSettings = ContainerAppSettings()
    release: ImageReleaseSettings = ImageReleaseSettings()
    replicas: ReplicaBounds | None = None
    rollout: ContainerRolloutSettings = ContainerRolloutSettings()
    oidc: OidcSettings | None = None

    @field_validator("name")
    @classmethod
    def _a_label(cls, value: str) -> str:
        if LABEL.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} cannot begin the names of resources: platforms refuse it halfway through a deployment; "
                "use 1 to 32 lower-case letters, digits and hyphens, beginning with a letter"
            )
        return value

    @property
    def bounds(self) -> ReplicaBounds:
        """How many replicas run: dev's default is one to three, prod's two to ten."""
        usual = ReplicaBounds(min=2, max=10) if self.profile == "prod" else ReplicaBounds(min=1, max=3)
        return self.replicas or usual

    def is_protected(self, protect: bool | None) -> bool:
        """Whether `destroy` must refuse to take the data."""
        return is_protected(self.profile, protect)

    def connections_of(self, max_connections: int) -> ConnectionBudget:
        """The connection budget: during a rollout as many old replicas leave as new ones come."""
        return ConnectionBudget(
            max_connections=max_connections,
            web_processes=self.app.web_processes,
            worker_processes=1,
            worker_concurrency=self.app.worker_concurrency,
            pool_size=self.app.pool_size,
            max_overflow=self.app.max_overflow,
            replicas=self.bounds.max,
            surge=2,
        )

    def require_connections(self, max_connections: int, key: str, *, more: str = "raise max_connections") -> None:
        """Raises ValueError when the budget does not fit; `key` is where `max_connections` comes from.

        `more` is how this target gets a database that holds more.
        """
        require_connections(
            self.connections_of(max_connections),
            "app.pool_size",
            "app.max_overflow",
            "app.web_processes",
            f"app.environment.{WORKER_CONCURRENCY}",
            "replicas.max",
            key,
            more=more,
        )
