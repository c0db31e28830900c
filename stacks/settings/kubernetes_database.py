"""The settings of PostgreSQL on Kubernetes: a cluster of CloudNativePG, or a database that exists."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from stacks.settings.kubernetes_rules import Label, Quantity, require_database_url
from stacks.settings.model import Model, Profile

BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]+(/[^\s]*)?")
CRON = re.compile(r"[0-9*/,?A-Za-z-]+( [0-9*/,?A-Za-z-]+){5}")
DATABASE_PORT = 5432


class BackupSettings(Model):
    """Continuous backups of a CloudNativePG cluster to S3-compatible object storage (the Barman Cloud plugin).

    `credentials` names a Secret of the namespace with the keys ACCESS_KEY_ID and ACCESS_SECRET_KEY; without it the
    pods' own identity is used. `schedule` is a cron expression with seconds.
    """

    destination: str
    endpoint: str | None = None
    credentials: Label | None = None
    retention_days: Annotated[int, Field(ge=1, le=365)] = 14
    schedule: str = "0 0 3 * * *"

    @field_validator("destination")
    @classmethod
    def _a_bucket(cls, value: str) -> str:
        if BUCKET.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} is no bucket, so nothing would be backed up; write s3://bucket or s3://bucket/folder"
            )
        return value

    @field_validator("endpoint")
    @classmethod
    def _encrypted(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("https://"):
            raise ValueError(
                f"{value!r} does not begin with https://, so all data would cross the network in plain text; "
                "write the storage's https:// address"
            )
        return value

    @field_validator("schedule")
    @classmethod
    def _six_fields(cls, value: str) -> str:
        if CRON.fullmatch(value) is None:
            raise ValueError(
                f"{value!r} is no schedule of CloudNativePG, which would refuse it; write six fields, seconds first, "
                'for example "0 0 3 * * *" for three in the morning'
            )
        return value


class KubernetesDatabaseSettings(Model):
    """PostgreSQL: a cluster run by CloudNativePG's operator, or one that exists already (`external`, with its URL).

    `image` must hold pgvector, as CloudNativePG's `standard` images do; pin it by its digest where every server must
    be the same to the last bit. `operator_namespace` is where the operator runs: it must reach the servers.
    """

    kind: Literal["cloudnative-pg", "external"] = "cloudnative-pg"
    url: SecretStr | None = None
    max_connections: Annotated[int, Field(ge=10, le=5000)] = 400
    protect: bool | None = None
    image: str = "ghcr.io/cloudnative-pg/postgresql:18-standard-trixie"
    operator_namespace: Label = "cnpg-system"
    instances: Annotated[int, Field(ge=1, le=9)] | None = None
    storage: Quantity = "10Gi"
    storage_class: Label | None = None
    memory: Quantity = "1Gi"
    cpu: Quantity = "1"
    backups: BackupSettings | None = None

    def instances_of(self, profile: Profile) -> int:
        """How many PostgreSQL servers: three in prod, so that one may fail."""
        return self.instances or (3 if profile == "prod" else 1)

    @property
    def port(self) -> int:
        """The port that the service must be able to reach."""
        return (urlsplit(self.url.get_secret_value()).port or DATABASE_PORT) if self.url else DATABASE_PORT

    @field_validator("url")
    @classmethod
    def _a_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            require_database_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _one_database(self) -> Self:
        if self.kind == "external" and self.url is None:
            raise ValueError(
                "kind external needs url: the service would have no database; set it with "
                "`pulumi config set --secret --path rag:database.url postgresql://...`"
            )
        if self.kind == "cloudnative-pg" and self.url is not None:
            raise ValueError(
                "url belongs to kind external: with cloudnative-pg the database is created and the URL would be "
                "ignored; remove it, or set kind: external"
            )
        if self.kind == "external" and self.backups is not None:
            raise ValueError("backups belong to cloudnative-pg: an external database is backed up where it lives")
        return self
