"""Decides what becomes of pods without changing the program that asks for them.

A label in the program's own template would change the Job under test; here the server adds it to the pods, so that the
very same release fails now and succeeds when it is tried again.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from typing import TYPE_CHECKING, Final

from tests.kubernetes.manifests import pod

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from tests.kubernetes.api import Api, Manifest

# The labels that stages.yaml heeds.
FAIL: Final = "rag.test/fail"
NEVER_READY: Final = "rag.test/never-ready"
NO_CONTROLLER: Final = "rag.test/no-controller"
EFFECTIVE_SECONDS: Final = 30.0
_GROUP: Final = "admissionregistration.k8s.io/v1"


@contextlib.contextmanager
def fate(
    api: Api, namespace: str, label: str, *, image: str, selector: Mapping[str, str] | None = None
) -> Generator[None]:
    """Give every pod that is created in the namespace (which must exist) with this image the label, inside the block.

    `image` is any part of the reference, for example the digest; with `selector` the pod must have these labels, too.
    Raises TimeoutError when the server does not heed it.
    """
    name = f"fate-{secrets.token_hex(4)}"
    policy = _policy(name, namespace, label, image)
    policy["spec"]["matchConstraints"]["objectSelector"] = {"matchLabels": dict(selector or {})}
    probe = pod(namespace, "fate-probe", image)
    probe["metadata"]["labels"] = dict(selector or {})
    binding: Manifest = {"apiVersion": _GROUP, "kind": "MutatingAdmissionPolicyBinding", "metadata": {"name": name}}
    api.create(policy)
    api.create({**binding, "spec": {"policyName": name}})
    try:
        _wait(api, probe, label, present=True)
        yield
    finally:
        api.delete(binding)
        api.delete(policy)
        _wait(api, probe, label, present=False)


def _policy(name: str, namespace: str, label: str, image: str) -> Manifest:
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    # A text in JSON is a text in CEL, too.
    has_image = f"object.spec.containers.exists(c, c.image.contains({json.dumps(image)}))"
    labelled = f'Object{{metadata: Object.metadata{{labels: {{{json.dumps(label)}: "true"}}}}}}'
    return {
        "apiVersion": _GROUP,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [pods], "namespaceSelector": here},
            "matchConditions": [{"name": "image", "expression": has_image}],
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [
                {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": labelled}},
            ],
        },
    }


def _wait(api: Api, probe: Manifest, label: str, *, present: bool) -> None:
    """Wait until the server does, or no longer does, label a pod: it reads its policies in the background."""
    deadline = time.monotonic() + EFFECTIVE_SECONDS
    while (label in api.create(probe, dry_run=True)["metadata"].get("labels", {})) != present:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the policy that labels pods {label} did not change within {EFFECTIVE_SECONDS:.0f} s")
        time.sleep(0.1)
