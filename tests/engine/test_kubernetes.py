"""The stack on Kubernetes through the real engine, with doubles of its providers: what changes, and what must not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.engine.doubles.tables import tables_of
from tests.engine.fake_kubernetes import Cluster, serving
from tests.engine.harness import Engine
from tests.engine.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.kubernetes, pytest.mark.timeout(900)]

RELEASED = {
    "docker-build:index:Image",
    "kubernetes:apps/v1:Deployment",
    "kubernetes:batch/v1:Job",
    "pulumi-python:dynamic/kubernetes:JobOutcome",
    "pulumi-python:dynamic/kubernetes:ReadyReplicas",
    "pulumi-python:dynamic/release:Check",
    "random:index/randomId:RandomId",
}
"""All that a new release changes: image and tag, its Job, the Deployment, and what looks at these and the address."""


@pytest.fixture(params=["dev", "prod"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(pulumi: Path, tmp_path: Path, profile: str, sources: Sources) -> Engine:
    config: dict[str, object] = {
        "rag:cloud": "kubernetes",
        "rag:profile": profile,
        "rag:kubernetes": {"context": "test", "kubeconfig": str(tmp_path / "kubeconfig")},
        "rag:registry": {"repository": "registry.example.com/team/rag"},
        "rag:ingress": {
            "host": "rag.example.com",
            "class": "nginx",
            "controller_namespace": "ingress-nginx",
            "issuer": "letsencrypt",
        },
        # Nobody answers at the example's address.
        "rag:rollout": {"evidence": "platform"},
        "rag:oidc": {"repository": "owner/name", "environment": "production"},
    }
    made = Engine.create(folder=tmp_path / "engine", program=sources.folder, pulumi=pulumi, config=config)
    for package, table in tables_of("kubernetes").items():
        made.doubles.install(package, table)
    return made


@pytest.fixture
def cluster(engine: Engine, tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(world=engine.doubles.world)
    with serving(made, tmp_path / "kubeconfig"):
        yield made


def types_changed(engine: Engine) -> set[str]:
    return {step.type for step in engine.up().require().changes if not step.is_implicit}


def test_a_stack_goes_up_is_released_anew_fails_a_migration_tries_again_and_goes(
    engine: Engine, cluster: Cluster, sources: Sources, profile: str
) -> None:
    engine.up().require()
    first = str(engine.outputs()["image"])
    assert re.fullmatch(r"registry\.example\.com/team/rag@sha256:[0-9a-f]{64}", first)
    assert engine.preview().require().changes == ()

    sources.change("app/__init__.py")
    assert types_changed(engine) == RELEASED
    second = str(engine.outputs()["image"])
    assert second != first
    assert engine.outputs()["previous_release"] == first

    sources.change("app/__init__.py")
    cluster.migration_fails = True
    cluster.log = "migrate: applying 0002\nmigrate: The migration failed: relation is locked"
    failed = engine.up().require_failure()
    assert any("the migration of release" in error and "relation is locked" in error for error in failed.errors)
    assert any("it is tried again, also with the same digest" in error for error in failed.errors)
    assert "service-deployment" not in {step.name for step in failed.changes if step.done}

    cluster.migration_fails = False
    assert engine.up().require().step("service-deployment").done
    assert engine.preview().require().changes == ()

    engine.config["rag:release"] = {"image": first}
    rolled_back = engine.up().require()
    assert engine.outputs()["image"] == first
    assert rolled_back.step("service-deployment").done

    if profile == "prod":
        assert "protect" in engine.destroy().require_failure().output
        engine.config["rag:database"] = {"protect": False}
        engine.up().require()
    engine.destroy().require()
    assert engine.resources() == []
    # The images stay in their registry: a rollback needs them.
    assert {item["type"] for item in engine.doubles.world.objects().values()} <= {"docker-build:index:Image"}


def test_no_secret_is_in_the_state_or_in_what_was_asked_in_plain(engine: Engine, cluster: Cluster) -> None:
    engine.config["rag:database"] = {
        "kind": "external",
        "url": engine.encrypted("postgresql://rag:hunter2hunter2@db.example.com:5432/rag?sslmode=verify-full"),
    }
    engine.up().require()
    state = engine.export()
    assert "hunter2hunter2" not in state
    assert "rag_" not in re.sub(r"rag_service|rag_migr", "", state)
    assert "hunter2hunter2" not in str(engine.doubles.world.calls())
    assert "hunter2hunter2" not in str(engine.outputs(show_secrets=True))


def test_an_absent_operator_is_an_error_of_the_preview_and_of_the_update_before_anything_is_made(
    engine: Engine, cluster: Cluster
) -> None:
    cluster.missing.add("postgresql.cnpg.io")
    for refused in (engine.preview(), engine.up()):
        told = refused.require_failure().output
        assert "rag:database.kind: the cluster has no Cluster (postgresql.cnpg.io/v1)" in told
        assert "nothing was deployed" in told
    assert {item["type"] for item in engine.doubles.world.objects().values()} == set()
