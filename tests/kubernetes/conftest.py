"""Fixtures around the real cluster and the real provider; both are built when the user's cache has none."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

import pytest

from tests.engine.harness import Engine, MakeEngine
from tests.engine.sources import Sources
from tests.kubernetes import build, manifests
from tests.kubernetes.cluster import Cluster, run_cluster
from tests.kubernetes.engine import use_kubernetes
from tests.kubernetes.stack import Stack, ingress_class
from tools.pulumi_cli.obtain import bin_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.kubernetes.api import Api


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One cluster for the whole session; `run_cluster` starts another for a test that needs one of its own."""
    with run_cluster(build.control_plane()) as running:
        yield running


@pytest.fixture(scope="session")
def kubeconfig(cluster: Cluster) -> Path:
    """The administrator's kubeconfig."""
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def kubernetes_plugin() -> Path:
    """The folder of the real `pulumi-resource-kubernetes`."""
    if not build.provider_may_be_built():
        pytest.skip("Pulumi's provider is not built here; `make test-kubernetes` builds it once, which takes 10 min")
    return build.provider_plugin()


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Iterator[Api]:
    """The API server with the administrator's rights."""
    with contextlib.closing(cluster.api()) as client:
        yield client


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A fresh namespace, deleted after the test."""
    name = f"test-{secrets.token_hex(4)}"
    created = manifests.namespace(name)
    api.create(created)
    # Pods are refused until their namespace has its default account.
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
    api.wait_until(account, lambda _: True)
    yield name
    api.delete(created)


@pytest.fixture
def kubernetes_engine(kubernetes_plugin: Path, kubeconfig: Path, tmp_path: Path) -> MakeEngine:
    """Return a function that makes an engine around a program given as text, with the real provider and cluster."""

    def make(source: str, config: Mapping[str, object] | None = None, options: str = "") -> Engine:
        engine = Engine.inline(folder=tmp_path, source=source, pulumi=bin_folder(), config=config, options=options)
        use_kubernetes(engine, plugin=kubernetes_plugin, kubeconfig=kubeconfig)
        return engine

    return make


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A copy of the checkout whose files a test may change."""
    return Sources.copied(tmp_path / "checkout")


@pytest.fixture
def stack(cluster: Cluster, api: Api, kubernetes_plugin: Path, sources: Sources, tmp_path: Path) -> Iterator[Stack]:
    """The repository's own program in a namespace that is gone after the test; nothing is deployed yet."""
    api.apply(ingress_class())
    made = Stack.create(
        folder=tmp_path / "engine", program=sources.folder, plugin=kubernetes_plugin, cluster=cluster, api=api
    )
    yield made
    if made.namespace_object() is not None:
        api.delete(manifests.namespace(made.namespace))
