"""The database of an AWS stack: RDS for PostgreSQL."""

import re
from collections.abc import Callable
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from components.aws.instance_classes import memory_of, smallest_class
from components.aws.windows import daily, require_apart, weekly
from stacks.capacity_aws import rds_max_connections
from stacks.settings.model import Model, Profile

SNAPSHOT = re.compile(r"(arn:aws:rds:[a-z0-9-]+:[0-9]{12}:snapshot:)?(rds:|awsbackup:)?[A-Za-z](-?[A-Za-z0-9]){0,254}")
OLDEST_MAJOR_VERSION, NEWEST_MAJOR_VERSION = 17, 18
"""RDS offers both with pgvector; the service's own tests run on the newer one."""


class AwsDatabaseSettings(Model):
    """RDS for PostgreSQL. What is left out follows the profile: prod survives a zone and keeps 14 days of backups.

    `apply_immediately` is whether a change that interrupts the service comes with the deployment, or in the
    `maintenance_window`. `restore_from` is the snapshot (identifier or ARN) that the database is made from.
    """

    instance_class: str | None = None
    major_version: Annotated[int, Field(ge=OLDEST_MAJOR_VERSION, le=NEWEST_MAJOR_VERSION)] = OLDEST_MAJOR_VERSION
    storage_gb: Annotated[int, Field(ge=20, le=65536)] = 20
    max_storage_gb: Annotated[int, Field(ge=22, le=65536)] = 100
    multi_az: bool | None = None
    backup_days: Annotated[int, Field(ge=1, le=35)] | None = None
    protect: bool | None = None
    apply_immediately: bool | None = None
    backup_window: str = "03:00-04:00"
    maintenance_window: str = "sun:04:30-sun:05:30"
    restore_from: str | None = None

    def class_of(self, profile: Profile) -> str:
        """The instance class: one for steady load in prod, the smallest in dev."""
        return self.instance_class or ("db.m7g.large" if profile == "prod" else "db.t4g.micro")

    def max_connections_of(self, profile: Profile) -> int:
        """How many connections the server is told to take: what its memory carries, by AWS's formula."""
        return rds_max_connections(memory_of(self.class_of(profile)))

    def multi_az_of(self, profile: Profile) -> bool:
        """Whether a second server in another zone stands by."""
        return profile == "prod" if self.multi_az is None else self.multi_az

    def backup_days_of(self, profile: Profile) -> int:
        """How far back the database can be restored to any second."""
        return self.backup_days or (14 if profile == "prod" else 1)

    def apply_immediately_of(self, profile: Profile) -> bool:
        """Whether changes that interrupt the service come at once: not in prod, where they wait for the window."""
        return profile != "prod" if self.apply_immediately is None else self.apply_immediately

    @field_validator("instance_class")
    @classmethod
    def _a_known_class(cls, value: str | None) -> str | None:
        if value is not None:
            memory_of(value)
        return value

    @field_validator("restore_from")
    @classmethod
    def _a_snapshot(cls, value: str | None) -> str | None:
        if value is not None and SNAPSHOT.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} is no snapshot of RDS, so there would be nothing to restore; write its identifier, or the "
                "ARN of one that another account shares (`aws rds describe-db-snapshots` shows both)"
            )
        return value

    @field_validator("backup_window")
    @classmethod
    def _a_daily_window(cls, value: str) -> str:
        daily(value)
        return value

    @field_validator("maintenance_window")
    @classmethod
    def _a_weekly_window(cls, value: str) -> str:
        weekly(value)
        return value

    @model_validator(mode="after")
    def _windows_apart(self) -> Self:
        require_apart(self.backup_window, self.maintenance_window)
        return self

    @model_validator(mode="after")
    def _room_to_grow(self) -> Self:
        if self.max_storage_gb * 10 < self.storage_gb * 11:
            raise ValueError(
                f"max_storage_gb {self.max_storage_gb} leaves storage_gb {self.storage_gb} no room: RDS refuses a "
                "limit less than a tenth above it; raise max_storage_gb"
            )
        return self


def how_to_get_more(instance_class: str, fits: Callable[[int], bool]) -> str:
    """How a database that holds more connections is asked for; `fits` says whether so many are enough."""
    larger = smallest_class(instance_class, lambda memory: fits(rds_max_connections(memory)))
    if larger is None:
        return "no database.instance_class that is known here holds so many"
    return f"set database.instance_class: {larger}"
