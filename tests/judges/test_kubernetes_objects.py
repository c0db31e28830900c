"""The Kubernetes stack's objects, judged by kubernetes-validate's schemas of three versions of Kubernetes."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest

from tests.judges.kubernetes_objects import CUSTOM, STACKS, VERSIONS, Manifest, kind_of, manifests_of, objections
from tests.kubernetes import build

pytestmark = pytest.mark.unit

KINDS = {
    "apps/v1/Deployment", "autoscaling/v2/HorizontalPodAutoscaler", "batch/v1/Job", "networking.k8s.io/v1/Ingress",
    "networking.k8s.io/v1/NetworkPolicy", "policy/v1/PodDisruptionBudget", "rbac.authorization.k8s.io/v1/Role",
    "rbac.authorization.k8s.io/v1/RoleBinding", "v1/ConfigMap", "v1/Namespace", "v1/Secret", "v1/Service",
    "v1/ServiceAccount",
}  # fmt: skip
manifests = cache(manifests_of)


def test_three_versions_judge_and_the_tests_own_cluster_runs_one_of_them() -> None:
    go_mod = (Path(build.__file__).parent / "controlplane" / "go.mod").read_text()
    (running,) = re.findall(r"^\s*k8s\.io/kubernetes v(\d+\.\d+)\.", go_mod, re.MULTILINE)
    assert len(set(VERSIONS)) == 3
    assert running in VERSIONS


def test_the_stacks_make_every_kind_that_is_to_be_judged_and_no_other() -> None:
    made = {kind_of(manifest) for stack in STACKS for manifest in manifests(stack)}
    assert made == KINDS | set(CUSTOM)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("stack", STACKS)
def test_no_object_has_a_field_or_a_type_that_kubernetes_does_not_know(stack: str, version: str) -> None:
    judged = [manifest for manifest in manifests(stack) if kind_of(manifest) not in CUSTOM]
    assert len(judged) > 10
    assert [told for manifest in judged if (told := objections(manifest, version))] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kind_without_a_schema_has_a_reason_and_a_kind_with_a_reason_has_no_schema(version: str) -> None:
    for manifest in [*manifests("prod"), *manifests("gateway")]:
        if kind_of(manifest) in CUSTOM:
            with pytest.raises(kubernetes_validate.SchemaNotFoundError):
                objections(manifest, version)
    assert all(CUSTOM.values())


def deployment() -> Manifest:
    return next(manifest for manifest in manifests_of("dev") if manifest["kind"] == "Deployment")


def misspelled(manifest: Manifest) -> None:
    web = manifest["spec"]["template"]["spec"]["containers"][0]
    web["readinesProbe"] = web.pop("readinessProbe")


def of_another_type(manifest: Manifest) -> None:
    manifest["spec"]["progressDeadlineSeconds"] = "ten"


def without_its_selector(manifest: Manifest) -> None:
    del manifest["spec"]["selector"]


def of_a_version_that_is_gone(manifest: Manifest) -> None:
    manifest["apiVersion"] = "extensions/v1beta1"


@pytest.mark.parametrize(
    ("fault", "told"),
    [(misspelled, "readinesProbe"), (of_another_type, "'ten'"), (without_its_selector, "'selector' is a required")],
)
def test_a_planted_fault_is_caught(fault: Callable[[Manifest], None], told: str) -> None:
    manifest = deployment()
    assert objections(manifest, VERSIONS[0]) == ""
    fault(manifest)
    assert told in objections(manifest, VERSIONS[0])


def test_a_version_of_a_kind_that_is_gone_is_caught() -> None:
    manifest = deployment()
    of_a_version_that_is_gone(manifest)
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        objections(manifest, VERSIONS[0])
