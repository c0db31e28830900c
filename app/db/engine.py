"""The process's one engine. Pools are per process: the platform's connection budget counts them so."""

from sqlalchemy import Engine, NullPool
from sqlalchemy import create_engine as create_sync
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from app.settings import Settings

Sessions = async_sessionmaker[AsyncSession]

_CONNECT_SECONDS = 5
_RECYCLE_SECONDS = 1800


def create_engine(settings: Settings, *, process: str, pool_size: int | None = None) -> AsyncEngine:
    """The engine of one process.

    Args:
        settings: where the database is and how large the pool may be.
        process: shows as `application_name` in pg_stat_activity (`web`, `worker`, ...).
        pool_size: a fixed pool without overflow, for processes that need fewer connections than the web.
    """
    return create_async_engine(
        settings.sqlalchemy_url,
        pool_size=pool_size or settings.db_pool_size,
        max_overflow=settings.db_max_overflow if pool_size is None else 0,
        pool_timeout=settings.db_pool_timeout_seconds,
        pool_recycle=_RECYCLE_SECONDS,
        # A connection that died while idle is replaced before a request sees it.
        pool_pre_ping=True,
        echo=settings.db_echo,
        # Values (questions, text of documents) belong neither in logs nor in exceptions.
        hide_parameters=True,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": f"{settings.app_name}:{process}",
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
        },
    )


def create_sync_engine(settings: Settings, *, process: str) -> Engine:
    """An engine for commands: one connection at a time, none kept."""
    return create_sync(
        settings.sqlalchemy_url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": _CONNECT_SECONDS, "application_name": f"{settings.app_name}:{process}"},
    )


def create_sessions(engine: AsyncEngine) -> Sessions:
    """Sessions over the engine; objects stay readable after a commit."""
    return async_sessionmaker(engine, expire_on_commit=False)
