"""The web process: `gunicorn -c gunicorn_conf.py app.main:app`."""

import importlib.util
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module

from fastapi import APIRouter, FastAPI

from app.db.engine import create_engine, create_sessions
from app.db.probe import DatabaseProbe
from app.http import health, problems, unavailable
from app.http.ratelimit import RateLimiter
from app.http.state import Services, services_of
from app.settings import Settings, load_settings
from app.tenancy.keys import KeyDirectory


def create_app(settings: Settings) -> FastAPI:
    """The application for these settings; connects to nothing until the first request needs it."""
    app = FastAPI(
        title=settings.app_name,
        version=settings.app_version,
        lifespan=_lifespan,
        docs_url="/docs" if settings.docs_enabled else None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
    )
    app.state.services = _services(settings)
    problems.install(app)
    unavailable.install(app)
    app.include_router(health.router)
    for name in ("uploads", "documents", "query"):
        if importlib.util.find_spec(f"app.http.{name}"):
            router = import_module(f"app.http.{name}").router
            assert isinstance(router, APIRouter)
            app.include_router(router)
    return app


def _services(settings: Settings) -> Services:
    engine = create_engine(settings, process="web")
    sessions = create_sessions(engine)
    return Services(
        settings=settings,
        engine=engine,
        sessions=sessions,
        keys=KeyDirectory(sessions),
        limiter=RateLimiter(settings),
        probe=DatabaseProbe(engine),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    own = services_of(app.state)
    if own.settings.upload_dir is not None:
        # Where Starlette keeps the parts of an upload that are too large for memory.
        tempfile.tempdir = str(own.settings.upload_dir)
    try:
        yield
    finally:
        await own.engine.dispose()


def __getattr__(name: str) -> FastAPI:
    """Make `app` when gunicorn asks for it, so that importing this module reads no environment."""
    if name == "app":
        return create_app(load_settings())
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
