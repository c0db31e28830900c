"""How a web worker leaves without failing a request.

On SIGTERM a worker first is a lame duck for DRAIN_SECONDS: it still accepts and serves, `/readyz` says 503 so that a
load balancer turns away, and every response carries `Connection: close`, so that clients with kept-alive connections
reconnect to somebody else. Then it stops accepting, lets requests in flight finish, and exits.

A repeated SIGTERM changes nothing: gunicorn itself sends it every second to a worker that it wants gone, and process
supervisors send it to the whole group. SIGQUIT and SIGINT mean now.

The listening socket may be shared with another gunicorn (blue/green slots that inherit one descriptor). Here it is
closed, never shut down: `shutdown(2)` would end it for everybody.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from types import FrameType

from fastapi import FastAPI
from gunicorn.arbiter import Arbiter
from uvicorn.config import Config
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from app.http.state import Drain, services_of
from app.settings import LINGER_SECONDS

_BEAT_SECONDS = 1.0


class DrainingServer(Server):
    """A uvicorn server that drains before it stops."""

    def __init__(
        self, config: Config, *, drain: Drain, drain_seconds: float, beat: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(config)
        self._drain = drain
        self._drain_seconds = drain_seconds
        self._beat = beat
        self._stop_accepting_at: float | None = None
        self._master = os.getppid()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM begins the drain; any other signal ends the process at once."""
        self._drain.draining = True
        if sig != signal.SIGTERM:
            self.force_exit = True
            self.should_exit = True
        elif self._stop_accepting_at is None:
            self._stop_accepting_at = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop accepting; asked every 0.1 s."""
        if os.getppid() != self._master:
            # gunicorn's master was killed. A new one cannot know of this worker, which would serve an old release
            # for ever on the socket that both hold.
            self.handle_exit(signal.SIGTERM, None)
        leave = self._stop_accepting_at is not None and time.monotonic() >= self._stop_accepting_at
        return await super().on_tick(counter) or leave

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer what was accepted, finish what is in flight."""
        self._drain.draining = True
        heart = asyncio.create_task(self._keep_beating())
        try:
            await self._linger(sockets or [])
            await super().shutdown(sockets)
        finally:
            heart.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await heart

    async def _linger(self, sockets: list[socket.socket]) -> None:
        """uvicorn closes connections without a request in progress; one that was just accepted has none yet."""
        for server in self.servers:
            server.close()
        for sock in sockets:
            sock.close()
        deadline = time.monotonic() + LINGER_SECONDS
        while self.server_state.connections and time.monotonic() < deadline and not self.force_exit:  # noqa: ASYNC110  # uvicorn's set has no event
            await asyncio.sleep(0.02)

    async def _keep_beating(self) -> None:
        """gunicorn kills a worker whose heart stops, and uvicorn's main loop, which beats, has ended by now."""
        while True:
            await self._beat()
            await asyncio.sleep(_BEAT_SECONDS)


class DrainingWorker(UvicornWorker):
    """The gunicorn worker class of this service."""

    CONFIG_KWARGS = {  # noqa: RUF012  # as the base class declares it
        "loop": "auto",
        "http": "httptools",
        "ws": "none",
        "lifespan": "on",
        # One line per request comes from the application, with the request's id.
        "access_log": False,
        "server_header": False,
        # The application itself finds the client's address: only TRUSTED_PROXY_HOPS knows whom to believe.
        "proxy_headers": False,
    }

    async def _serve(self) -> None:
        app = self.wsgi
        assert isinstance(app, FastAPI)
        services = services_of(app.state)
        self.config.app = app
        self.config.timeout_graceful_shutdown = services.settings.graceful_timeout_seconds
        server = DrainingServer(
            self.config,
            drain=services.drain,
            drain_seconds=services.settings.drain_seconds,
            beat=self.callback_notify,
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, server.handle_exit, signal.SIGQUIT, None)
        # The real sockets: uvloop detaches those when it closes them, but closes gunicorn's wrapper a second time,
        # by number, when that number may already be another connection's.
        await server.serve(sockets=[_unwrapped(listener) for listener in self.sockets])
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)


def _unwrapped(listener: object) -> socket.socket:
    inner = getattr(listener, "sock", None)
    assert isinstance(inner, socket.socket), "gunicorn's listeners wrap a socket as `sock`"
    return inner
