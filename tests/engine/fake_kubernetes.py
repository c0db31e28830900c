"""An API server on loopback that tells of the doubled cluster: what the program itself asks, beside Pulumi's provider.

The objects are those of the doubles' world. A Job ends as it was told to, a Deployment's pods are ready. It says
nothing that the program does not ask; `make test-kubernetes` has a real API server.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import yaml

from tests.engine.doubles.wire import at, plain

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.engine.doubles.wire import Json, Properties
    from tests.engine.doubles.world import Object, World

KINDS = {
    "postgresql.cnpg.io": ("Cluster", "ScheduledBackup"),
    "barmancloud.cnpg.io": ("ObjectStore",),
    "monitoring.coreos.com": ("ServiceMonitor", "PrometheusRule"),
}
"""The operators that this cluster has."""
VERSION_FIELDS = ("buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion", "goVersion", "platform")
NAMED = {"ingressclasses", "clusterissuers", "gateways"}
"""Objects of others that exist whatever their name."""
TYPES = {
    "jobs": "kubernetes:batch/v1:Job",
    "deployments": "kubernetes:apps/v1:Deployment",
    "secrets": "kubernetes:core/v1:Secret",
}


@dataclass
class Cluster:
    """What the test decides: how the next migration ends, and what it prints."""

    world: World
    migration_fails: bool = False
    log: str = "migrate: the schema is at this release's head"
    missing: set[str] = field(default_factory=set[str])
    """API groups that this cluster lacks."""

    def find(self, kind: str, name: str) -> tuple[str, Object] | None:
        """An object of the doubles by its name, with its id."""
        for identifier, item in self.world.objects().items():
            if item["type"] == TYPES[kind] and plain(at(item["inputs"], "metadata.name")) == name:
                return identifier, item
        return None

    def answer(self, path: str) -> Json:
        """The JSON of a GET, the log's text, or None for what does not exist."""
        parts = path.strip("/").split("/")
        match parts:
            case ["version"]:
                found: Json = {**dict.fromkeys(VERSION_FIELDS, ""), "major": "1", "minor": "36"}
            case ["apis", group, _]:
                found = self._kinds(group)
            case [*_, "log"]:
                found = self.log
            case [*_, "pods"]:
                found = _list("PodList", [_pod(self.migration_fails)])
            case [*_, "replicasets"]:
                found = _list("ReplicaSetList", [_replica_set(item) for item in self._deployments()])
            case [*_, kind, name]:
                found = {"kind": "Named", "metadata": {"name": name}} if kind in NAMED else self._object(kind, name)
            case _:
                found = None
        return found

    def _kinds(self, group: str) -> Json:
        if group in self.missing or group not in KINDS:
            return None
        kinds: list[Json] = [
            {"name": f"{kind.lower()}s", "kind": kind, "namespaced": True, "singularName": kind.lower(), "verbs": []}
            for kind in KINDS[group]
        ]
        return {"kind": "APIResourceList", "groupVersion": group, "resources": kinds}

    def _object(self, kind: str, name: str) -> Json:
        found = self.find(kind, name) if kind in TYPES else None
        if found is None:
            return None
        identifier, item = found
        if kind == "jobs":
            return self._job(identifier, item)
        if kind == "secrets":
            data = cast("Properties", plain(item["inputs"].get("stringData")) or {})
            encoded: Properties = {key: base64.b64encode(str(value).encode()).decode() for key, value in data.items()}
            return {"kind": "Secret", "metadata": _metadata(item), "data": encoded}
        metadata = _metadata(item)
        status: Properties = {"observedGeneration": metadata["generation"], "conditions": []}
        return {**cast("Properties", plain(dict(item["inputs"]))), "metadata": metadata, "status": status}

    def _job(self, identifier: str, item: Object) -> Json:
        """A Job that has run keeps its outcome, as real ones do; a new one ends as the test has decided."""
        status = item["state"].get("status")
        if not isinstance(status, dict):
            status = cast("Properties", {"failed": 1} if self.migration_fails else {"succeeded": 1})
            item["state"]["status"] = status
            self.world.put(identifier, item)
        failed = bool(status.get("failed"))
        condition: Json = {
            "type": "Failed" if failed else "Complete",
            "status": "True",
            "reason": "BackoffLimitExceeded" if failed else "CompletionsReached",
        }
        return {"kind": "Job", "metadata": _metadata(item), "status": {"conditions": [condition]}}

    def _deployments(self) -> list[Object]:
        return [item for item in self.world.objects().values() if item["type"] == TYPES["deployments"]]


def _metadata(item: Object) -> Properties:
    return cast("Properties", plain(item["state"]["metadata"]))


def _replica_set(deployment: Object) -> Json:
    metadata = _metadata(deployment)
    owner: Json = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "metadata": {"name": "ready", "ownerReferences": [owner]},
        "spec": {"selector": {}, "template": plain(at(deployment["inputs"], "spec.template"))},
        "status": {"replicas": 2, "readyReplicas": 2},
    }


def _pod(failed: bool) -> Json:
    ended: Json = {"terminated": {"exitCode": 1 if failed else 0}}
    status: Json = {"name": "migrate", "image": "i", "imageID": "i", "ready": False, "restartCount": 0, "state": ended}
    return {"metadata": {"name": "migrate-0"}, "status": {"containerStatuses": [status]}}


def _list(kind: str, items: list[Json]) -> Json:
    return {"kind": kind, "apiVersion": "v1", "metadata": {}, "items": items}


@contextlib.contextmanager
def serving(cluster: Cluster, kubeconfig: Path) -> Generator[None]:
    """Serve the cluster on loopback and write a kubeconfig whose context `test` reaches it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # why: the base class's name for it
            found = cluster.answer(urlsplit(self.path).path)
            body: Json = {"kind": "Status", "status": "Failure", "reason": "NotFound"} if found is None else found
            text = body if isinstance(body, str) else json.dumps(body)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # why: the base class's name for it
            """Nothing: a test's output is for its failures."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "test", "cluster": {"server": address}}],
                "users": [{"name": "test", "user": {"token": "test"}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            }
        )
    )
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
