"""The repository's own program on a real API server with Pulumi's real provider, and a database that exists already."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.kubernetes.api import RefusedError, condition
from tests.kubernetes.fate import FAIL, NEVER_READY, fate
from tests.kubernetes.stack import FIRST, PASSWORD, RELEASED, SECOND, SERVED, job_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.engine.sources import Sources
    from tests.kubernetes.api import Api, Manifest
    from tests.kubernetes.stack import Stack

pytestmark = [pytest.mark.kubernetes, pytest.mark.engine, pytest.mark.timeout(900)]

CONFIGURED = ["rollout-check", "secrets-environment", "service-deployment", "service-replicas"]
"""All that another plain variable may change: nothing migrates again."""


@pytest.fixture
def first(stack: Stack) -> Stack:
    """The first release, deployed."""
    stack.with_external_database().engine.up().require()
    return stack


@pytest.fixture
def hasty(stack: Stack, sources: Sources) -> Stack:
    """The first release of a program that grants new pods a few seconds, deployed."""
    alter(sources, "stacks/capacity.py", "\nPULL_SECONDS = 60\n", "\nPULL_SECONDS = 5\n")
    alter(sources, "components/kubernetes/rollout.py", "\nSETTLE_SECONDS = 60\n", "\nSETTLE_SECONDS = 5\n")
    stack.engine.config["rag:rollout"] = {"evidence": "platform", "startup_seconds": 5, "drain_seconds": 0}
    stack.with_external_database().engine.up().require()
    return stack


def images(stack: Stack) -> set[str]:
    """What serves users, whichever container it is in."""
    return {image for found in stack.ready_pods().values() for image in found}


def alter(sources: Sources, name: str, old: str, new: str) -> None:
    file = sources.folder / name
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def report_success_at_once(sources: Sources) -> None:
    """Let nothing be waited for, as a stale answer of the server's cache does on a busy machine."""
    named = "metadata=metadata(args.place, SERVICE, args.place.name"
    alter(sources, "components/kubernetes/app_service.py", f"{named})", f'{named}, {{"pulumi.com/skipAwait": "true"}})')


def the_pod_of(image: str, stack: Stack, seconds: float = 120.0) -> Manifest:
    """The first pod with this image, which must come within this time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for pod in stack.pods():
            if pod["spec"]["containers"][0]["image"] == image:
                return pod
        time.sleep(0.2)
    raise TimeoutError(f"no pod of {image} came within {seconds:.0f} s")


def test_a_release_goes_up_is_released_anew_goes_back_is_configured_and_goes(first: Stack, api: Api) -> None:
    assert first.jobs() == {job_of(FIRST): "Complete"}
    assert condition(first.deployment(), "Available") == "True"
    assert images(first) == {FIRST}
    assert first.engine.preview().require().changes == ()
    assert PASSWORD not in first.engine.export()

    first.release(SECOND)
    assert sorted(set(first.engine.up().require().changed("update", "create", "create-replacement"))) == RELEASED
    assert first.jobs() == {job_of(SECOND): "Complete"}
    assert images(first) == {SECOND}
    assert first.engine.outputs()["previous_release"] == FIRST
    assert first.engine.preview().require().changes == ()

    first.release(FIRST)
    first.engine.up().require()
    assert images(first) == {FIRST}
    assert first.jobs() == {job_of(FIRST): "Complete"}

    before = first.ready_pods()
    first.engine.config["rag:app"] = {"environment": {"LOG_LEVEL": "DEBUG"}}
    assert set(first.engine.up().require().changed("update", "create", "create-replacement")) <= set(CONFIGURED)
    assert first.ready_pods().keys().isdisjoint(before)
    assert len(first.find("v1", "ConfigMap")) == 2, "the old ConfigMap is removed, Kubernetes' own stays"

    first.engine.destroy().require()
    assert first.leftovers() == set()
    assert first.namespace_object() is None
    assert api.find("rbac.authorization.k8s.io/v1", "RoleBinding", first.namespace) == []


def test_the_server_takes_every_object_as_it_is_and_no_field_is_dropped(first: Stack, api: Api) -> None:
    found = first.manifests()
    assert {"Namespace", "Deployment", "Job", "Ingress", "NetworkPolicy", "HorizontalPodAutoscaler"} <= {
        manifest["kind"] for manifest in found
    }
    for manifest in found:
        api.create(manifest, dry_run=True)
    deployment = next(manifest for manifest in found if manifest["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(RefusedError, match="readinesProbe"):
        api.create(deployment, dry_run=True)


def test_a_failing_migration_is_told_touches_nothing_and_is_tried_again(first: Stack, api: Api) -> None:
    before = first.deployment()
    first.release(SECOND)
    with fate(api, first.namespace, FAIL, image=SECOND):
        failed = first.engine.up().require_failure()
    (told,) = [error for error in failed.errors if "the migration of release" in error]
    assert "222222222222 failed (BackoffLimitExceeded), so the release was not deployed" in told
    assert "it is tried again, also with the same digest" in told
    assert first.jobs() == {job_of(SECOND): "Failed"}
    assert first.deployment()["metadata"]["generation"] == before["metadata"]["generation"]
    assert images(first) == {FIRST}

    first.engine.up().require()
    assert first.jobs() == {job_of(SECOND): "Complete"}
    assert images(first) == {SECOND}
    assert first.engine.preview().require().changes == ()


def release_anew(stack: Stack) -> str:
    stack.release(SECOND)
    return SECOND


def configure_anew(stack: Stack) -> str:
    stack.engine.config["rag:app"] = {"environment": {"LOG_LEVEL": "DEBUG"}}
    return FIRST


changes = pytest.mark.parametrize("change", [release_anew, configure_anew])


@changes
def test_pods_that_never_become_ready_fail_the_update_and_the_old_ones_serve(
    hasty: Stack, api: Api, change: Callable[[Stack], str]
) -> None:
    before = hasty.ready_pods()
    image = change(hasty)
    with fate(api, hasty.namespace, NEVER_READY, image=image, selector=SERVED):
        failed = hasty.engine.up().require_failure()
        assert "Minimum number of Pods" in failed.output
        assert failed.step("service-deployment").failed
    assert hasty.ready_pods() == before
    assert images(hasty) == {FIRST}


@changes
def test_trap_the_provider_reports_a_success_too_early_and_the_look_at_the_cluster_does_not(
    hasty: Stack, api: Api, sources: Sources, change: Callable[[Stack], str]
) -> None:
    report_success_at_once(sources)
    before = hasty.ready_pods()
    image = change(hasty)
    with fate(api, hasty.namespace, NEVER_READY, image=image, selector=SERVED):
        failed = hasty.engine.up().require_failure()
    assert failed.step("service-deployment").done
    assert not failed.step("rollout-check").done
    assert "was taken back" in failed.output
    assert hasty.ready_pods() == before


def test_a_rollout_that_goes_on_is_waited_for_although_the_provider_called_it_complete(
    hasty: Stack, api: Api, sources: Sources
) -> None:
    report_success_at_once(sources)
    hasty.engine.config["rag:rollout"] = {"evidence": "platform", "startup_seconds": 55, "drain_seconds": 0}
    hasty.release(SECOND)

    def become_ready_late() -> None:
        pod = the_pod_of(SECOND, hasty)
        # Longer than a rollout that does not go on is given.
        time.sleep(8)
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        metadata = {key: pod["metadata"][key] for key in ("name", "namespace")}
        api.apply_status({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "status": {"conditions": [ready]}})

    with fate(api, hasty.namespace, NEVER_READY, image=SECOND, selector=SERVED), ThreadPoolExecutor() as pool:
        late = pool.submit(become_ready_late)
        hasty.engine.up().require()
        late.result()
    assert images(hasty) == {SECOND}


def test_a_preview_refuses_an_invalid_deployment_before_anything_migrates(first: Stack, sources: Sources) -> None:
    alter(sources, "components/kubernetes/pod.py", "\nSTARTUP_PERIOD = 2\n", "\nSTARTUP_PERIOD = -1\n")
    first.release(SECOND)
    assert "startupProbe.periodSeconds: Invalid value: -1" in first.engine.preview().require_failure().output
    assert first.jobs() == {job_of(FIRST): "Complete"}
    assert images(first) == {FIRST}


def test_an_absent_operator_refuses_the_preview_and_the_update(stack: Stack) -> None:
    for refused in (stack.engine.preview(), stack.engine.up()):
        told = refused.require_failure().output
        assert "rag:database.kind: the cluster has no Cluster (postgresql.cnpg.io/v1)" in told
    assert stack.namespace_object() is None
