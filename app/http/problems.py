"""Errors as clients see them: `application/problem+json`, always with the request's id, never with its body."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from app.http.context import request_id

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """One field that is wrong: where, why, and a stable code."""

    field: str
    message: str
    code: str


class Problem(BaseModel):
    """The document of RFC 9457, plus a stable `code`, the `request_id` and, where fields are wrong, `errors`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] | None = None


def _documented(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}


# FieldError is written out where it is used: a reference would point into this schema, not into the API's document.
_SCHEMA = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
_SCHEMA["properties"]["errors"] = {"type": "array", "items": _SCHEMA.pop("$defs")["FieldError"]}

DOCUMENTED: dict[int | str, dict[str, Any]] = {
    "4XX": _documented("The request cannot be served as it is; `code` says why."),
    422: _documented("Fields are missing or wrong; `errors` names them."),
    503: _documented("The database does not answer; `Retry-After` says when to come back."),
}
"""What the OpenAPI document says of errors, for every router of /v1."""


class ProblemError(Exception):
    """An error that a client is told about.

    Args:
        status: the HTTP status.
        code: a stable, machine-readable name such as `document_not_found`.
        detail: what is wrong and what to do, in plain words; never a secret and never what the client sent.
        headers: further response headers.
        errors: one entry for each field that is wrong.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = [dict(error) for error in errors]


def not_found(what: str) -> ProblemError:
    """A 404 that says the same whether the thing never existed or is another tenant's."""
    return ProblemError(404, f"{what}_not_found", f"There is no such {what.replace('_', ' ')} for this API key.")


def problem_body(problem: ProblemError, identifier: str) -> dict[str, object]:
    """The document of RFC 9457, plus `code`, `request_id` and, where fields are wrong, `errors`."""
    body: dict[str, object] = {
        "type": f"urn:rag:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": identifier,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return body


def problem_response(problem: ProblemError, identifier: str) -> JSONResponse:
    """The response for a problem."""
    return JSONResponse(
        problem_body(problem, identifier), problem.status, headers=problem.headers, media_type=MEDIA_TYPE
    )


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)
    return problem_response(error, request_id(request.scope))


async def _on_validation(request: Request, error: Exception) -> JSONResponse:
    """Name the fields, in the client's words; `input` and `ctx` hold what the client sent and stay here."""
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "field": ".".join(str(part) for part in entry["loc"]),
            "message": str(entry["msg"]).removeprefix("Value error, "),
            "code": str(entry["type"]),
        }
        for entry in error.errors()
    ]
    problem = ProblemError(422, "invalid_request", "The request does not fit this endpoint; see errors.", errors=errors)
    return problem_response(problem, request_id(request.scope))


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    """What Starlette raises itself: unknown paths, methods, broken multipart bodies."""
    assert isinstance(error, StarletteHTTPException)
    status = HTTPStatus(error.status_code)
    problem = ProblemError(
        status.value,
        status.name.lower(),
        _HTTP_DETAILS.get(status.value, f"The request was refused: {status.phrase.lower()}."),
        headers=error.headers,
    )
    return problem_response(problem, request_id(request.scope))


_HTTP_DETAILS = {
    400: "The request's body cannot be read; check its encoding and Content-Type.",
    404: "There is nothing at this path.",
    405: "This path does not support the method; see the Allow header.",
}


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(StarletteHTTPException, _on_http)
