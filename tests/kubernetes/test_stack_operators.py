"""The stack with the operators' kinds: each of our objects is judged by the schema that its operator publishes."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.kubernetes import manifests
from tests.kubernetes.api import RefusedError
from tests.kubernetes.crds import installed
from tests.kubernetes.stack import FIRST, HOST, INGRESS_CLASS, job_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.kubernetes.api import Api, Manifest
    from tests.kubernetes.stack import Stack

pytestmark = [pytest.mark.kubernetes, pytest.mark.engine, pytest.mark.timeout(900)]

CNPG = "postgresql.cnpg.io/v1"
GATEWAYS = "test-gateways"
BACKUPS = {"destination": "s3://backups/rag", "credentials": "backups"}
CUSTOM = {"Cluster", "ScheduledBackup", "ObjectStore", "ServiceMonitor", "PrometheusRule"}


@pytest.fixture(scope="module", autouse=True)
def kinds(api: Api) -> Iterator[None]:
    """The operators' kinds, one issuer and one Gateway."""
    with installed(api):
        issuer: Manifest = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer"}
        api.apply({**issuer, "metadata": {"name": "letsencrypt"}, "spec": {"selfSigned": {}}})
        api.apply(manifests.namespace(GATEWAYS))
        gateway: Manifest = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
        gateway["metadata"] = {"name": "shared", "namespace": GATEWAYS}
        listener = {"name": "https", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "tls"}]}}
        api.apply({**gateway, "spec": {"gatewayClassName": "test", "listeners": [listener]}})
        yield
        api.delete(manifests.namespace(GATEWAYS))


@contextlib.contextmanager
def operator(api: Api, namespace: str) -> Generator[None]:
    """Play CloudNativePG inside the block: a cluster gets its authority and becomes ready once it is asked for."""
    over = threading.Event()
    failures: list[BaseException] = []

    def play() -> None:
        try:
            while not over.wait(0.5):
                for cluster in api.find(CNPG, "Cluster", namespace):
                    if "status" not in cluster:
                        make_ready(api, cluster)
        except BaseException as error:  # why: whatever it is, the test must see it
            failures.append(error)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert failures == []


def make_ready(api: Api, cluster: Manifest) -> None:
    metadata = {key: cluster["metadata"][key] for key in ("name", "namespace")}
    authority = {**metadata, "name": f"{metadata['name']}-ca"}
    api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": authority, "stringData": {"ca.crt": "authority"}})
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "ClusterIsReady",
        "message": "Cluster is Ready",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    api.apply_status({"apiVersion": CNPG, "kind": "Cluster", "metadata": metadata, "status": {"conditions": [ready]}})


def spoiled(manifest: Manifest) -> Manifest:
    return {**manifest, "spec": {**manifest["spec"], "noSuchField": "x"}}


def test_a_whole_production_stack_is_taken_by_the_operators_schemas_and_goes(stack: Stack, api: Api) -> None:
    stack.engine.config |= {
        "rag:profile": "prod",
        "rag:ingress": {
            "host": HOST,
            "class": INGRESS_CLASS,
            "controller_namespace": "ingress",
            "issuer": "letsencrypt",
        },
        "rag:database": {"backups": BACKUPS},
        "rag:observability": {"metrics": "operator", "labels": {"release": "prometheus"}},
    }
    assert stack.engine.preview().require().changed("create")
    with operator(api, stack.namespace):
        stack.engine.up().require()
    assert stack.jobs() == {job_of(FIRST): "Complete"}
    assert {image for found in stack.ready_pods().values() for image in found} == {FIRST}
    assert stack.engine.preview().require().changes == ()

    custom = [manifest for manifest in stack.manifests() if manifest["kind"] in CUSTOM]
    assert {manifest["kind"] for manifest in custom} == CUSTOM
    for manifest in custom:
        api.create(manifest, dry_run=True)
        with pytest.raises(RefusedError, match="noSuchField"):
            api.create(spoiled(manifest), dry_run=True)

    assert "protect" in stack.engine.destroy().require_failure().output
    (cluster,) = stack.find(CNPG, "Cluster")
    assert cluster["spec"]["instances"] == 3
    stack.engine.config["rag:database"] = {"backups": BACKUPS, "protect": False}
    stack.engine.up().require()
    stack.engine.destroy().require()
    assert stack.leftovers() == set()
    assert stack.find(CNPG, "Cluster") == []
    assert stack.namespace_object() is None


def test_the_database_is_waited_for_until_its_operator_says_that_it_is_ready(stack: Stack, api: Api) -> None:
    stack.engine.config["rag:database"] = {"instances": 1}
    cluster: Manifest = {"apiVersion": CNPG, "kind": "Cluster"}
    cluster["metadata"] = {"name": "rag-database", "namespace": stack.namespace}

    def speak_late() -> dict[str, str]:
        """Return the migrations that ran before the operator has spoken."""
        found = api.wait_until(cluster, lambda _: True, seconds=120)
        time.sleep(5)
        before = stack.jobs()
        make_ready(api, found)
        return before

    with ThreadPoolExecutor() as pool:
        late = pool.submit(speak_late)
        stack.engine.up().require()
    assert late.result() == {}
    assert stack.jobs() == {job_of(FIRST): "Complete"}


def test_a_route_of_a_gateway_is_taken_by_the_gateway_apis_schema(stack: Stack, api: Api) -> None:
    stack.engine.config["rag:ingress"] = {
        "host": HOST,
        "controller_namespace": GATEWAYS,
        "gateway": {"name": "shared", "namespace": GATEWAYS, "section": "https"},
    }
    stack.with_external_database().engine.up().require()
    (route,) = [manifest for manifest in stack.manifests() if manifest["kind"] == "HTTPRoute"]
    api.create(route, dry_run=True)
    with pytest.raises(RefusedError, match="noSuchField"):
        api.create(spoiled(route), dry_run=True)
    stack.engine.destroy().require()


def test_an_absent_gateway_and_an_absent_issuer_refuse_the_preview(stack: Stack) -> None:
    stack.with_external_database()
    absent = {
        "rag:ingress.gateway: the cluster has no Gateway 'other'": {
            "gateway": {"name": "other", "namespace": GATEWAYS},
        },
        "rag:ingress.issuer: the cluster has no ClusterIssuer 'other'": {"class": INGRESS_CLASS, "issuer": "other"},
        "rag:ingress.class: the cluster has no IngressClass 'other'": {"class": "other", "tls_secret": "certificate"},
    }
    for told, ingress in absent.items():
        stack.engine.config["rag:ingress"] = {"host": HOST, "controller_namespace": "ingress", **ingress}
        assert told in stack.engine.preview().require_failure().output
    assert stack.namespace_object() is None
