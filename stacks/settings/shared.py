"""The settings that every target has: the application's knobs, and how long a release may take."""

from collections.abc import Callable, Mapping
from typing import Annotated, Protocol, Self, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from components.workload import MANAGED_ENVIRONMENT, OPERATOR_ENVIRONMENT
from stacks.capacity import ConnectionBudget
from stacks.settings.model import Model, Profile, Seconds

WORKER_CONCURRENCY = "WORKER_CONCURRENCY"
_JOBS_AT_A_TIME = TypeAdapter(Annotated[int, Field(ge=1, le=16)])
"""The application's own rule and default for that variable, which the connection budget needs to know."""
_USUAL_JOBS_AT_A_TIME = 1

MOST_ROLLOUT_SECONDS = 15 * 60
MOST_ROLLBACK_SECONDS = 5 * 60
"""What is promised of every release: the slowest one, from the end of its migration on, and a failed one's way back."""


def _as_in_a_shell(value: object) -> object:
    """YAML reads `false` and `20` as what they are; a process gets its environment as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


EnvironmentValue = Annotated[str, BeforeValidator(_as_in_a_shell)]


class AppSettings(Model):
    """The service's own knobs: connection pools (per process), and plain environment for operators."""

    pool_size: Annotated[int, Field(ge=1, le=200)] = 4
    max_overflow: Annotated[int, Field(ge=0, le=200)] = 4
    environment: Mapping[str, EnvironmentValue] = {}

    @property
    def worker_concurrency(self) -> int:
        """How many jobs one worker sees to at a time, as the application will read it."""
        text = self.environment.get(WORKER_CONCURRENCY)
        return _JOBS_AT_A_TIME.validate_python(text) if text else _USUAL_JOBS_AT_A_TIME

    @model_validator(mode="after")
    def _names_that_the_application_reads(self) -> Self:
        for name in self.environment:
            if name in MANAGED_ENVIRONMENT:
                raise ValueError(
                    f"environment.{name} is set by the platform: your value would be overwritten; "
                    f"{MANAGED_ENVIRONMENT[name]}"
                )
            if name not in OPERATOR_ENVIRONMENT:
                raise ValueError(
                    f"environment.{name} is not read by the application, so it would do nothing; "
                    f"the names it reads: {', '.join(sorted(OPERATOR_ENVIRONMENT))}"
                )
        return self

    @model_validator(mode="after")
    def _jobs_that_the_application_accepts(self) -> Self:
        try:
            _ = self.worker_concurrency
        except ValidationError:
            raise ValueError(
                f"environment.{WORKER_CONCURRENCY} {self.environment[WORKER_CONCURRENCY]!r} is no whole number from "
                "1 to 16, so the worker would not start and its connections cannot be counted; correct it"
            ) from None
        return self


class Bounds(Model):
    """The fewest and the most of what an autoscaler decides about; each target sets its own limits and defaults."""

    min: int
    max: int

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: nothing could be scaled; set min <= max")
        return self


class RolloutSettings(Model):
    """How long each part of a release may take, in seconds. The migration's time is bounded and no part of what is
    promised: the data decides it, and the release before serves meanwhile.

    `drain_seconds` is how long an old web process still serves after it was asked to leave.
    """

    migration_seconds: Seconds = 300
    startup_seconds: Seconds = 60
    # The application's own bounds: a value beyond them would be accepted here and refused when a process starts.
    drain_seconds: Annotated[int, Field(ge=0, le=60)] = 2
    graceful_seconds: Annotated[int, Field(ge=1, le=120)] = 30


class Promised(Protocol):
    """The arithmetic of a target, in seconds."""

    @property
    def rollout(self) -> int:
        """The slowest release that still succeeds."""
        ...

    @property
    def rollback(self) -> int:
        """The slowest way back of one that fails."""
        ...


Rollout = TypeVar("Rollout", bound=RolloutSettings)


def require_promised_times(rollout: Rollout, times: Callable[[Rollout], Promised], *, besides: str = "") -> None:
    """Raises ValueError when the slowest release takes over 15 minutes, or a failed one over 5 to go back: with the
    keys that decide it, their values, and for each the largest that fits. `besides` is another way to go back sooner.
    """

    def forth(one: Rollout) -> int:
        return times(one).rollout

    def back(one: Rollout) -> int:
        return times(one).rollback

    if forth(rollout) > MOST_ROLLOUT_SECONDS:
        raise ValueError(
            f"a release could take {forth(rollout)} s, over the promised {MOST_ROLLOUT_SECONDS} s, "
            f"{_remedy(rollout, forth, MOST_ROLLOUT_SECONDS)}"
        )
    if back(rollout) > MOST_ROLLBACK_SECONDS:
        raise ValueError(
            f"a failed release could take {back(rollout)} s to go back, over the promised {MOST_ROLLBACK_SECONDS} s, "
            f"{_remedy(rollout, back, MOST_ROLLBACK_SECONDS)}{besides}"
        )


def _remedy(rollout: Rollout, seconds: Callable[[Rollout], int], most: int) -> str:
    """The keys in the sum with their values, and how far each alone must be lowered where that is enough."""
    taken = seconds(rollout)
    values = {name: value for name, value in rollout if isinstance(value, int)}
    summed = [name for name in values if seconds(rollout.model_copy(update={name: 0})) < taken]
    fitting = {name: _largest(rollout, name, values[name], lambda one: seconds(one) <= most) for name in summed}
    lower = [f"rollout.{name} to {value}" for name, value in fitting.items() if value is not None]
    return (
        f"with {', '.join(f'rollout.{name} {values[name]}' for name in summed)}; lower "
        f"{', or '.join(lower) if lower else 'more than one of these'}"
    )


def _largest(rollout: Rollout, name: str, value: int, fits: Callable[[Rollout], bool]) -> int | None:
    """The largest smaller value of a key that fits and that its own rules accept, the others being as they are."""
    for smaller in range(value - 1, -1, -1):
        try:
            lowered = type(rollout).model_validate(rollout.model_dump(exclude_unset=True) | {name: smaller})
        except ValidationError:
            continue
        if fits(lowered):
            return smaller
    return None


def require_connections(budget: ConnectionBudget, *keys: str, more: str = "raise max_connections") -> None:
    """Raises ValueError with the arithmetic when the database cannot hold the connections; `keys` decide them.

    `more` is how this target gets a database that holds more.
    """
    if not budget.fits:
        explained = budget.explain(more=more)
        raise ValueError(
            f"connection budget ({', '.join(keys)}): {explained}; beyond it requests fail with 503 under load"
        )


def is_protected(profile: Profile, protect: bool | None) -> bool:
    """Whether `destroy` must refuse to take the data: prod's default; `database.protect` decides otherwise."""
    return profile == "prod" if protect is None else protect
