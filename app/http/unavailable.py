"""When the database is gone, whatever a handler was doing becomes a 503 that says when to come back."""

import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.http.context import request_id
from app.http.problems import ProblemError, problem_response

_log = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 2


def database_unavailable() -> ProblemError:
    """The 503 for a database that does not answer, or has no connection free."""
    return ProblemError(
        503,
        "database_unavailable",
        "The service's database does not answer right now; nothing was changed by this request unless a success was "
        f"reported. Try again in {RETRY_AFTER_SECONDS} s.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def internal_error() -> ProblemError:
    """The 500 for a mistake of ours; the log has the rest under the same request id."""
    return ProblemError(
        500, "internal_error", "The service failed to handle this request; report the request_id to its operator."
    )


async def _on_unavailable(request: Request, error: Exception) -> JSONResponse:
    _log.warning("the database failed a request: %s", _first_line(error))
    return problem_response(database_unavailable(), request_id(request.scope))


async def _on_dbapi_error(request: Request, error: Exception) -> JSONResponse:
    """Other driver errors are mistakes of ours, unless they cost the connection."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return await _on_unavailable(request, error)
    _log.error("a statement failed", exc_info=error)
    return problem_response(internal_error(), request_id(request.scope))


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def install(app: FastAPI) -> None:
    """Map the errors of a database that is gone, overloaded or restarting."""
    for kind in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(kind, _on_unavailable)
    app.add_exception_handler(DBAPIError, _on_dbapi_error)
