"""The container's own health check: `python -m app.healthcheck [PATH]`.

Asks the web process on loopback, at API_PORT; PATH is `/livez` unless named. Exit status 0 when it answers 200, else
1 with one line on stderr, which the container engine keeps. Stands alone on purpose: it runs every few seconds, so it
imports nothing of the service, and it needs neither a shell nor curl.
"""

import http.client
import os
import sys
from collections.abc import Sequence

DEFAULT_PATH = "/livez"
PATIENCE_SECONDS = 4.0
"""Below the five seconds after which the engine gives up, so that the reason is told here."""

_OK = 200


def main(arguments: Sequence[str]) -> int:
    """0 when the service answers 200, 1 when it does not or cannot be asked."""
    path = arguments[0] if arguments else DEFAULT_PATH
    port = os.environ.get("API_PORT") or "8000"
    try:
        status = ask(int(port), path)
    except (OSError, ValueError, http.client.HTTPException) as error:
        # In one line, whatever it was that answered: a stranger's greeting ends with a line break of its own.
        reason = " ".join(str(error).split()) or type(error).__name__
        return _fail(f"no answer from 127.0.0.1:{port}{path}: {reason}")
    return 0 if status == _OK else _fail(f"127.0.0.1:{port}{path} answered {status}")


def ask(port: int, path: str) -> int:
    """The status of one GET; raises OSError or HTTPException when there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", path, headers={"Connection": "close", "User-Agent": "healthcheck"})
        return connection.getresponse().status
    finally:
        connection.close()


def _fail(reason: str) -> int:
    sys.stderr.write(f"healthcheck: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
