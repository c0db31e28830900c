"""What the application needs of any platform: processes, port, environment, secrets, probes, times.

This is the single place where the platform and the application agree. A test reads the application's own settings
and fails when something is set here that it does not read, or left out that it needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

D = TypeVar("D")

DATABASE_URL = "DATABASE_URL"
BOOTSTRAP_API_KEY = "BOOTSTRAP_API_KEY"

MANAGED_ENVIRONMENT: Mapping[str, str] = {
    "API_HOST": "the platform binds the socket",
    "API_PORT": "set the port of your target instead (local.port)",
    "API_WORKERS": "set app.web_processes instead",
    "APP_ENV": "it is the stack's profile",
    "APP_RELEASE": "it is the release's digest",
    "APP_VERSION": "it is the release's version",
    "BOOTSTRAP_API_KEY": "it is generated, and kept as a secret",
    "DATABASE_URL": "the database component hands it over as a secret",
    "DB_MAX_OVERFLOW": "set app.max_overflow instead",
    "DB_POOL_SIZE": "set app.pool_size instead",
    "DRAIN_SECONDS": "set rollout.drain_seconds instead",
    "GRACEFUL_TIMEOUT_SECONDS": "set rollout.graceful_seconds instead",
    "PROMETHEUS_MULTIPROC_DIR": "each generation of web processes makes a folder of its own; sharing one wipes it",
}
"""What the platform or the release's own start-up decides, and what to do instead of setting it by hand."""

OPERATOR_ENVIRONMENT = frozenset(
    {
        "ALLOWED_EXTENSIONS",
        "ANSWER_SCORE_FLOOR",
        "APP_NAME",
        "BOOTSTRAP_TENANT",
        "CHUNK_OVERLAP",
        "CHUNK_SIZE",
        "CORS_ALLOW_CREDENTIALS",
        "CORS_ORIGINS",
        "DB_ECHO",
        "DB_POOL_TIMEOUT_SECONDS",
        "DEBUG",
        "DOCS_ENABLED",
        "EMBEDDING_PROVIDER",
        "JOB_LEASE_SECONDS",
        "JOB_MAX_ATTEMPTS",
        "KEEPALIVE_SECONDS",
        "LLM_PROVIDER",
        "LOG_LEVEL",
        "MAX_DOCUMENTS_PER_UPLOAD",
        "MAX_FILE_SIZE_MB",
        "MAX_PAGES_PER_DOCUMENT",
        "MAX_UPLOAD_SIZE_MB",
        "MIN_CHUNK_SIZE",
        "MMR_LAMBDA",
        "PARSE_MEMORY_MB",
        "PARSE_TIMEOUT_SECONDS",
        "RATE_LIMIT_DELETE",
        "RATE_LIMIT_ENABLED",
        "RATE_LIMIT_HEALTH",
        "RATE_LIMIT_METRICS",
        "RATE_LIMIT_QUERY",
        "RATE_LIMIT_READ",
        "RATE_LIMIT_STORAGE_URL",
        "RATE_LIMIT_UPLOAD",
        "RETRIEVAL_METHOD",
        "RETRIEVAL_TOP_K",
        "TIKTOKEN_CACHE_DIR",
        "TRUSTED_PROXY_HOPS",
        "UPLOAD_DIR",
        "WORKER_CONCURRENCY",
    }
)
"""What an operator may set under `app.environment`: every other plain name that the application reads."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """One process of the release: its name, the command's words, and the secrets that it alone may read."""

    name: str
    command: tuple[str, ...]
    secrets: frozenset[str]


WEB = Process(
    name="web",
    command=("gunicorn", "--config", "gunicorn_conf.py", "app.main:app"),
    secrets=frozenset({DATABASE_URL}),
)
WORKER = Process(name="worker", command=("python", "-m", "app.worker"), secrets=frozenset({DATABASE_URL}))
MIGRATE = Process(
    name="migrate",
    command=("python", "-m", "app.migrate"),
    secrets=frozenset({DATABASE_URL, BOOTSTRAP_API_KEY}),
)


@dataclass(frozen=True, kw_only=True)
class Probes:
    """The paths that the application offers, and what each one answers."""

    health: str = "/health"
    """Status of the service and its dependencies, with the release's digest."""
    live: str = "/livez"
    """The process is alive; no I/O."""
    ready: str = "/readyz"
    """503 while the process cannot serve: no database, or draining."""


@dataclass(frozen=True, kw_only=True)
class WorkloadSpec:
    """The service as every platform runs it: two long-running processes and one task of the same release.

    `drain_seconds` is the lame duck in which a web process still serves but asks clients to leave;
    `graceful_seconds` bounds the requests in flight after that. `environment` is plain and the same for every
    process; secrets are references, one set per process.
    """

    name: str
    port: int
    environment: Mapping[str, str]
    drain_seconds: int
    graceful_seconds: int
    web: Process = WEB
    worker: Process = WORKER
    migrate: Process = MIGRATE
    probes: Probes = Probes()

    def environment_for(self, digest: D) -> dict[str, str | D]:
        """The plain environment of one release: the same everywhere but for the digest that /health reports.

        The digest may be a value that is only known later (an Output); this module needs no engine for that.
        """
        return {**self.environment, "APP_RELEASE": digest}

    @property
    def rewritten(self) -> tuple[str, ...]:
        """Folders that a container with a read-only root must still be able to write to: uploads and parsing spool
        in the first, heartbeats and counters of the web processes lie in the second, which is memory.
        """
        return ("/tmp", "/dev/shm")  # noqa: S108  # why: mount points inside of the container
