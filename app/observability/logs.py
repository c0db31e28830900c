"""One JSON object per line, with the request's id, and without secrets."""

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request (or job) that the current task works for; every log line carries it."""

_HIDDEN = "***"
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    # An API key of ours keeps its public part, so that an operator can tell which key it was.
    (re.compile(r"\b(rag_[A-Za-z0-9]{8})_[A-Za-z0-9_-]{20,}"), rf"\1_{_HIDDEN}"),
    # The password of a URL; a password may itself hold colons and, unescaped, an @.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s/]+@", re.IGNORECASE), rf"\1:{_HIDDEN}@"),
    (
        re.compile(r"(\b(?:x-api-key|(?:proxy-)?authorization)\b[\"']?\s*[:=]\s*[\"']?)[^\r\n\"',}]+", re.I),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.I), rf"\1{_HIDDEN}"),
    (
        re.compile(r"(\b(?:password|passwd|pwd)\b[\"']?\s*[:=]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)", re.I),
        rf"\1{_HIDDEN}",
    ),
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def redact(text: str) -> str:
    """The text without API keys, passwords in URLs, and credentials of HTTP headers."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class RedactionFilter(logging.Filter):
    """Takes secrets out of a record before any formatter sees it, tracebacks and extra fields included."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; always let it pass."""
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        for name, value in extra_fields(record).items():
            if not isinstance(value, int | float | bool | None):
                setattr(record, name, redact(str(value)))
        return True


def extra_fields(record: logging.LogRecord) -> dict[str, object]:
    """What a caller passed as `extra=`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time (UTC), level, logger, message, request id, extra fields, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its newline."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        identifier = REQUEST_ID.get()
        if identifier:
            line["request_id"] = identifier
        line.update(extra_fields(record))
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["traceback"] = record.exc_text
        return json.dumps(line, default=str, ensure_ascii=False)


def make_handler() -> logging.Handler:
    """A handler for standard error with the redaction and the format of this service."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(RedactionFilter())
    return handler


def configure_logging(level: str) -> None:
    """Send every logger of this process to standard error as JSON lines, from `level` on."""
    root = logging.getLogger()
    root.handlers = [make_handler()]
    root.setLevel(level)
    # Chatty at DEBUG, and with contents rather than events.
    for name in ("multipart", "python_multipart", "asyncio", "psycopg"):
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
