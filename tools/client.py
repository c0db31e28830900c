"""A client of the running service, for the demo and for questions from the terminal."""

from __future__ import annotations

import argparse
import ipaddress
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

import httpx
from rich.panel import Panel
from rich.text import Text

from components.local.paths import LocalPaths
from components.local.slots import Slots
from components.workload import BOOTSTRAP_API_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

ROOT: Final = Path(__file__).resolve().parents[1]
REQUEST_SECONDS: Final = 60.0
LONGEST_WAIT_SECONDS: Final = 60.0
_RATE_LIMITED: Final = 429

Json = dict[str, object]
UploadFile = tuple[str, bytes]


class ClientError(Exception):
    """The service cannot be asked, or refused; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the service is and which file holds the key for it."""

    url: str
    key_file: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where the service is."""
    parser.add_argument("--url", help="the service's address; default: the one that `make up` started")
    parser.add_argument("--key-file", type=Path, help="a file with the API key, mode 0600; default: the local stack's")


def target_of(arguments: argparse.Namespace, *, root: Path = ROOT) -> Target:
    """Find the service. Raises ClientError when none is named and none runs here."""
    paths = LocalPaths(root / ".local")
    url, key_file = cast("str | None", arguments.url), cast("Path | None", arguments.key_file)
    if url is None:
        spec = Slots(paths).serving()
        if spec is None:
            raise ClientError(
                "The service is not running on this machine. Start it with `make up`, or name another one with --url "
                "and --key-file."
            )
        url = f"http://127.0.0.1:{spec.environment['API_PORT']}"
    return Target(url=url.rstrip("/"), key_file=key_file or paths.secrets / BOOTSTRAP_API_KEY)


def read_key(path: Path) -> str:
    """Read the API key. Raises ClientError when the file is missing, empty, or others may read it."""
    try:
        mode = path.stat().st_mode
        key = path.read_text().strip()
    except OSError as error:
        raise ClientError(
            f"The API key cannot be read from {path} ({error.strerror}). `make up` writes it for the local service; "
            "for another one, name its file with --key-file."
        ) from error
    if mode & 0o077:
        raise ClientError(
            f"Other users may read the API key in {path}. Run `chmod 600` on it; if others did, revoke it."
        )
    if not key:
        raise ClientError(f"{path} is empty, so there is no API key to send. Put the key into it.")
    return key


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ClientError("--url is not an address of the service; write for example http://127.0.0.1:8000.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ClientError(f"The key would travel unencrypted to {parts.hostname}. Use an https address.")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class ServiceClient:
    """Speaks to one service with one key; waits when the service says that it must."""

    def __init__(self, target: Target) -> None:
        _check_url(target.url)
        self._http = httpx.Client(
            base_url=target.url,
            headers={"Authorization": f"Bearer {read_key(target.key_file)}"},
            timeout=REQUEST_SECONDS,
            trust_env=False,
        )
        self._url = target.url

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, parameters: Mapping[str, int] | None = None) -> Json:
        """Read. Raises ClientError."""
        return self._send(self._http.build_request("GET", path, params=parameters))

    def ask(self, question: str) -> Json:
        """Ask a question and return the response. Raises ClientError."""
        return self._send(self._http.build_request("POST", "/v1/query", json={"query": question}))

    def upload(self, files: Sequence[UploadFile]) -> Json:
        """Upload named files as one batch and return it. Raises ClientError."""
        parts = [("files[]", file) for file in files]
        return self._send(self._http.build_request("POST", "/v1/documents/upload", files=parts))

    def _send(self, request: httpx.Request) -> Json:
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            try:
                response = self._http.send(request)
            except httpx.TransportError as error:
                raise ClientError(
                    f"{self._url} does not answer ({type(error).__name__}). Start the service with `make up`; "
                    "`make status` and `make logs` say how it is."
                ) from error
            wait = _wait_of(response)
            if wait is None or time.monotonic() + wait > deadline:
                return _body(response)
            time.sleep(wait)


def _wait_of(response: httpx.Response) -> float | None:
    """How many seconds to wait before the same request may succeed; None when waiting does not help."""
    if response.status_code not in (_RATE_LIMITED, httpx.codes.SERVICE_UNAVAILABLE.value):
        return None
    after = response.headers.get("retry-after", "")
    return float(after) if after.isdecimal() else None


def _body(response: httpx.Response) -> Json:
    try:
        body = response.json()
    except ValueError:
        body = None
    content = cast("Json", body) if isinstance(body, dict) else {}
    if response.is_success and content:
        return content
    raise ClientError(
        f"The service refused (HTTP {response.status_code}): {content.get('detail', 'its answer is no JSON document')}"
        + "".join(f"\n  {error['message']}" for error in entries(content, "errors"))
        + (f"\n  request {content['request_id']}" if "request_id" in content else "")
    )


def entries(body: Json, name: str) -> list[Json]:
    """The list of objects under a name; empty when there is none."""
    found = body.get(name)
    return cast("list[Json]", found) if isinstance(found, list) else []


def show_answer(console: Console, answer: Json) -> None:
    """Print a question, its answer and where each sentence stands."""
    text = Text(str(answer["answer"]), style="bold" if answer["answered"] else "yellow")
    console.print(Panel(text, title=Text(str(answer["query"])), title_align="left"))
    for citation in entries(answer, "citations"):
        first, last = citation["page"], citation["page_end"]
        page = f"page {first}" if first == last else f"pages {first} to {last}"
        place = f"{citation['filename']}, {page}, score {citation['score']}"
        console.print(Text.assemble("  ", (place, "cyan")))
        console.print(Text(f"  \u201c{citation['snippet']}\u201d", style="dim"))
    console.print()
