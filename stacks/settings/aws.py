"""The settings of `cloud: aws`."""

import dataclasses
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.aws.regions import zones_of
from components.aws.sizes import require_size
from stacks.capacity import ConnectionBudget
from stacks.capacity_aws import RDS_KEPT_BACK, EcsTimes, task_memory
from stacks.settings.aws_account import AwsAccount
from stacks.settings.aws_network import AwsNetworkSettings
from stacks.settings.aws_parts import (
    AwsDatabaseSettings,
    AwsObservability,
    AwsOidcSettings,
    AwsRegistrySettings,
    AwsSecretsSettings,
    AwsServiceSettings,
)
from stacks.settings.containers import ContainerRolloutSettings, ContainerSettings
from stacks.settings.model import Seconds
from stacks.settings.shared import require_promised_times

Strategy = Literal["rolling", "canary", "blue-green"]
SHIFTS: dict[Strategy, int] = {"rolling": 0, "blue-green": 1, "canary": 2}
"""How often a strategy changes where requests go while old and new tasks run side by side."""
USUAL_BAKE_MINUTES = 2
USUAL_CANARY_PERCENT = 10
MOST_STOP_SECONDS = 120
"""Fargate kills a container at the latest after so long."""
IDLE_SECONDS = 60
"""How long the load balancer keeps an idle connection: the application must keep it longer, or users see 502."""
KEEPALIVE = "KEEPALIVE_SECONDS"
PARSE_MEMORY = "PARSE_MEMORY_MB"
USUAL_PARSE_MEMORY = 512
"""The application's own default."""


class AwsRollout(ContainerRolloutSettings):
    """How a release takes over, and how long each part of it may take.

    `strategy` is `rolling` (new tasks beside the old, then the old leave), `blue-green` (requests change over at once,
    the old tasks wait) or `canary` (a part of the requests first). `bake_minutes` is how long alarms may still call
    back a change of the last two.
    """

    strategy: Strategy = "rolling"
    bake_minutes: Annotated[int, Field(ge=1, le=60)] | None = None
    canary_percent: Annotated[int, Field(ge=1, le=90)] | None = None
    # The circuit breaker waits for three tasks to fail, one after the other where one runs: each has its start-up time.
    startup_seconds: Seconds = 30
    # Requests in flight end while the task leaves the load balancer, which then cuts what is left of them.
    drain_seconds: Annotated[int, Field(ge=0, le=60)] = 30

    @property
    def bake(self) -> int:
        """Minutes for which each change is watched; 0 where ECS decides that itself."""
        return 0 if self.strategy == "rolling" else self.bake_minutes or USUAL_BAKE_MINUTES

    @property
    def canary(self) -> int | None:
        """The part of the requests that a canary gets first, in percent."""
        return (self.canary_percent or USUAL_CANARY_PERCENT) if self.strategy == "canary" else None

    def ecs_times(self, *, fewest: int) -> EcsTimes:
        """The same, as the arithmetic takes it; `fewest` is the lowest number of tasks."""
        return EcsTimes(shared=self.times(batches=1), fewest=fewest, shifts=SHIFTS[self.strategy], bake=60 * self.bake)

    @model_validator(mode="after")
    def _keys_of_this_strategy(self) -> Self:
        if self.strategy == "rolling" and self.bake_minutes is not None:
            raise ValueError(
                "bake_minutes does nothing in a rolling release, where ECS derives the time from the alarms; remove "
                "it, or set strategy: blue-green or canary"
            )
        if self.strategy != "canary" and self.canary_percent is not None:
            raise ValueError(
                f"canary_percent does nothing with strategy {self.strategy}: all requests change over at once; remove "
                "it, or set strategy: canary"
            )
        return self

    @model_validator(mode="after")
    def _requests_end_before_the_task_does(self) -> Self:
        if self.drain_seconds < self.graceful_seconds:
            raise ValueError(
                f"drain_seconds {self.drain_seconds} is under graceful_seconds {self.graceful_seconds}: the load "
                "balancer would cut requests that the application still grants their time; raise drain_seconds"
            )
        if self.times(batches=1).stop > MOST_STOP_SECONDS:
            raise ValueError(
                f"graceful_seconds {self.graceful_seconds} lets a container take {self.times(batches=1).stop} s to "
                f"stop, but Fargate kills after {MOST_STOP_SECONDS} s; lower graceful_seconds"
            )
        return self


class AwsSettings(ContainerSettings):
    """A stack with `cloud: aws`."""

    cloud: Literal["aws"]
    aws: AwsAccount
    network: AwsNetworkSettings = AwsNetworkSettings()
    service: AwsServiceSettings = AwsServiceSettings()
    database: AwsDatabaseSettings = AwsDatabaseSettings()
    registry: AwsRegistrySettings = AwsRegistrySettings()
    secrets: AwsSecretsSettings = AwsSecretsSettings()
    observability: AwsObservability = AwsObservability()
    waf: bool = False
    rollout: AwsRollout = AwsRollout()  # pyright: ignore[reportIncompatibleVariableOverride]  # why: models are frozen
    oidc: AwsOidcSettings | None = None  # pyright: ignore[reportIncompatibleVariableOverride]  # why: as above

    @property
    def times(self) -> EcsTimes:
        """How long a release may take, and what ECS and the load balancer are told for that."""
        return self.rollout.ecs_times(fewest=self.bounds.min)

    @property
    def protected(self) -> bool:
        """Whether `destroy` must refuse to take the data."""
        return self.is_protected(self.database.protect)

    @property
    def boundary(self) -> str | None:
        """The permissions boundary that every role of the stack carries; without it CI could not create them."""
        return self.oidc.permissions_boundary if self.oidc else None

    @property
    def log_days(self) -> int:
        """How many days every log of the stack is kept."""
        return self.observability.log_days_of(self.profile)

    @property
    def max_connections(self) -> int:
        """How many connections the database is told to take."""
        return self.database.max_connections_of(self.profile)

    @property
    def size(self) -> tuple[int, int]:
        """CPU units and MiB of a task."""
        return self.service.size_of(self.profile)

    def connections_of(self, max_connections: int) -> ConnectionBudget:
        """The connection budget, with what RDS keeps for itself."""
        shared = super().connections_of(max_connections)
        return dataclasses.replace(shared, monitoring=shared.monitoring + RDS_KEPT_BACK)

    @model_validator(mode="after")
    def _tls_in_production(self) -> Self:
        if self.profile == "prod" and self.aws.allow_plain_http:
            raise ValueError(
                "aws.allow_plain_http is for trying things out: with profile prod users' documents and keys would "
                "travel in the open; set aws.domain and aws.hosted_zone instead"
            )
        return self

    @model_validator(mode="after")
    def _zones_that_the_region_has(self) -> Self:
        wanted, there = self.network.zones_of(self.profile), zones_of(self.aws.region)
        if self.network.vpc is None and self.network.zone_names is None and wanted > there:
            raise ValueError(
                f"network.zones is {wanted}, but {self.aws.region} offers an account {there} availability zones, so "
                f"the network would fail; set network.zones: {there}, or choose another aws.region"
            )
        strangers = [name for name in self.network.zone_names or () if name[:-1] != self.aws.region]
        if strangers:
            raise ValueError(
                f"network.zone_names: {strangers[0]} is no zone of aws.region {self.aws.region}, so AWS would refuse "
                "the subnet; correct one of the two"
            )
        return self

    @model_validator(mode="after")
    def _room_for_two_containers(self) -> Self:
        cpu, memory = self.size
        require_size(cpu, memory)
        text = self.app.environment.get(PARSE_MEMORY, str(USUAL_PARSE_MEMORY))
        parse = int(text) if text.isdecimal() else USUAL_PARSE_MEMORY
        needed = task_memory(
            web_processes=self.app.web_processes, worker_concurrency=self.app.worker_concurrency, parse=parse
        )
        if needed > memory:
            raise ValueError(
                f"service.memory {memory} MiB is under the {needed} MiB that app.web_processes "
                f"{self.app.web_processes} and a worker with {PARSE_MEMORY} {parse} may take, so the task would be "
                "killed under load; raise service.memory (and cpu), or lower those"
            )
        return self

    @model_validator(mode="after")
    def _connections_outlive_the_load_balancers(self) -> Self:
        text = self.app.environment.get(KEEPALIVE, "")
        if text.isdecimal() and int(text) <= IDLE_SECONDS:
            raise ValueError(
                f"app.environment.{KEEPALIVE} {text} is not above the load balancer's {IDLE_SECONDS} s: it would send "
                f"requests on connections that the application has just closed, and users would see 502; raise it"
            )
        return self

    @model_validator(mode="after")
    def _within_the_promised_times(self) -> Self:
        require_promised_times(rollout=self.times.rollout, rollback=self.times.rollback)
        return self

    @model_validator(mode="after")
    def _connections_fit(self) -> Self:
        self.require_connections(self.max_connections, "database.instance_class")
        return self
