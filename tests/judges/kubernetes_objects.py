"""Every object of the stack on Kubernetes as a manifest, for judges who know Kubernetes and none of our code."""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import kubernetes_validate

from stacks.kubernetes import compose
from stacks.settings import KubernetesSettings
from tests.contracts.recorder import SIGNATURE, Registered, record
from tests.parsing import parse_as

Manifest = dict[str, Any]
REPOSITORY: Final = "registry.example.com/team/rag"
IMAGE: Final = f"{REPOSITORY}@sha256:{'1' * 64}"
MAJOR, NEWEST = (int(part) for part in kubernetes_validate.latest_version().split(".")[:2])
VERSIONS: Final = tuple(f"{MAJOR}.{minor}" for minor in range(NEWEST - 2, NEWEST + 1))
"""The three newest of which kubernetes-validate has the schemas."""
MADE_UP: Final = re.compile(r"<([\w-]+)\.\w+>")
"""What the recorder answers in a provider's place."""
PROVIDERS_OWN: Final = "pulumi.com/"

INGRESS: Final = {"host": "rag.example.com", "class": "nginx", "controller_namespace": "ingress", "issuer": "acme"}
GATEWAY: Final = {
    "host": "rag.example.com",
    "controller_namespace": "gateways",
    "gateway": {"name": "shared", "namespace": "gateways", "section": "https"},
}
STACKS: Final[Mapping[str, Mapping[str, object]]] = {
    "dev": {"profile": "dev"},
    "prod": {
        "profile": "prod",
        "registry": {"repository": REPOSITORY, "username": "robot", "password": "hunter2"},
        "database": {"backups": {"destination": "s3://backups/rag", "credentials": "rag-backups"}},
        "oidc": {"repository": "owner/name", "environment": "production"},
        "observability": {"metrics": "operator", "labels": {"release": "prometheus"}},
    },
    "external": {
        "database": {"kind": "external", "url": "postgresql://rag:hunter2@db.example.com/rag?sslmode=require"},
        "observability": {"metrics": "none"},
    },
    "gateway": {"ingress": GATEWAY},
}

OF_AN_OPERATOR: Final = (
    "a kind of an operator and no part of Kubernetes: its own definition judges it on a real API server "
    "(tests/kubernetes/test_stack_operators.py)"
)
CUSTOM: Final[Mapping[str, str]] = {
    "barmancloud.cnpg.io/v1/ObjectStore": OF_AN_OPERATOR,
    "gateway.networking.k8s.io/v1/HTTPRoute": OF_AN_OPERATOR,
    "monitoring.coreos.com/v1/PrometheusRule": OF_AN_OPERATOR,
    "monitoring.coreos.com/v1/ServiceMonitor": OF_AN_OPERATOR,
    "postgresql.cnpg.io/v1/Cluster": OF_AN_OPERATOR,
    "postgresql.cnpg.io/v1/ScheduledBackup": OF_AN_OPERATOR,
}
"""The kinds that kubernetes-validate has no schema of, and why that is no gap."""


def manifests_of(stack: str) -> list[Manifest]:
    """Every object of one of these stacks, in the order of its making."""
    keys = {"cloud": "kubernetes", "kubernetes": {"context": "test"}, "release": {"image": IMAGE}, "ingress": INGRESS}
    settings = parse_as(KubernetesSettings, keys | STACKS[stack], encrypted=("database", "registry"))
    return rendered(record(lambda: compose(settings)).resources)


def rendered(resources: Iterable[Registered]) -> list[Manifest]:
    """The objects among what a program registered, each with a name, as they would reach the API server."""
    return [
        _named(resource.name, cast(Manifest, _plausible(copy.deepcopy(dict(resource.inputs)))))
        for resource in resources
        if resource.type.startswith("kubernetes:")
    ]


def objections(manifest: Manifest, version: str) -> str:
    """What kubernetes-validate says against an object in one minor version, unknown fields included; empty if nothing.

    Raises SchemaNotFoundError for a kind that it does not know.
    """
    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{manifest['kind']} {manifest['metadata']['name']} in {version}: {error}"
    return ""


def kind_of(manifest: Manifest) -> str:
    """Group, version and kind in one text."""
    return f"{manifest['apiVersion']}/{manifest['kind']}"


def _named(name: str, manifest: Manifest) -> Manifest:
    """The provider names what the program does not, by the resource's own name and some digits."""
    metadata = cast(Manifest, manifest["metadata"])
    metadata.setdefault("name", f"{name}-0a1b2c3d")
    marks = cast(Manifest, metadata.get("annotations", {}))
    metadata["annotations"] = {key: value for key, value in marks.items() if not key.startswith(PROVIDERS_OWN)}
    return manifest


def _plausible(value: Any) -> Any:
    """The same with names in the place of what only a provider could answer, and secrets without their wrapping."""
    match value:
        case str():
            return MADE_UP.sub(r"\1-0a1b2c3d", value)
        case float() if value.is_integer():
            # Numbers travel to the engine as floats.
            return int(value)
        case dict() if SIGNATURE in value:
            return _plausible(value["value"])
        case dict():
            return {key: _plausible(item) for key, item in cast(Manifest, value).items()}
        case list():
            return [_plausible(item) for item in cast(list[Any], value)]
        case _:
            return value
