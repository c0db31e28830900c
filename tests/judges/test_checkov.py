"""The Kubernetes stack's objects and the Dockerfile, judged by checkov; each objection that stands has a reason."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from tests.judges.checkov_judge import ROOT, Finding, Verdict, judged
from tests.judges.kubernetes_objects import CUSTOM, STACKS, Manifest, kind_of, manifests_of

# The first run on a machine installs checkov.
pytestmark = [pytest.mark.integration, pytest.mark.kubernetes, pytest.mark.timeout(420)]

EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("CKV_K8S_8", "Deployment"): (
        "the web container has a liveness probe; the worker has no port to ask, and one that hangs loses its lease on "
        "a job to another worker"
    ),
    ("CKV_K8S_9", "Deployment"): "the web container has a readiness probe; the worker gets no requests",
    ("CKV_K8S_35", "Deployment"): (
        "the application reads its settings from the environment, as on every other target; the Secrets are the only "
        "ones that the pod may read, and its root file system is read-only"
    ),
    ("CKV_K8S_35", "Job"): "as for the Deployment: the migration is the same image with the same settings",
    ("CKV_DOCKER_7", "Dockerfile"): (
        "the base is an ARG, which checkov does not resolve: tests/image/test_dockerfile.py holds that it is pinned "
        "by its digest"
    ),
}
"""By check and kind, what checkov objects to and why it stays; one that is no longer objected to must go."""


def objections(verdict: Verdict) -> list[Finding]:
    found = [finding for finding in verdict.findings if (finding.check, kind(finding)) not in EXCEPTIONS]
    return sorted(found, key=lambda finding: (finding.check, finding.resource))


def kind(finding: Finding) -> str:
    return finding.resource.partition(".")[0]


def written(folder: Path, manifests: list[Manifest]) -> Path:
    file = folder / "objects.yaml"
    file.write_text(yaml.safe_dump_all(manifests))
    return file


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """The verdict on all stacks at once: checkov takes seconds to start. Each has a namespace of its own."""
    every: list[Manifest] = []
    for stack in STACKS:
        for manifest in manifests_of(stack):
            if kind_of(manifest) not in CUSTOM:
                manifest["metadata"].setdefault("namespace", stack)
                every.append(manifest)
    return judged(written(tmp_path_factory.mktemp("objects"), every), "kubernetes")


@pytest.fixture(scope="module")
def dockerfile() -> Verdict:
    return judged(ROOT / "Dockerfile", "dockerfile")


def test_checkov_objects_to_nothing_in_the_stack(objects: Verdict) -> None:
    assert objects.passed > 500
    assert objections(objects) == []


def test_checkov_objects_to_nothing_in_the_dockerfile(dockerfile: Verdict) -> None:
    assert dockerfile.passed > 50
    assert objections(dockerfile) == []


def test_every_exception_is_still_needed_and_has_a_reason(objects: Verdict, dockerfile: Verdict) -> None:
    made = {(finding.check, kind(finding)) for finding in objects.findings | dockerfile.findings}
    assert made == set(EXCEPTIONS)
    assert all(EXCEPTIONS.values())


def container_of(manifest: Manifest) -> Manifest:
    return manifest["spec"]["template"]["spec"]["containers"][0]


def privileged(deployment: Manifest) -> None:
    container_of(deployment)["securityContext"]["privileged"] = True


def without_limits(deployment: Manifest) -> None:
    del container_of(deployment)["resources"]["limits"]["memory"]


def by_a_tag(deployment: Manifest) -> None:
    container_of(deployment)["image"] = "registry.example.com/team/rag:latest"


def of_the_host(deployment: Manifest) -> None:
    deployment["spec"]["template"]["spec"]["hostNetwork"] = True


def with_a_token(deployment: Manifest) -> None:
    deployment["spec"]["template"]["spec"]["automountServiceAccountToken"] = True


FAULTS: Mapping[Callable[[Manifest], None], str] = {
    privileged: "CKV_K8S_16",
    without_limits: "CKV_K8S_13",
    by_a_tag: "CKV_K8S_14",
    of_the_host: "CKV_K8S_19",
    with_a_token: "CKV_K8S_38",
}


def test_planted_faults_are_caught(tmp_path: Path) -> None:
    spoiled: list[Manifest] = []
    for fault in FAULTS:
        deployment = next(manifest for manifest in manifests_of("dev") if manifest["kind"] == "Deployment")
        deployment["metadata"]["name"] = fault.__name__.replace("_", "-")
        fault(deployment)
        spoiled.append(deployment)
    found = {(finding.resource.rpartition(".")[2], finding.check) for finding in objections(
        judged(written(tmp_path, spoiled), "kubernetes")
    )}  # fmt: skip
    assert found >= {(fault.__name__.replace("_", "-"), check) for fault, check in FAULTS.items()}


def test_a_fault_planted_in_the_dockerfile_is_caught(tmp_path: Path) -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "\nUSER 10001:10001\n" in text
    (tmp_path / "Dockerfile").write_text(text.replace("\nUSER 10001:10001\n", "\nUSER root\n"))
    assert "CKV_DOCKER_8" in {finding.check for finding in objections(judged(tmp_path / "Dockerfile", "dockerfile"))}
