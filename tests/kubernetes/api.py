"""A small client of the API server: objects in, objects or the server's refusal out.

It speaks the HTTP interface itself, because the package `kubernetes` has no types that a strict checker could use, and
because a refusal here keeps the server's own words.
"""

from __future__ import annotations

import json
import ssl
import time
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

# An object as the server takes and gives it. Its shape is the server's to judge: that is what these tests are for.
Manifest: TypeAlias = dict[str, Any]

REQUEST_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.1
NOT_FOUND: Final = 404


class RefusedError(Exception):
    """The server refused a request: `code` is HTTP's, `reason` Kubernetes' (`Invalid`, `Forbidden`, ...)."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(f"{code} {reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message


class Api:
    """The API server as one user sees it. Objects are checked strictly: an unknown field is refused."""

    def __init__(self, url: str, certificate: Path, token: str, impersonated: Mapping[str, str] | None = None) -> None:
        self._arguments = (url, certificate, token)
        self._resources: dict[tuple[str, str], Manifest] = {}
        self._client = httpx.Client(
            base_url=url,
            verify=ssl.create_default_context(cafile=str(certificate)),
            headers={"Authorization": f"Bearer {token}", **(impersonated or {})},
            timeout=REQUEST_SECONDS,
            # The server is on this machine; a proxy named in the environment must not see it.
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def as_user(self, name: str) -> Api:
        """Return a client of the same server that acts as an authenticated user, with this user's rights alone."""
        return Api(*self._arguments, impersonated={"Impersonate-User": name})

    def request(self, method: str, path: str, **query: str) -> Manifest:
        """Send a request without a body, for example to `/readyz?verbose` or `/version`; raises RefusedError."""
        return _answer(self._client.request(method, path, params=query))

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create an object, or only ask what it would become, and return it; raises RefusedError."""
        query = {"fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
        return _answer(self._client.post(self._collection(manifest), json=manifest, params=query))

    def apply(self, manifest: Manifest, *, manager: str = "tests") -> Manifest:
        """Create an object or make it like this, by a server-side apply; raises RefusedError."""
        return self._apply(self._path(manifest), manifest, manager)

    def apply_status(self, manifest: Manifest, *, manager: str = "tests") -> Manifest:
        """Set an object's `status`, as a controller that the cluster lacks would; raises RefusedError."""
        return self._apply(f"{self._path(manifest)}/status", manifest, manager)

    def read(self, manifest: Manifest) -> Manifest | None:
        """Return the object of this kind, name and namespace as it is now; None when there is none."""
        answer = self._client.get(self._path(manifest))
        return None if answer.status_code == NOT_FOUND else _answer(answer)

    def find(self, api_version: str, kind: str, namespace: str, labels: str = "") -> list[Manifest]:
        """Return a namespace's objects of a kind, those with the labels (`app=web`) only when some are given."""
        example = {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace}}
        answer = _answer(self._client.get(self._collection(example), params={"labelSelector": labels}))
        return cast("list[Manifest]", answer["items"])

    def delete(self, manifest: Manifest) -> None:
        """Delete an object together with what it owns, not waiting until it is gone; raises RefusedError."""
        _answer(self._client.delete(self._path(manifest), params={"propagationPolicy": "Background"}))

    def wait_until(self, manifest: Manifest, holds: Callable[[Manifest], bool], *, seconds: float = 60.0) -> Manifest:
        """Poll an object until a condition holds on it and return it; raises TimeoutError with what it was last."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.read(manifest)
            if found is not None and holds(found):
                return found
            if time.monotonic() > deadline:
                state = None if found is None else found.get("status")
                name = f"{manifest['kind']} {manifest['metadata']['name']}"
                raise TimeoutError(f"{name} did not come to what was awaited in {seconds:.0f} s; its status is {state}")
            time.sleep(POLL_SECONDS)

    def _apply(self, path: str, manifest: Manifest, manager: str) -> Manifest:
        query = {"fieldManager": manager, "fieldValidation": "Strict", "force": "true"}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        return _answer(self._client.patch(path, content=json.dumps(manifest), headers=headers, params=query))

    def _collection(self, manifest: Manifest) -> str:
        version, kind = str(manifest["apiVersion"]), str(manifest["kind"])
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        # Asked again for an unknown kind: its definition may have come since.
        if (version, kind) not in self._resources:
            listed = cast("list[Manifest]", self.request("GET", root)["resources"])
            self._resources |= {(version, item["kind"]): item for item in listed if "/" not in item["name"]}
        resource = self._resources.get((version, kind))
        if resource is None:
            raise RefusedError(NOT_FOUND, "NotFound", f"the server has no kind {kind} in {version}")
        scope = f"/namespaces/{manifest['metadata']['namespace']}" if resource["namespaced"] else ""
        return f"{root}{scope}/{resource['name']}"

    def _path(self, manifest: Manifest) -> str:
        return f"{self._collection(manifest)}/{manifest['metadata']['name']}"


def condition(manifest: Manifest, name: str) -> str:
    """Return a condition's status (`True`, `False`, `Unknown`), or an empty text when the object has none of it."""
    found = cast("list[Manifest]", manifest.get("status", {}).get("conditions") or [])
    return next((str(item["status"]) for item in found if item["type"] == name), "")


def _answer(response: httpx.Response) -> Manifest:
    if response.is_success:
        is_json = response.headers.get("content-type", "").startswith("application/json")
        return cast("Manifest", response.json()) if is_json else {"text": response.text}
    try:
        status = cast("Manifest", response.json())
    except ValueError:
        status = {}
    message = str(status.get("message") or response.text)
    raise RefusedError(response.status_code, str(status.get("reason") or ""), message)
