"""The whole stack on Kubernetes as the strict recorder sees it, and how to look into what it recorded."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from stacks import compose as compose_any
from stacks.kubernetes import compose
from stacks.settings import KubernetesSettings
from tests.contracts.recorder import Recording, Registered, record
from tests.parsing import parse_as

Json = dict[str, Any]
FIRST, SECOND = "sha256:" + "1" * 64, "sha256:" + "2" * 64
REPOSITORY = "registry.example.com/team/rag"
PASSWORD = "hunter2"
MINIMAL: Json = {
    "cloud": "kubernetes",
    "kubernetes": {"context": "production"},
    "release": {"image": f"{REPOSITORY}@{FIRST}"},
    "ingress": {
        "host": "rag.example.com",
        "class": "nginx",
        "controller_namespace": "ingress-nginx",
        "issuer": "letsencrypt",
    },
}
BUILT: Json = {"release": {}, "registry": {"repository": REPOSITORY, "username": "robot", "password": PASSWORD}}
EXTERNAL: Json = {
    "database": {"kind": "external", "url": f"postgresql://rag:{PASSWORD}@db.example.com:6432/rag?sslmode=require"}
}
GATEWAY: Json = {
    "ingress": {
        "host": "rag.example.com",
        "controller_namespace": "gateways",
        "gateway": {"name": "shared", "namespace": "gateways", "section": "https"},
    }
}
EVERYTHING: Json = {
    "profile": "prod",
    "observability": {"metrics": "operator", "labels": {"release": "prometheus"}},
    "oidc": {"repository": "owner/name", "environment": "production"},
    "database": {"backups": {"destination": "s3://backups/rag", "credentials": "rag-backups"}},
    **BUILT,
}
VARIANTS = {"least": Json(), "built": BUILT, "external": EXTERNAL, "gateway": GATEWAY, "everything": EVERYTHING}


def settings(**changes: object) -> KubernetesSettings:
    return parse_as(KubernetesSettings, MINIMAL | changes, encrypted=("database", "registry"))


def recorded(**changes: object) -> Recording:
    chosen = settings(**changes)
    return record(lambda: compose(chosen))


def previewed(**changes: object) -> Recording:
    chosen = settings(**changes)
    return record(lambda: compose(chosen), preview=True)


both_ways = pytest.mark.parametrize("composed", [recorded, previewed])
Composed = Callable[..., Recording]


def spec_of(made: Recording, name: str) -> Json:
    return cast(Json, made.one(name).inputs["spec"])


def pod_of(made: Recording, name: str) -> Json:
    return cast(Json, spec_of(made, name)["template"]["spec"])


def containers_of(made: Recording, name: str) -> dict[str, Json]:
    return {container["name"]: container for container in pod_of(made, name)["containers"]}


def annotations_of(made: Recording, name: str) -> Json:
    return cast(Json, made.one(name).inputs["metadata"].get("annotations", {}))


def of_type(made: Recording, kind: str) -> list[Registered]:
    return [resource for resource in made.resources if resource.type.rsplit(":", 1)[-1] == kind]


def variables(container: Json) -> dict[str, Json]:
    return {entry["name"]: entry for entry in container["env"]}


def secrets_in(container: Json) -> dict[str, str]:
    return {
        name: entry["valueFrom"]["secretKeyRef"]["name"]
        for name, entry in variables(container).items()
        if "valueFrom" in entry
    }


PODS = ("service-deployment", "migration-job")
every_pod = pytest.mark.parametrize("name", PODS)


def selects(selector: Json, labels: Json) -> bool:
    return all(labels.get(key) == value for key, value in selector.items())


def outputs_of(**changes: object) -> Mapping[str, object]:
    found: list[Mapping[str, object]] = []
    record(lambda: found.append(compose_any(settings(**changes))))
    return found[0]
