"""gunicorn's configuration: `gunicorn -c gunicorn_conf.py app.main:app`.

A launcher that owns the listening socket overrides the address with `--bind fd://N`.
"""

import math
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from app.settings import LINGER_SECONDS, Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.workers.base import Worker

_EXIT_MARGIN_SECONDS = 2
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a fixed kernel file system, not a guessable temporary file


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        raise SystemExit(str(error)) from None


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _scratch() -> str | None:
    """Memory rather than disk: a slow or read-only disk must not stop a worker's heart."""
    return str(_SHARED_MEMORY) if os.access(_SHARED_MEMORY, os.W_OK) else None


def _metrics_folder() -> Path:
    """Where the workers' counters lie; made before prometheus_client is imported, which looks for it then."""
    if settings.prometheus_multiproc_dir is None:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="rag-metrics-", dir=_scratch())
    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


settings = _settings()
bind = [_address(settings.api_host, settings.api_port)]
workers = settings.api_workers
worker_class = "app.server.DrainingWorker"
worker_tmp_dir = _scratch()
keepalive = settings.keepalive_seconds
# How long the master waits before it kills: the lame duck phase, the linger, the longest request, a margin.
graceful_timeout = math.ceil(
    settings.drain_seconds + LINGER_SECONDS + settings.graceful_timeout_seconds + _EXIT_MARGIN_SECONDS
)
# A worker without a heartbeat for this long is hung; requests may take longer, for they do not block the loop.
timeout = 60
preload_app = False
# Addresses of proxies are believed by the application alone (TRUSTED_PROXY_HOPS).
forwarded_allow_ips = ""
accesslog = None
# gunicorn's own remote control: a socket in the home folder that two masters would fight for.
control_socket_disable = True
logger_class = "app.observability.gunicorn_logger.JsonLogger"
loglevel = settings.effective_log_level.lower()
_metrics = _metrics_folder()


def on_starting(_server: "Arbiter") -> None:
    """Forget the counters of processes of an earlier run."""
    for stale in _metrics.glob("*.db"):
        stale.unlink(missing_ok=True)


def child_exit(_server: "Arbiter", worker: "Worker") -> None:
    """A worker that is gone no longer holds connections or requests."""
    from app.observability.metrics import forget_process  # noqa: PLC0415  # imported after the folder is set

    forget_process(_metrics, int(worker.pid))


def on_exit(_server: "Arbiter") -> None:
    """Leave nothing behind."""
    shutil.rmtree(_metrics, ignore_errors=True)
