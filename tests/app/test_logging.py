"""Logs: one JSON line each, with the request's id, without secrets."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from app.observability.logs import REQUEST_ID, JsonFormatter, RedactionFilter, redact

pytestmark = pytest.mark.unit

KEY = "rag_Ab3dEf9h_" + "S3cret-_" * 5 + "xyz"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactionFilter())
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("test.redaction")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield written
    logger.removeHandler(handler)


log = logging.getLogger("test.redaction")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key {KEY} used", KEY.split("_", 2)[2]),
        ("postgresql://rag:s3cr3t@db:5432/rag failed", "s3cr3t"),
        ("postgresql+psycopg://rag:p@ss:w0rd@db/rag", "w0rd"),
        ("redis://:onlyapassword@cache", "onlyapassword"),
        ("Authorization: Bearer abc.def.ghi", "abc.def.ghi"),
        ("{'authorization': 'Basic dXNlcjpwYXNz'}", "dXNlcjpwYXNz"),
        ('"x-api-key": "something-else-entirely"', "something-else-entirely"),
        ("Bearer 0123456789abcdef", "0123456789abcdef"),
        ("connection to host=db password=hunter22 failed", "hunter22"),
        ("password='two words' dbname=x", "two words"),
    ],
)
def test_secrets_leave_a_text(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "GET /v1/documents 200",
        "http://127.0.0.1:8000/health",
        "postgresql://db:5432/rag",
        "rag_service started",
        "rate 20/minute: wait 3 s",
        "https://user@host/path",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_key_keeps_its_public_part_for_the_operator() -> None:
    assert redact(KEY) == "rag_Ab3dEf9h_***"


def test_a_line_is_json_with_the_request_id(stream: io.StringIO) -> None:
    token = REQUEST_ID.set("req-12345678")
    try:
        log.info("two\nlines", extra={"route": "/v1/query", "ms": 1.5})
    finally:
        REQUEST_ID.reset(token)
    [line] = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["message"] == "two\nlines"
    assert entry["request_id"] == "req-12345678"
    assert (entry["route"], entry["ms"], entry["level"]) == ("/v1/query", 1.5, "info")


def fail_with(error: Exception, cause: Exception | None = None) -> None:
    raise error from cause


def test_secrets_leave_arguments_extras_and_tracebacks(stream: io.StringIO) -> None:
    try:
        fail_with(ValueError(f"cannot use {KEY}"))
    except ValueError:
        log.exception("with %s", KEY, extra={"url": "postgresql://u:s3cr3t@h/d", "nested": {"key": KEY}})
    written = stream.getvalue()
    entry = json.loads(written)
    assert "ValueError" in entry["traceback"]
    assert KEY not in written
    assert "s3cr3t" not in written


def test_the_cause_of_an_error_is_redacted_too(stream: io.StringIO) -> None:
    try:
        fail_with(RuntimeError("no database"), ConnectionError("postgresql://u:s3cr3t@h/d"))
    except RuntimeError:
        log.exception("failed")
    assert "no database" in stream.getvalue()
    assert "s3cr3t" not in stream.getvalue()
