"""How a release takes over on ECS: the strategy, and how long each part may take."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components.aws.alarms import MINUTE, seconds_to_judge
from stacks.capacity_aws import EcsTimes, migration_seconds
from stacks.settings.containers import ContainerRolloutSettings
from stacks.settings.model import Seconds

Strategy = Literal["rolling", "canary", "blue-green"]
SHIFTS: dict[Strategy, int] = {"rolling": 0, "blue-green": 1, "canary": 2}
"""How often a strategy changes where requests go while old and new tasks run side by side."""
USUAL_CANARY_PERCENT = 10
MOST_STOP_SECONDS = 120
"""Fargate kills a container at the latest after so long."""


def least_bake_minutes(startup: int) -> int:
    """For how many minutes a change must be watched so that every alarm that judges it can still call it back."""
    return -(-seconds_to_judge(startup) // MINUTE)


class AwsRollout(ContainerRolloutSettings):
    """How a release takes over, and how long each part of it may take.

    `strategy` is `rolling` (new tasks beside the old, then the old leave), `blue-green` (requests change over at once,
    the old tasks wait) or `canary` (a part of the requests first). `bake_minutes` is how long alarms may still call
    back a change of the last two: not less than the alarms need, which is the default, nor more than the promised
    time leaves.
    """

    strategy: Strategy = "rolling"
    bake_minutes: int | None = None
    canary_percent: Annotated[int, Field(ge=1, le=90)] | None = None
    # The circuit breaker waits for three tasks to fail, one after the other where one runs: each has its start-up time.
    startup_seconds: Seconds = 30
    # Requests in flight end while the task leaves the load balancer, which then cuts what is left of them.
    drain_seconds: Annotated[int, Field(ge=0, le=60)] = 30

    @property
    def bake(self) -> int:
        """Minutes for which each change is watched; 0 where ECS decides that itself."""
        if self.strategy == "rolling":
            return 0
        return least_bake_minutes(self.startup_seconds) if self.bake_minutes is None else self.bake_minutes

    @property
    def migration(self) -> int:
        """Seconds for the task that migrates, with its start; the release's own time begins after them."""
        return migration_seconds(self.migration_seconds)

    @property
    def canary(self) -> int | None:
        """The part of the requests that a canary gets first, in percent."""
        return (self.canary_percent or USUAL_CANARY_PERCENT) if self.strategy == "canary" else None

    def ecs_times(self, *, fewest: int) -> EcsTimes:
        """The same, as the arithmetic takes it; `fewest` is the lowest number of tasks."""
        return EcsTimes(
            shared=self.times(batches=1),
            fewest=fewest,
            shifts=SHIFTS[self.strategy],
            bake=MINUTE * self.bake,
            ring=seconds_to_judge(self.startup_seconds),
        )

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
    def _watched_until_every_alarm_can_ring(self) -> Self:
        needed = least_bake_minutes(self.startup_seconds)
        if self.strategy != "rolling" and self.bake < needed:
            raise ValueError(
                f"bake_minutes {self.bake} is under the {needed} minutes that the alarms of a bad release take to ring "
                f"(with startup_seconds {self.startup_seconds}), so it would be called a success before they do; set "
                f"bake_minutes: {needed}, or leave it out"
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
