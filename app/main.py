"""The web process: `gunicorn -c gunicorn_conf.py app.main:app`."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from app.db.engine import create_engine, create_sessions
from app.db.probe import DatabaseProbe
from app.http import documents, health, metrics, problems, query, unavailable, uploads
from app.http.middleware import BodyLimit, Guard, Observe
from app.http.ratelimit import RateLimiter
from app.http.state import Services, services_of
from app.observability.logs import configure_logging
from app.observability.metrics import Metrics, QueueWatch
from app.settings import Settings, SettingsError, load_settings
from app.tenancy.keys import KeyDirectory


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings; connects to nothing until the first request needs it."""
    app = FastAPI(
        title=settings.app_name,
        version=settings.app_version,
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url="/docs" if settings.docs_enabled else None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
    )
    app.state.services = _services(settings)
    problems.install(app)
    unavailable.install(app)
    _add_middleware(app, settings)
    for module in (health, metrics):
        app.include_router(module.router)
    for module in (uploads, documents, query):
        app.include_router(module.router, responses=problems.DOCUMENTED)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    """The last one added is the outermost."""
    app.add_middleware(BodyLimit, upload_bytes=settings.max_upload_bytes)
    app.add_middleware(Guard)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_credentials=settings.cors_allow_credentials,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("Authorization", "X-API-Key", "Content-Type", "X-Request-ID"),
            expose_headers=("X-Request-ID", "Retry-After"),
        )
    app.add_middleware(Observe, services=services_of(app.state))


def _services(settings: Settings) -> Services:
    engine = create_engine(settings, process="web")
    sessions = create_sessions(engine)
    counters = Metrics()
    counters.watch_pool(engine, settings.db_pool_size + settings.db_max_overflow)
    return Services(
        settings=settings,
        engine=engine,
        sessions=sessions,
        keys=KeyDirectory(sessions),
        limiter=RateLimiter(settings),
        probe=DatabaseProbe(engine),
        metrics=counters,
        queue=QueueWatch(sessions),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    own = services_of(app.state)
    if own.settings.upload_dir is not None:
        _spool_in(own.settings.upload_dir)
    try:
        yield
    finally:
        await own.engine.dispose()


def _spool_in(folder: Path) -> None:
    """Keep the parts of an upload that are too large for memory in this folder.

    Raises:
        SettingsError: nothing can be written there, so every larger upload would fail.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            tempfile.tempdir = str(folder)
    except OSError as error:
        raise SettingsError(
            f"UPLOAD_DIR ({folder}) cannot be written to ({error.strerror}), so every larger upload would fail; "
            "name a writable folder, or leave it unset"
        ) from None


def __getattr__(name: str) -> FastAPI:
    """Make `app` when gunicorn asks for it, so that importing this module reads no environment."""
    if name == "app":
        settings = load_settings()
        configure_logging(settings.effective_log_level)
        return create_app(settings)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
