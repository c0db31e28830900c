"""The settings of `cloud: local`: the whole service on one machine."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.naming import is_digest
from stacks.capacity import ConnectionBudget, ReleaseTimes
from stacks.settings.model import PROJECT, Model, Profile
from stacks.settings.shared import (
    WORKER_CONCURRENCY,
    AppSettings,
    Bounds,
    RolloutSettings,
    is_protected,
    require_connections,
    require_promised_times,
)

Port = Annotated[int, Field(ge=1024, le=65535)]


class ProcessBounds(Bounds):
    """How few and how many web processes one replica runs; the autoscaler stays within them."""

    min: Annotated[int, Field(ge=1, le=64)] = 1
    max: Annotated[int, Field(ge=1, le=64)] = 4


class LocalAppSettings(AppSettings):
    """The service's own knobs on one machine, where the autoscaler changes the number of web processes."""

    web_processes: ProcessBounds = ProcessBounds()


class LocalReleaseSettings(Model):
    """What to deploy: this checkout's source (default), or a release that the registry already holds."""

    digest: str | None = None

    @model_validator(mode="after")
    def _a_digest_and_never_a_tag(self) -> Self:
        if self.digest is not None and not is_digest(self.digest):
            raise ValueError(
                f"digest {self.digest!r} is not a content digest: a tag or a short name can mean something else "
                "tomorrow; give sha256: and 64 hexadecimal digits (`make status` lists the releases kept here)"
            )
        return self


class LocalDatabaseSettings(Model):
    """The embedded database: its size, as far as the connection budget needs it, and whether `destroy` may take it."""

    max_connections: Annotated[int, Field(ge=10, le=5000)] = 100
    protect: bool | None = None


class LocalRolloutSettings(RolloutSettings):
    """Blue and green web processes on one machine."""

    @property
    def times(self) -> ReleaseTimes:
        """The same, as the arithmetic takes it."""
        return ReleaseTimes(
            startup=self.startup_seconds,
            drain=self.drain_seconds,
            graceful=self.graceful_seconds,
        )


class LocalMachine(Model):
    """What only one machine has: the loopback ports, and how many releases it keeps to go back to."""

    port: Port = 8000
    database_port: Port = 54330
    keep_releases: Annotated[int, Field(ge=2, le=50)] = 5

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if self.port == self.database_port:
            raise ValueError(f"port and database_port are both {self.port}: one of the two could not start")
        return self


class LocalSettings(Model):
    """A stack with `cloud: local`: the whole service on this machine, on loopback."""

    cloud: Literal["local"]
    profile: Profile = "dev"
    app: LocalAppSettings = LocalAppSettings()
    database: LocalDatabaseSettings = LocalDatabaseSettings()
    release: LocalReleaseSettings = LocalReleaseSettings()
    rollout: LocalRolloutSettings = LocalRolloutSettings()
    local: LocalMachine = LocalMachine()
    project: Annotated[Path, Field(exclude=True)] = PROJECT

    @property
    def protected(self) -> bool:
        """Whether `destroy` must refuse to take the data."""
        return is_protected(self.profile, self.database.protect)

    @property
    def connections(self) -> ConnectionBudget:
        """The connection budget; blue and green web processes overlap during a release."""
        return ConnectionBudget(
            max_connections=self.database.max_connections,
            web_processes=self.app.web_processes.max,
            worker_processes=1,
            worker_concurrency=self.app.worker_concurrency,
            pool_size=self.app.pool_size,
            max_overflow=self.app.max_overflow,
            replicas=1,
            surge=2,
        )

    @model_validator(mode="after")
    def _within_the_promised_times(self) -> Self:
        require_promised_times(self.rollout, lambda rollout: rollout.times)
        return self

    @model_validator(mode="after")
    def _connections_fit(self) -> Self:
        require_connections(
            self.connections,
            "app.pool_size",
            "app.max_overflow",
            "app.web_processes",
            f"app.environment.{WORKER_CONCURRENCY}",
            "database.max_connections",
        )
        return self
