"""The settings of `cloud: aws`."""

import dataclasses
from typing import Literal, Self

from pydantic import model_validator

from components.aws.regions import zones_of
from components.aws.sizes import require_size
from stacks.capacity import ConnectionBudget
from stacks.capacity_aws import FEWEST_FAILED_TASKS, RDS_KEPT_BACK, EcsTimes, task_memory
from stacks.settings.aws_account import AwsAccount
from stacks.settings.aws_database import AwsDatabaseSettings, how_to_get_more
from stacks.settings.aws_network import AwsNetworkSettings
from stacks.settings.aws_parts import (
    AwsObservability,
    AwsOidcSettings,
    AwsRegistrySettings,
    AwsSecretsSettings,
    AwsServiceSettings,
)
from stacks.settings.aws_rollout import AwsRollout
from stacks.settings.aws_rules import require_account, require_region
from stacks.settings.containers import ContainerSettings
from stacks.settings.shared import MOST_ROLLBACK_SECONDS, require_promised_times

IDLE_SECONDS = 60
"""How long the load balancer keeps an idle connection: the application must keep it longer, or users see 502."""
KEEPALIVE = "KEEPALIVE_SECONDS"
PARSE_MEMORY = "PARSE_MEMORY_MB"
USUAL_PARSE_MEMORY = 512
"""The application's own default."""


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
    def _what_is_named_lies_where_the_stack_does(self) -> Self:
        require_region("secrets.kms_key", self.secrets.kms_key, self.aws.region)
        require_region("database.restore_from", self.database.restore_from, self.aws.region)
        require_account("aws.permissions_boundary", self.aws.permissions_boundary, self.aws.account_id)
        if self.oidc is not None:
            require_account("oidc.permissions_boundary", self.oidc.permissions_boundary, self.aws.account_id)
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
        fewest = self.bounds.min
        require_promised_times(
            self.rollout, lambda rollout: rollout.ecs_times(fewest=fewest), besides=self._more_tasks_at_a_time()
        )
        return self

    def _more_tasks_at_a_time(self) -> str:
        """How ECS would see enough tasks fail sooner, where that makes the way back fast enough."""
        fewest = self.bounds.min
        for more in range(fewest + 1, FEWEST_FAILED_TASKS + 1):
            if self.rollout.ecs_times(fewest=more).rollback <= MOST_ROLLBACK_SECONDS:
                return (
                    f", or raise replicas.min {fewest} to {more}: ECS gives up after {FEWEST_FAILED_TASKS} failed tasks"
                )
        return ""

    @model_validator(mode="after")
    def _connections_fit(self) -> Self:
        more = how_to_get_more(self.database.class_of(self.profile), lambda number: self.connections_of(number).fits)
        self.require_connections(self.max_connections, "database.instance_class", more=more)
        return self
