"""The only reader of stack configuration: typed, one model per fact, judged before any resource exists.

`read_settings()` returns the settings of the configured target or raises `pulumi.RunError` with one line per problem:
the key, what is wrong or would happen, and what to do.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, cast

import pulumi
from pulumi.runtime.config import get_config_env
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from components.naming import is_digest
from components.workload import MANAGED_ENVIRONMENT, OPERATOR_ENVIRONMENT
from stacks.capacity import ConnectionBudget, ReleaseTimes

PROJECT = Path(__file__).resolve().parent.parent
NAMESPACE = "rag"
TARGETS = ("local",)
UNKNOWN_KEY = "is no setting, so it would do nothing; correct or remove it (docs/deployment.md lists all)"
PLANNED = ("kubernetes", "aws", "gcp", "azure")


def _as_in_a_shell(value: object) -> object:
    """YAML reads `false` and `20` as what they are; a process gets its environment as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


WORKER_CONCURRENCY = "WORKER_CONCURRENCY"
_JOBS_AT_A_TIME = TypeAdapter(Annotated[int, Field(ge=1, le=16)])
"""The application's own rule and default for that variable, which the connection budget needs to know."""
_USUAL_JOBS_AT_A_TIME = 1

EnvironmentValue = Annotated[str, BeforeValidator(_as_in_a_shell)]
Port = Annotated[int, Field(ge=1024, le=65535)]
Seconds = Annotated[int, Field(ge=1, le=3600)]


class _Model(BaseModel):
    """Unknown keys are errors: a misspelled key that is ignored is a setting that silently does nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: object, info: ValidationInfo) -> object:
        """To Python `true` is 1, so a switch where a number belongs would be taken for the number one."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation is int:
            raise ValueError(f"{str(value).lower()} is no whole number, so nothing was deployed; write the number")
        return value


class ProcessBounds(_Model):
    """How few and how many web processes one replica runs; the autoscaler stays within them."""

    min: Annotated[int, Field(ge=1, le=64)] = 1
    max: Annotated[int, Field(ge=1, le=64)] = 4

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}: nothing could be scaled; set min <= max")
        return self


class AppSettings(_Model):
    """The service's own knobs: processes, connection pools (per process), and plain environment for operators."""

    web_processes: ProcessBounds = ProcessBounds()
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


class ReleaseSettings(_Model):
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


class DatabaseSettings(_Model):
    """The database's size, as far as the connection budget needs it, and whether `destroy` may take its data."""

    max_connections: Annotated[int, Field(ge=10, le=5000)] = 100
    protect: bool | None = None


class RolloutSettings(_Model):
    """How long each part of a release may take, in seconds."""

    migration_seconds: Seconds = 300
    startup_seconds: Seconds = 60
    # The application's own bounds: a value beyond them would be accepted here and refused when a process starts.
    drain_seconds: Annotated[int, Field(ge=0, le=60)] = 2
    graceful_seconds: Annotated[int, Field(ge=1, le=120)] = 30

    @property
    def times(self) -> ReleaseTimes:
        """The same, as the arithmetic takes it."""
        return ReleaseTimes(
            startup=self.startup_seconds,
            drain=self.drain_seconds,
            graceful=self.graceful_seconds,
            migration=self.migration_seconds,
        )

    @model_validator(mode="after")
    def _within_the_promised_times(self) -> Self:
        if self.times.rollout > 15 * 60:
            raise ValueError(
                f"a release could take {self.times.rollout} s, over the promised 900 s; "
                "lower migration_seconds, startup_seconds, drain_seconds or graceful_seconds"
            )
        if self.times.rollback > 5 * 60:
            raise ValueError(
                f"a failed release could take {self.times.rollback} s to go back, over the promised 300 s; "
                "lower startup_seconds, drain_seconds or graceful_seconds"
            )
        return self


class LocalMachine(_Model):
    """What only one machine has: the loopback ports, and how many releases it keeps to go back to."""

    port: Port = 8000
    database_port: Port = 54330
    keep_releases: Annotated[int, Field(ge=2, le=50)] = 5

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if self.port == self.database_port:
            raise ValueError(f"port and database_port are both {self.port}: one of the two could not start")
        return self


class LocalSettings(_Model):
    """A stack with `cloud: local`: the whole service on this machine, on loopback."""

    cloud: Literal["local"]
    profile: Literal["dev", "prod"] = "dev"
    app: AppSettings = AppSettings()
    database: DatabaseSettings = DatabaseSettings()
    release: ReleaseSettings = ReleaseSettings()
    rollout: RolloutSettings = RolloutSettings()
    local: LocalMachine = LocalMachine()
    project: Annotated[Path, Field(exclude=True)] = PROJECT

    @property
    def protected(self) -> bool:
        """Whether `destroy` must refuse to take the data: prod's default; `database.protect` decides otherwise."""
        return self.profile == "prod" if self.database.protect is None else self.database.protect

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
    def _connections_fit(self) -> Self:
        if not self.connections.fits:
            raise ValueError(
                "connection budget (app.pool_size, app.max_overflow, app.web_processes, "
                f"app.environment.{WORKER_CONCURRENCY}, database.max_connections): "
                f"{self.connections.explain()}; beyond it requests fail with 503 under load"
            )
        return self


def read_settings() -> LocalSettings:
    """Reads this stack's configuration.

    Raises `pulumi.RunError`, which Pulumi prints without a traceback, when any key is unknown, missing or impossible.
    """
    stack = pulumi.get_stack()
    try:
        return parse_settings(get_config_env(), file=f"Pulumi.{stack}.yaml")
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


class SettingsError(ValueError):
    """The configuration cannot be deployed; nothing was created or changed."""


def parse_settings(config: Mapping[str, str], *, file: str) -> LocalSettings:
    """Judges a stack's configuration, as the engine hands it over: `rag:key` to text, objects and lists as JSON.

    `file` is only named in messages. Raises SettingsError with a line per problem.
    """
    values = {
        key.removeprefix(f"{NAMESPACE}:"): _value(key, text, file)
        for key, text in config.items()
        if key.startswith(f"{NAMESPACE}:")
    }
    cloud = values.get("cloud")
    if cloud not in TARGETS:
        raise SettingsError(_no_target(cloud, file))
    if "oidc" in values:
        raise SettingsError(
            f"{NAMESPACE}:oidc: one machine has no cloud account that GitHub could be trusted by, so nothing would be "
            f"created; remove the key from {file}"
        )
    if "project" in values:
        raise SettingsError(_line(file, ("project",), UNKNOWN_KEY))
    try:
        return LocalSettings.model_validate(values)
    except ValidationError as error:
        problems = [_line(file, problem["loc"], _explain(problem)) for problem in error.errors(include_url=False)]
        raise SettingsError("\n".join(problems)) from None


def _value(key: str, text: str, file: str) -> object:
    """Objects arrive as JSON, everything else as the text that stood in the file."""
    if text[:1] in {"{", "["}:
        try:
            return cast(object, json.loads(text))
        except (ValueError, RecursionError):
            raise SettingsError(
                f"{key}: is not readable as an object or a list, so its settings are unknown; "
                f"write its keys indented below it [{file}]"
            ) from None
    return {"true": True, "false": False, "null": None}.get(text.strip().lower(), text)


def _no_target(cloud: object, file: str) -> str:
    if cloud is None:
        return (
            f"{NAMESPACE}:cloud is missing from {file}: nothing says where to deploy; set it to {' or '.join(TARGETS)}"
        )
    if cloud in PLANNED:
        return f"{NAMESPACE}:cloud: {cloud!r} is planned and not built yet; available now: {', '.join(TARGETS)}"
    return f"{NAMESPACE}:cloud: {cloud!r} is no target; available: {', '.join(TARGETS)}"


def _line(file: str, location: tuple[int | str, ...], message: str) -> str:
    key = ".".join(str(part) for part in location) or "*"
    return f"{NAMESPACE}:{key}: {message} [{file}]"


def _explain(problem: ErrorDetails) -> str:
    match problem["type"]:
        case "extra_forbidden":
            return UNKNOWN_KEY
        case "value_error":
            return problem["msg"].removeprefix("Value error, ")
        case "model_type":
            return "is no object, so its settings are unknown; write its keys indented below it"
        case _:
            rule = problem["msg"].removeprefix("Input ")
            return f"{rule}, so nothing was deployed; correct the value (docs/deployment.md lists all keys)"
