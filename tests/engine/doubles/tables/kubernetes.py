"""The double of Kubernetes' provider: what the real one was seen to do with the kinds that the stack makes.

Secrets and ConfigMaps are made anew when their content changes, Jobs when anything of them does. A Job that failed is
made anew by the next update, for ours carry `pulumi.com/replaceUnready`.
"""

from __future__ import annotations

import dataclasses

from tests.engine.doubles.rules import Rule, Table

_OBJECT = Rule(
    required=("metadata",),
    allowed=("apiVersion", "kind", "metadata", "spec"),
    immutable=("metadata.name", "metadata.namespace"),
    outputs={"metadata.uid": "${digest}", "metadata.creationTimestamp": "2026-01-01T00:00:00Z"},
    # Every change counts one generation up; here it is merely another number.
    follows={"metadata.generation": "${number}"},
    autoname="metadata.name",
    id="${short}",
)
_CONTENT = dataclasses.replace(
    _OBJECT,
    allowed=("apiVersion", "kind", "metadata", "data", "stringData", "type", "immutable"),
    immutable=("metadata.name", "metadata.namespace", "data", "stringData", "type", "immutable"),
    secret=("data", "stringData"),
)
_PLAIN = dataclasses.replace(_OBJECT, allowed=("apiVersion", "kind", "metadata", "automountServiceAccountToken"))

KUBERNETES = Table(
    resources={
        "kubernetes:core/v1:Namespace": dataclasses.replace(_OBJECT, immutable=("metadata.name",)),
        "kubernetes:core/v1:ServiceAccount": dataclasses.replace(
            _PLAIN, allowed=("apiVersion", "kind", "metadata", "automountServiceAccountToken", "imagePullSecrets")
        ),
        "kubernetes:core/v1:Secret": _CONTENT,
        "kubernetes:core/v1:ConfigMap": dataclasses.replace(_CONTENT, secret=()),
        "kubernetes:core/v1:Service": _OBJECT,
        "kubernetes:apps/v1:Deployment": dataclasses.replace(
            _OBJECT, immutable=("metadata.name", "metadata.namespace", "spec.selector")
        ),
        "kubernetes:batch/v1:Job": dataclasses.replace(
            _OBJECT, immutable=("metadata.name", "metadata.namespace", "spec"), replaced_when="status.failed"
        ),
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": _OBJECT,
        "kubernetes:policy/v1:PodDisruptionBudget": _OBJECT,
        "kubernetes:networking.k8s.io/v1:Ingress": _OBJECT,
        "kubernetes:networking.k8s.io/v1:NetworkPolicy": _OBJECT,
        "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute": _OBJECT,
        "kubernetes:rbac.authorization.k8s.io/v1:Role": dataclasses.replace(
            _OBJECT, required=("metadata", "rules"), allowed=("apiVersion", "kind", "metadata", "rules")
        ),
        "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": dataclasses.replace(
            _OBJECT,
            required=("metadata", "roleRef"),
            allowed=("apiVersion", "kind", "metadata", "roleRef", "subjects"),
            immutable=("metadata.name", "metadata.namespace", "roleRef"),
        ),
        "kubernetes:postgresql.cnpg.io/v1:Cluster": _OBJECT,
        "kubernetes:postgresql.cnpg.io/v1:ScheduledBackup": _OBJECT,
        "kubernetes:barmancloud.cnpg.io/v1:ObjectStore": _OBJECT,
        "kubernetes:monitoring.coreos.com/v1:ServiceMonitor": _OBJECT,
        "kubernetes:monitoring.coreos.com/v1:PrometheusRule": _OBJECT,
    }
)
