"""Is the database there, and is its schema one this release can serve? Asked often, so answered from memory."""

import asyncio
import logging
import time
from dataclasses import dataclass

from psycopg.errors import UndefinedTable
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.schema import SchemaState, schema_state

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DatabaseState:
    """What the last look found; `schema` is None when there was no answer."""

    available: bool
    schema: SchemaState | None

    @property
    def servable(self) -> bool:
        """Whether requests can be served."""
        return self.available and self.schema is not None and self.schema is not SchemaState.BEHIND


_UNAVAILABLE = DatabaseState(available=False, schema=None)


class DatabaseProbe:
    """At most one look per `fresh_seconds`, however many probes ask at once.

    The look waits its turn in the pool like any request: when no connection comes free in time, requests would not
    get one either, and the process is not ready.
    """

    def __init__(self, engine: AsyncEngine, *, fresh_seconds: float = 1.0, timeout_seconds: float = 2.0) -> None:
        self._engine = engine
        self._fresh_seconds = fresh_seconds
        self._timeout_seconds = timeout_seconds
        self._lock = asyncio.Lock()
        self._state = _UNAVAILABLE
        self._looked_at = float("-inf")

    async def state(self) -> DatabaseState:
        """The state, at most `fresh_seconds` old; never raises."""
        async with self._lock:
            if time.monotonic() - self._looked_at >= self._fresh_seconds:
                self._state = await self._look()
                self._looked_at = time.monotonic()
            return self._state

    async def _look(self) -> DatabaseState:
        try:
            async with asyncio.timeout(self._timeout_seconds), self._engine.connect() as connection:
                found = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalars().all()
        except ProgrammingError as error:
            if isinstance(error.orig, UndefinedTable):
                return DatabaseState(available=True, schema=SchemaState.BEHIND)
            return self._gone(error)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            return self._gone(error)
        return DatabaseState(available=True, schema=schema_state(found))

    def _gone(self, error: Exception) -> DatabaseState:
        # The text of the error names hosts and users: it goes to the log alone, and once per outage.
        if self._state.available:
            _log.warning("the database is unavailable: %s", error)
        return _UNAVAILABLE
