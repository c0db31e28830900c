"""The parts of an AWS stack's settings: task, registry, secrets, trust and alarms."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from components.aws.sizes import require_size
from stacks.settings.aws_ids import BucketName
from stacks.settings.aws_rules import PolicyArn
from stacks.settings.containers import OidcSettings
from stacks.settings.model import Model, Profile

KEY_ARN = re.compile(r"arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""How long CloudWatch can keep logs."""


class AwsServiceSettings(Model):
    """The size of a task, which holds the web processes and the worker, and its processor's kind."""

    cpu: int | None = None
    memory: int | None = None
    architecture: Literal["ARM64", "X86_64"] = "ARM64"

    def size_of(self, profile: Profile) -> tuple[int, int]:
        """CPU units and MiB of a task."""
        cpu, memory = (1024, 2048) if profile == "prod" else (512, 2048)
        return (cpu if self.cpu is None else self.cpu, memory if self.memory is None else self.memory)

    @property
    def platform(self) -> str:
        """What an image is built for."""
        return "linux/arm64" if self.architecture == "ARM64" else "linux/amd64"

    @model_validator(mode="after")
    def _a_size_of_fargate(self) -> Self:
        if (self.cpu is None) != (self.memory is None):
            raise ValueError("cpu and memory belong together: Fargate takes them in pairs only; set both or none")
        if self.cpu is not None and self.memory is not None:
            require_size(self.cpu, self.memory)
        return self


class AwsRegistrySettings(Model):
    """How many releases the registry keeps. The one that runs must be among them, or no task can start."""

    keep: Annotated[int, Field(ge=5, le=500)] = 20


class AwsSecretsSettings(Model):
    """The key that secrets are encrypted with: AWS's own, one to create, or an existing one by its ARN."""

    kms_key: str = "aws"

    @field_validator("kms_key")
    @classmethod
    def _a_choice_or_an_arn(cls, value: str) -> str:
        if value not in {"aws", "create"} and KEY_ARN.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} is no key, so no secret could be stored; write aws, create, or the ARN of a key of KMS "
                "(an alias can be moved to another key, and what it encrypted would be lost)"
            )
        return value


class AwsOidcSettings(OidcSettings):
    """The trust in GitHub. An account has one provider for it: `adopt` takes the one that exists.

    `permissions_boundary` bounds the trust's own two roles; `aws.permissions_boundary` is for the stack's.
    `state_bucket` and `state_key` (ARN) are where Pulumi keeps the stack's state and what closes its secrets; neither
    is set when Pulumi Cloud does both.
    """

    provider: Literal["create", "adopt"] = "create"
    permissions_boundary: PolicyArn | None = None
    state_bucket: BucketName | None = None
    state_key: str | None = None

    @field_validator("state_key")
    @classmethod
    def _a_key(cls, value: str | None) -> str | None:
        if value is not None and KEY_ARN.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} is no ARN of a key of KMS, so workflows could not open the stack's secrets; "
                "`aws kms describe-key --key-id alias/<name>` shows it"
            )
        return value


class AwsObservability(Model):
    """How long logs are kept, whom alarms tell, and which latency (99th percentile) is too slow."""

    log_days: int | None = None
    alarm_email: str | None = None
    latency_seconds: Annotated[int, Field(ge=1, le=120)] = 5

    def log_days_of(self, profile: Profile) -> int:
        """How long logs are kept."""
        return self.log_days or (90 if profile == "prod" else 14)

    @field_validator("log_days")
    @classmethod
    def _days_that_exist(cls, value: int | None) -> int | None:
        if value is not None and value not in LOG_DAYS:
            raise ValueError(
                f"{value} days is no choice of CloudWatch, which would refuse the log groups; choose one of "
                f"{', '.join(map(str, LOG_DAYS))}"
            )
        return value

    @field_validator("alarm_email")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is not None and EMAIL.fullmatch(value) is None:
            raise ValueError(f"{value!r} is no mail address, so nobody would hear the alarms; correct it")
        return value
