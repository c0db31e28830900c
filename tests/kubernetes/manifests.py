"""Small objects that the server accepts, for tests to use as they are or to spoil in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.kubernetes.api import Manifest

FIRST_IMAGE: Final = f"registry.test/web@sha256:{'1' * 64}"
SECOND_IMAGE: Final = f"registry.test/web@sha256:{'2' * 64}"


def pod_spec(image: str = FIRST_IMAGE) -> Manifest:
    """Return a pod's specification that satisfies Pod Security's level `restricted`."""
    container: Manifest = {
        "name": "web",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8000}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {"containers": [container], "securityContext": security}


def pod(namespace: str, name: str = "web", image: str = FIRST_IMAGE) -> Manifest:
    """Return a pod."""
    return _object("v1", "Pod", namespace, name, pod_spec(image))


def deployment(
    namespace: str, *, image: str = FIRST_IMAGE, labels: Mapping[str, str] | None = None, replicas: int = 2
) -> Manifest:
    """Return the Deployment `web`, which never has fewer ready pods than replicas; `labels` are put on its pods."""
    template = {"metadata": {"labels": {"app": "web", **(labels or {})}}, "spec": pod_spec(image)}
    spec: Manifest = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": template,
    }
    return _object("apps/v1", "Deployment", namespace, "web", spec)


def job(
    namespace: str, name: str = "migration", *, image: str = FIRST_IMAGE, labels: Mapping[str, str] | None = None
) -> Manifest:
    """Return a Job that is tried once; `labels` are put on its pod."""
    template = {"metadata": {"labels": dict(labels or {})}, "spec": {**pod_spec(image), "restartPolicy": "Never"}}
    return _object("batch/v1", "Job", namespace, name, {"backoffLimit": 0, "template": template})


def service(namespace: str) -> Manifest:
    """Return the Service of `deployment`."""
    spec: Manifest = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    return _object("v1", "Service", namespace, "web", spec)


def ingress(namespace: str, name: str = "web") -> Manifest:
    """Return an Ingress to `service`."""
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    rule = {"host": "web.example.test", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    return _object("networking.k8s.io/v1", "Ingress", namespace, name, {"rules": [rule]})


def autoscaler(namespace: str) -> Manifest:
    """Return an autoscaler of `deployment`, from 2 to 10 replicas."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    return _object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        namespace,
        "web",
        {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 10},
    )


def disruption_budget(namespace: str) -> Manifest:
    """Return a budget that lets one pod of `deployment` go at a time."""
    spec: Manifest = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    return _object("policy/v1", "PodDisruptionBudget", namespace, "web", spec)


def namespace(name: str, labels: Mapping[str, str] | None = None) -> Manifest:
    """Return a namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}


def definition(group: str, kind: str, fields: Mapping[str, object]) -> Manifest:
    """Return the definition of a kind of its own, in version v1, with these fields (OpenAPI) in its `spec`."""
    names = {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()}
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties = {"spec": {"type": "object", "properties": dict(fields)}, "status": status}
    version: Manifest = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _object(api_version: str, kind: str, namespace: str, name: str, spec: Manifest) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
