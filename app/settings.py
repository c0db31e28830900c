"""Everything the service reads from its environment, in one place.

A variable that is named here is read and has an effect; nothing else is read. Variables of providers that do not
exist yet (an embedding service, a vector index, an LLM) are not named: they come with the code that uses them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url

from app import __version__
from app.cpus import usable_cpus
from app.settings_rules import (
    KNOWN_EXTENSIONS,
    check_database_url,
    check_rate,
    explain,
    only,
    refuse_unresolved_reference,
    split,
)

MEBIBYTE = 1024 * 1024
API_KEY_PATTERN = re.compile(r"rag_[A-Za-z0-9]{8}_[A-Za-z0-9_-]{43}")
RATE_CLASSES = ("upload", "query", "read", "delete", "health", "metrics")
RateClass = Literal["upload", "query", "read", "delete", "health", "metrics"]

LINGER_SECONDS = 1.0
"""How long, after accepting has ended, connections that were just accepted may take to bring their request."""


class SettingsError(ValueError):
    """The environment does not describe a service that could run; the message names each key, never its value."""


@dataclass(frozen=True, kw_only=True)
class EnvironmentName:
    """What the platform must know of one variable."""

    required: bool
    secret: bool


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split)]
Rate = Annotated[str, AfterValidator(check_rate)]
Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[int, Field(ge=1)]


class Settings(BaseSettings):
    """The service's settings; each field is the environment variable of the same name in capitals."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True, case_sensitive=False
    )

    # What is running
    app_name: str = "rag-service"
    app_version: str = __version__
    app_env: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")] = "development"
    app_release: Annotated[str | None, Field(pattern=r"^sha256:[0-9a-f]{64}$")] = None
    debug: bool = False
    prometheus_multiproc_dir: Path | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    docs_enabled: bool = True

    # The web process
    api_host: str = "127.0.0.1"
    api_port: Port = 8000
    api_workers: Annotated[int, Field(ge=1, le=64, default_factory=usable_cpus)]
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 2
    graceful_timeout_seconds: Annotated[int, Field(ge=1, le=120)] = 30
    keepalive_seconds: Annotated[int, Field(ge=1, le=3600)] = 75
    trusted_proxy_hops: Annotated[int, Field(ge=0, le=10)] = 0
    cors_origins: CommaSeparated = ()
    cors_allow_credentials: bool = False

    # The database
    database_url: SecretStr
    db_pool_size: Annotated[int, Field(ge=1, le=200)] = 10
    db_max_overflow: Annotated[int, Field(ge=0, le=200)] = 20
    db_pool_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5
    db_echo: bool = False

    # Rate limits
    rate_limit_enabled: bool = True
    rate_limit_storage_url: str = "memory://"
    rate_limit_upload: Rate = "10/hour"
    rate_limit_query: Rate = "20/minute"
    rate_limit_read: Rate = "100/minute"
    rate_limit_delete: Rate = "20/minute"
    rate_limit_health: Rate = "300/minute"
    rate_limit_metrics: Rate = "30/minute"

    # Uploads and parsing
    max_documents_per_upload: Annotated[int, Field(ge=1, le=20)] = 20
    max_file_size_mb: Positive = 50
    max_upload_size_mb: Positive = 200
    max_pages_per_document: Positive = 1000
    allowed_extensions: CommaSeparated = ("pdf", "docx", "txt", "md")
    upload_dir: Path | None = None
    parse_memory_mb: Annotated[int, Field(ge=128)] = 512
    parse_timeout_seconds: Positive = 120

    # Chunks, the queue and its worker
    chunk_size: Annotated[int, Field(ge=50, le=8000)] = 1000
    chunk_overlap: Annotated[int, Field(ge=0)] = 150
    min_chunk_size: Annotated[int, Field(ge=1)] = 100
    tiktoken_cache_dir: Path | None = None
    worker_concurrency: Annotated[int, Field(ge=1, le=16)] = 1
    job_lease_seconds: Annotated[int, Field(ge=2, le=3600)] = 15
    job_max_attempts: Annotated[int, Field(ge=1, le=20)] = 3

    # Retrieval and answers
    retrieval_method: str = "keyword"
    retrieval_top_k: Annotated[int, Field(ge=1, le=50)] = 10
    mmr_lambda: Annotated[float, Field(ge=0, le=1)] = 0.5
    answer_score_floor: Annotated[float, Field(ge=0, le=1)] = 0.32
    llm_provider: str = "local"
    embedding_provider: str = "local"

    # The first tenant
    bootstrap_tenant: Annotated[str, Field(min_length=1, max_length=100)] = "default"
    bootstrap_api_key: SecretStr | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_unresolved_reference(cls, value: object) -> object:
        refuse_unresolved_reference(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _a_postgresql_url(cls, value: SecretStr) -> SecretStr:
        check_database_url(value.get_secret_value())
        return value

    @field_validator("bootstrap_api_key")
    @classmethod
    def _a_real_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and API_KEY_PATTERN.fullmatch(value.get_secret_value()) is None:
            raise ValueError(
                "is not an API key of this service, so it could never authenticate; "
                "make one with `python -m app.keys generate`"
            )
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("llm_provider", "embedding_provider")
    @classmethod
    def _only_the_local_provider(cls, value: str) -> str:
        return only("local", value)

    @field_validator("retrieval_method")
    @classmethod
    def _only_keyword_retrieval(cls, value: str) -> str:
        return only("keyword", value)

    @field_validator("rate_limit_storage_url")
    @classmethod
    def _a_known_storage(cls, value: str) -> str:
        if value != "memory://":
            raise ValueError(
                "names a storage that is not available yet, so requests would not be counted; "
                "leave it unset (memory://, which counts per web worker)"
            )
        return value

    @field_validator("allowed_extensions")
    @classmethod
    def _known_extensions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        extensions = tuple(extension.lower().lstrip(".") for extension in value)
        if not extensions or not KNOWN_EXTENSIONS.issuperset(extensions):
            raise ValueError("may name pdf, docx, txt and md; there is no parser for another type")
        return extensions

    @model_validator(mode="after")
    def _values_that_fit_each_other(self) -> Self:
        if self.chunk_overlap >= self.chunk_size:
            raise ValueError(
                "CHUNK_OVERLAP is not below CHUNK_SIZE, so chunking would never advance; lower CHUNK_OVERLAP"
            )
        if self.min_chunk_size > self.chunk_size:
            raise ValueError(
                "MIN_CHUNK_SIZE is above CHUNK_SIZE, so no chunk could be long enough; lower MIN_CHUNK_SIZE"
            )
        if self.max_file_size_mb > self.max_upload_size_mb:
            raise ValueError(
                "MAX_FILE_SIZE_MB is above MAX_UPLOAD_SIZE_MB, so the largest file could never be sent; "
                "raise MAX_UPLOAD_SIZE_MB"
            )
        if self.cors_allow_credentials and "*" in self.cors_origins:
            raise ValueError(
                "CORS_ALLOW_CREDENTIALS with CORS_ORIGINS=* would let every site act for a signed-in user; "
                "name the origins"
            )
        return self

    @property
    def sqlalchemy_url(self) -> URL:
        """The database's URL with the driver of this service (psycopg 3, sync and async alike)."""
        return make_url(self.database_url.get_secret_value()).set(drivername="postgresql+psycopg")

    @property
    def effective_log_level(self) -> str:
        """DEBUG wins over LOG_LEVEL."""
        return "DEBUG" if self.debug else self.log_level

    @property
    def max_file_bytes(self) -> int:
        """MAX_FILE_SIZE_MB in bytes (a megabyte here is 2**20 bytes)."""
        return self.max_file_size_mb * MEBIBYTE

    @property
    def max_upload_bytes(self) -> int:
        """MAX_UPLOAD_SIZE_MB in bytes; no request's body may be larger."""
        return self.max_upload_size_mb * MEBIBYTE

    def rate(self, name: RateClass) -> str:
        """The rate of one class of requests, like `20/minute`."""
        rates: dict[RateClass, str] = {
            "upload": self.rate_limit_upload,
            "query": self.rate_limit_query,
            "read": self.rate_limit_read,
            "delete": self.rate_limit_delete,
            "health": self.rate_limit_health,
            "metrics": self.rate_limit_metrics,
        }
        return rates[name]

    @classmethod
    def environment_names(cls) -> Mapping[str, EnvironmentName]:
        """Every variable the service reads, for the platform's contract test."""
        return {
            name.upper(): EnvironmentName(required=field.is_required(), secret="SecretStr" in str(field.annotation))
            for name, field in cls.model_fields.items()
        }


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        SettingsError: naming every key that is missing or wrong, what that would lead to, and the remedy.
    """
    try:
        return Settings.model_validate({})
    except ValidationError as error:
        raise SettingsError(explain(error)) from None
