"""Which values of a planned resource a reader decides by. What is not named here shows its plain top-level values."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final, cast

from tests.engine.doubles import wire
from tools.plan_values_aws import AWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.engine.doubles.wire import Json

IMPORTANT: Final[Mapping[str, tuple[str, ...]]] = {
    **AWS,
    "docker-build:index:Image": ("tags", "platforms"),
    "kubernetes:apps/v1:Deployment": (
        "spec.template.spec.containers.*.name",
        "spec.template.spec.containers.*.image",
        "spec.template.spec.containers.*.resources.limits",
        "spec.strategy.rollingUpdate",
        "spec.template.spec.terminationGracePeriodSeconds",
    ),
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": (
        "spec.minReplicas",
        "spec.maxReplicas",
        "spec.metrics.*.resource.target.averageUtilization",
    ),
    "kubernetes:barmancloud.cnpg.io/v1:ObjectStore": ("spec.configuration.destinationPath", "spec.retentionPolicy"),
    "kubernetes:batch/v1:Job": ("metadata.name", "spec.backoffLimit", "spec.activeDeadlineSeconds"),
    "kubernetes:core/v1:ConfigMap": ("data",),
    "kubernetes:core/v1:Namespace": ("metadata.name",),
    "kubernetes:core/v1:Secret": ("metadata.name", "type", "stringData", "data"),
    "kubernetes:core/v1:Service": ("metadata.name", "spec.type", "spec.ports.*.port"),
    "kubernetes:core/v1:ServiceAccount": ("metadata.name", "automountServiceAccountToken", "imagePullSecrets"),
    "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute": ("spec.hostnames", "spec.parentRefs.*.name"),
    "kubernetes:monitoring.coreos.com/v1:PrometheusRule": ("spec.groups.*.name",),
    "kubernetes:monitoring.coreos.com/v1:ServiceMonitor": ("spec.endpoints.*.path", "spec.endpoints.*.interval"),
    "kubernetes:networking.k8s.io/v1:Ingress": (
        "spec.ingressClassName",
        "spec.rules.*.host",
        "spec.tls.*.secretName",
    ),
    "kubernetes:networking.k8s.io/v1:NetworkPolicy": (
        "spec.policyTypes",
        "spec.ingress.*.from",
        "spec.egress.*.ports.*.port",
    ),
    "kubernetes:policy/v1:PodDisruptionBudget": ("spec.maxUnavailable", "spec.minAvailable"),
    "kubernetes:postgresql.cnpg.io/v1:Cluster": (
        "spec.instances",
        "spec.imageName",
        "spec.storage.size",
        "spec.postgresql.parameters.max_connections",
    ),
    "kubernetes:postgresql.cnpg.io/v1:ScheduledBackup": ("spec.schedule",),
    "kubernetes:rbac.authorization.k8s.io/v1:Role": ("rules.*.resources", "rules.*.verbs"),
    "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": ("subjects.*.name", "roleRef.name"),
    "random:index/randomId:RandomId": ("byteLength",),
    "pulumi-python:dynamic/kubernetes:ClusterCheck": ("context", "namespace", "requirements.*.kind"),
    "pulumi-python:dynamic/kubernetes:JobOutcome": ("seconds",),
    "pulumi-python:dynamic/kubernetes:ReadyReplicas": (),
    "pulumi-python:dynamic/release:Check": ("address", "ask", "seconds", "rollback"),
}

NOISE: Final = frozenset({"apiVersion", "kind", "name", "namePrefix", "region", "urn"})
"""Plain values that repeat the type or the name."""


def values_of(kind: str, inputs: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """The values to show, each with its path; unset ones are left out."""
    paths = IMPORTANT.get(kind)
    if paths is None:
        found = {key: value for key, value in sorted(inputs.items()) if _is_plain(key, value)}
    else:
        found = {path: _collected(dict(inputs), path.split(".")) for path in paths}
    yield from ((path, value) for path, value in found.items() if value not in (None, "", [], {}))


def _is_plain(key: str, value: Json) -> bool:
    """A known text, number, truth value or secret; whole objects say too much and too little."""
    if key in NOISE or key.startswith("__") or value == wire.UNKNOWN:
        return False
    return not isinstance(value, dict | list) or wire.is_secret(value)


def _collected(value: Json, path: Sequence[str]) -> Json:
    """The value at a path in which `*` stands for each item of a list; JSON in a text is looked into as well."""
    if not path or wire.is_secret(value) or value == wire.UNKNOWN:
        return value
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = cast("Json", json.loads(value))
    if path[0] == "*":
        items = value if isinstance(value, list) else []
        found = [_collected(item, path[1:]) for item in items]
        return [item for item in found if item not in (None, "", [], {})]
    return _collected(value.get(path[0]), path[1:]) if isinstance(value, dict) else None
