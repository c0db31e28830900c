"""What every request passes through, outermost first: `Observe`, (CORS), `Guard`, `BodyLimit`."""

import asyncio
import contextlib
import logging
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.context import client_address, new_request_id, request_id, set_request_id
from app.http.problems import ProblemError, problem_response
from app.http.state import Services
from app.http.unavailable import internal_error
from app.observability.logs import REQUEST_ID

_access = logging.getLogger("app.access")
_log = logging.getLogger(__name__)

# Probes and scrapes come every few seconds from every platform; they are worth a line only when they fail.
_QUIET = frozenset({"/livez", "/readyz", "/metrics", "/health"})
_CLIENT_GONE = 499
_SECURITY_HEADERS = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cache-control", "no-store"),
    ("strict-transport-security", "max-age=31536000"),
)
_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"
JSON_BODY_BYTES = 1024 * 1024
MULTIPART_MARGIN_BYTES = 1024 * 1024


def route_template(scope: Scope) -> str:
    """The path as the route was declared, so that ids do not become labels; `unmatched` for anything else."""
    path = getattr(scope.get("route"), "path", None)
    return path if isinstance(path, str) else "unmatched"


class Observe:
    """Gives each request its id, counts and logs it, and sets the headers that all responses carry."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier = new_request_id(scope["headers"])
        set_request_id(scope, identifier)
        token = REQUEST_ID.set(identifier)
        status = _CLIENT_GONE
        started = time.perf_counter()

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                self._add_headers(MutableHeaders(scope=message), scope)
            await send(message)

        metrics = self._services.metrics
        metrics.in_flight.inc()
        try:
            await self._app(scope, receive, observed)
        finally:
            metrics.in_flight.dec()
            self._record(scope, status, time.perf_counter() - started)
            REQUEST_ID.reset(token)

    def _add_headers(self, headers: MutableHeaders, scope: Scope) -> None:
        headers["x-request-id"] = request_id(scope)
        for name, value in _SECURITY_HEADERS:
            headers.setdefault(name, value)
        # The interactive documentation loads scripts; everything else is data.
        if not str(scope["path"]).startswith("/docs"):
            headers.setdefault("content-security-policy", _CONTENT_POLICY)
        if self._services.drain.draining:
            # The client's next request belongs to another process.
            headers["connection"] = "close"

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route, method = route_template(scope), _method(scope)
        self._services.metrics.requests.labels(method, route, str(status)).inc()
        self._services.metrics.seconds.labels(method, route).observe(seconds)
        level = logging.DEBUG if scope["path"] in _QUIET and status < 400 else logging.INFO  # noqa: PLR2004
        if _access.isEnabledFor(level):
            client = client_address(scope, self._services.settings.trusted_proxy_hops)
            fields = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
            # The path as sent may hold anything; the template and the status are what operators need.
            _access.log(level, "request", extra={**fields, "client": client})


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return method if method in known else "OTHER"


class Guard:
    """The last line: an error that nobody mapped becomes a 500 without a word of it, and a traceback in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            if scope["type"] != "http" or started:
                # Too late for a status: the connection is cut, so the client cannot take half an answer for a whole.
                raise
            _log.exception("unhandled error")
            problem = error if isinstance(error, ProblemError) else internal_error()
            await problem_response(problem, request_id(scope))(scope, receive, send)


class BodyLimit:
    """Counts a request's bytes while they stream in, and ends it with 413 when there are too many.

    Only a multipart body may reach MAX_UPLOAD_SIZE_MB: it goes to disk. Everything else is held in memory.
    """

    def __init__(self, app: ASGIApp, upload_bytes: int, *, discard_seconds: float = 5.0) -> None:
        self._app = app
        self._upload_bytes = upload_bytes
        self._discard_seconds = discard_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        multipart = headers.get("content-type", "").lower().startswith("multipart/")
        most = self._upload_bytes + MULTIPART_MARGIN_BYTES if multipart else JSON_BODY_BYTES
        refusal = _too_large(self._upload_bytes if multipart else JSON_BODY_BYTES)
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            await self._refuse(refusal, scope, receive, send)
            return
        await self._count(most, refusal, scope, receive, send)

    async def _count(self, most: int, refusal: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
        seen, over, started = 0, False, False

        async def counted() -> Message:
            nonlocal seen, over
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                over = True
                raise refusal
            return message

        async def guarded(message: Message) -> None:
            nonlocal started
            # Body parsers turn any error of `receive` into an answer of their own; the refusal replaces it.
            if over and not started:
                return
            started = True
            await send(message)

        try:
            await self._app(scope, counted, guarded)
        except ProblemError as error:
            if error is not refusal:
                raise
        if over and not started:
            await self._refuse(refusal, scope, receive, send)

    async def _refuse(self, refusal: ProblemError, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer first, then read on for a moment: closing on unread bytes would destroy the answer on its way."""
        last: Message | None = None

        async def all_but_the_end(message: Message) -> None:
            nonlocal last
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                last = {"type": "http.response.body", "body": b"", "more_body": False}
                message = {**message, "more_body": True}
            await send(message)

        await problem_response(refusal, request_id(scope))(scope, receive, all_but_the_end)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._discard_seconds):
                while (await receive()).get("more_body", False):
                    pass
        if last is not None:
            await send(last)


def _too_large(most: int) -> ProblemError:
    return ProblemError(
        413,
        "request_too_large",
        f"The request's body is larger than the {most // 1024} KiB that this endpoint takes; nothing was stored. "
        "Send less, or in several requests.",
        headers={"Connection": "close"},
    )
