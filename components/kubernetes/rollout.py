"""What the Deployment really serves: its ready ReplicaSet, asked of the cluster after the rollout.

The digest is an annotation of the pods, so that one release can be told from the other although both may be running.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from kubernetes.client import ApiClient, AppsV1Api, V1Deployment, V1PodTemplateSpec, V1ReplicaSet
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult
from pulumi_kubernetes.apps.v1 import Deployment

from components.dynamic import plain_errors
from components.kubernetes.client import TIMEOUT, reached
from components.kubernetes.handles import ClusterAccess
from components.kubernetes.labels import RELEASE
from components.naming import short

SETTLE_SECONDS = 60
"""How long the last old pods may still count as ready after the provider has called the rollout complete."""
POLL_SECONDS = 1.0
REVISION = "deployment.kubernetes.io/revision"
"""The annotation by which a Deployment knows its newest ReplicaSet: both have the same."""


@dataclass(frozen=True)
class Serving:
    """The digest that every ready pod runs, or none when they differ or none is ready; and what was seen.

    None, too, when they are of before the last change: the release may be the same, with another configuration.
    `moving` is whether the cluster itself says that the rollout goes on.
    """

    digest: str
    evidence: str
    moving: bool = False


def serving_of(
    access: ClusterAccess, namespace: str, name: str, digest: str, *, seconds: float = SETTLE_SECONDS
) -> Serving:
    """Waits until the ready pods of a Deployment all run this digest, or the time is over; returns what they run.

    The provider sometimes calls a rollout complete that has only begun. So the time is over when the cluster says so,
    too: a rollout that goes on is waited for, and it ends by the Deployment's own `progressDeadlineSeconds`.
    """
    deadline = time.monotonic() + seconds
    with reached(access) as client:
        while True:
            seen = _look(client, namespace, name)
            if seen.digest == digest or (time.monotonic() > deadline and not seen.moving):
                return seen
            time.sleep(POLL_SECONDS)


def _look(client: ApiClient, namespace: str, name: str) -> Serving:
    api = AppsV1Api(client)
    deployment = api.read_namespaced_deployment(name, namespace, _request_timeout=TIMEOUT)
    selector = ",".join(f"{key}={value}" for key, value in sorted(_matched(deployment).items()))
    found = api.list_namespaced_replica_set(namespace, label_selector=selector, _request_timeout=TIMEOUT).items
    uid = deployment.metadata.uid if deployment.metadata else None
    ready = [item for item in found if _is_owned(item, uid) and _ready(item)]
    digests = {_release(item) for item in ready}
    newest = _is_observed(deployment) and all(_revision(item) == _revision(deployment) for item in ready)
    served = digests.pop() if len(digests) == 1 else ""
    # Another release is told by its name; the same one of before the change must not be taken for the new one.
    wanted = _release_of(deployment.spec.template if deployment.spec else None)
    return Serving("" if served == wanted and not newest else served, _evidence(deployment, ready), _moves(deployment))


def _matched(deployment: V1Deployment) -> Mapping[str, str]:
    return (deployment.spec.selector.match_labels if deployment.spec else None) or {}


def _is_owned(replica_set: V1ReplicaSet, uid: str | None) -> bool:
    owners = (replica_set.metadata.owner_references if replica_set.metadata else None) or []
    return any(owner.uid == uid for owner in owners)


def _ready(replica_set: V1ReplicaSet) -> int:
    return (replica_set.status.ready_replicas if replica_set.status else None) or 0


def _release(replica_set: V1ReplicaSet) -> str:
    return _release_of(replica_set.spec.template if replica_set.spec else None)


def _release_of(template: V1PodTemplateSpec | None) -> str:
    return ((template.metadata.annotations if template and template.metadata else None) or {}).get(RELEASE, "")


def _revision(found: V1Deployment | V1ReplicaSet) -> str:
    return ((found.metadata.annotations if found.metadata else None) or {}).get(REVISION, "")


def _is_observed(deployment: V1Deployment) -> bool:
    """Whether what the Deployment says about itself is about its last change, and not of before it."""
    changed = (deployment.metadata.generation if deployment.metadata else None) or 0
    return ((deployment.status.observed_generation if deployment.status else None) or 0) >= changed


def _moves(deployment: V1Deployment) -> bool:
    """Whether the rollout goes on: a complete one, one that has failed and one that is paused do not."""
    conditions = (deployment.status.conditions if deployment.status else None) or []
    progress = [item for item in conditions if item.type == "Progressing" and item.status == "True"]
    return any(item.reason != "NewReplicaSetAvailable" for item in progress)


def _evidence(deployment: V1Deployment, ready: list[V1ReplicaSet]) -> str:
    seen = [
        f"{_ready(item)} of release {short(_release(item)) or 'unknown'}"
        + ("" if _revision(item) == _revision(deployment) else " as it was before")
        for item in ready
    ]
    pods = ", ".join(seen) or "none"
    conditions = (deployment.status.conditions if deployment.status else None) or []
    told = [f"{item.type}={item.status}: {item.message or item.reason or ''}" for item in conditions]
    return "\n".join([f"ready pods: {pods}", *told])


class _ReadyReplicasProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=props["deployment"], outs=_outputs(props))

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Looked at again whenever the Deployment is another or was changed; whence it is looked at does not matter."""
        keys = ("namespace", "deployment", "digest", "generation")
        return DiffResult(changes=any(_olds.get(key) != _news[key] for key in keys))

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_outputs(_news))


def _outputs(props: dict[str, Any]) -> dict[str, Any]:
    access = ClusterAccess(kubeconfig=props["kubeconfig"], context=props["context"])
    seen = serving_of(access, props["namespace"], props["deployment"], props["digest"])
    # Its conditions carry times and names that change; only a failure needs them.
    return {**props, "serving": seen.digest, "evidence": "" if seen.digest == props["digest"] else seen.evidence}


class ReadyReplicas(Resource, module="kubernetes", name="ReadyReplicas"):
    """The look at the cluster as a resource, so that it happens once per rollout and after it."""

    serving: pulumi.Output[str]
    evidence: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        access: ClusterAccess,
        deployment: Deployment,
        digest: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> None:
        props: dict[str, Any] = {
            "kubeconfig": access.kubeconfig,
            "context": access.context,
            "namespace": deployment.metadata.apply(lambda found: found.namespace),
            "deployment": deployment.metadata.apply(lambda found: found.name),
            "generation": deployment.metadata.apply(lambda found: found.generation),
            "digest": digest,
            "serving": None,
            "evidence": None,
        }
        super().__init__(_ReadyReplicasProvider(), name, props, opts)
