"""An API server on loopback that answers by a script; the client is the real one."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from components.kubernetes import job as job_module
from components.kubernetes.handles import ClusterAccess

Json = dict[str, Any]
FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64
VERSION_FIELDS = ("buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion", "goVersion", "platform")


@dataclass
class Script:
    """Answers by path: a status with a body, or several of them, of which the last one stays."""

    access: ClusterAccess = field(default_factory=lambda: ClusterAccess(kubeconfig="", context="test"))
    answers: dict[str, list[tuple[int, object]]] = field(default_factory=dict[str, list[tuple[int, object]]])
    asked: list[str] = field(default_factory=list[str])

    def say(self, path: str, *answers: object) -> None:
        """A number is a refusal with that status, anything else the answer."""
        self.answers[path] = [(answer, {}) if isinstance(answer, int) else (200, answer) for answer in answers]

    def answer(self, target: str) -> tuple[int, object]:
        path = urlsplit(target).path.rstrip("/")
        self.asked.append(target)
        waiting = self.answers.get(path) or [(404, {"kind": "Status", "reason": "NotFound"})]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(job_module, "POLL_SECONDS", 0.02)
    script = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = script.answer(self.path)
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # why: the base class's name for it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    script.access = ClusterAccess(kubeconfig=str(tmp_path / "kubeconfig"), context="test")
    write_kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{server.server_address[1]}")
    script.say("/version", {"major": "1", "minor": "36"} | dict.fromkeys(VERSION_FIELDS, ""))
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


def write_kubeconfig(path: Path, server: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {"token": "a-token"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    path.write_text(yaml.safe_dump(document))


def items(kind: str, *found: Json) -> Json:
    return {"apiVersion": "v1", "kind": kind, "metadata": {}, "items": list(found)}
