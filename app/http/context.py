"""What is known of a request before any handler runs: its id and its client's address."""

import re
import secrets
from collections.abc import Iterable

from starlette.types import Scope

_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_KEY = "rag.request_id"


def new_request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's X-Request-ID when it is harmless in a log line, else a fresh one."""
    for name, value in headers:
        if name == b"x-request-id" and _ACCEPTABLE_ID.fullmatch(value):
            return value.decode("ascii")
    return secrets.token_hex(16)


def set_request_id(scope: Scope, identifier: str) -> None:
    """Keep the id with the request."""
    scope[_KEY] = identifier


def request_id(scope: Scope) -> str:
    """The request's id; empty outside of a request."""
    return str(scope.get(_KEY, ""))


def client_address(scope: Scope, trusted_hops: int) -> str:
    """The address of whoever called the first trusted proxy.

    X-Forwarded-For is written by the client and extended by each proxy: only its last `trusted_hops` entries were
    written by proxies of ours. With fewer entries than that the request did not come through them, and the address
    of the connection is the only thing known.
    """
    client = scope.get("client")
    peer = str(client[0]) if client else "unknown"
    if trusted_hops == 0:
        return peer
    values = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = [hop.strip() for hop in b",".join(values).decode("latin-1").split(",") if hop.strip()]
    return hops[-trusted_hops] if len(hops) >= trusted_hops else peer
