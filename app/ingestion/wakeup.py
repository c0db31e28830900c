"""Wakes idle workers when a job is queued; without it they would only find out at their next look."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import psycopg
from sqlalchemy.engine import URL

from app.ingestion.queue import CHANNEL

_log = logging.getLogger(__name__)
_RECONNECT_SECONDS = 1.0
_CONNECT_SECONDS = 5


class Wakeup:
    """A bell that PostgreSQL rings. It may ring for nothing, and while the database is gone it does not ring."""

    def __init__(self, url: URL, application_name: str) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._application_name = application_name
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Ends the waits that are going on now."""
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Until the bell rings, at most ``seconds``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), seconds)
        self._rung.clear()

    async def listen(self) -> None:
        """Passes notifications on until cancelled; connects again whenever the connection is lost."""
        while True:
            try:
                await self._listen_once()
            except psycopg.Error as error:
                # The driver's message may name the host; its type is enough here, the queue's own errors say more.
                _log.warning("listening for jobs was interrupted", extra={"error": type(error).__name__})
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen_once(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name=self._application_name
        )
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}".encode())
            # Something may have been queued while nobody listened.
            self.ring()
            async for _ in connection.notifies():
                self.ring()
