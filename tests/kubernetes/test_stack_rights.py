"""GitHub's two identities on a real API server, which was started with the configuration that the stack gives out."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, cast

import pytest
import yaml

from components.kubernetes.oidc_trust import authentication_configuration
from tests.kubernetes import build
from tests.kubernetes.api import Api, RefusedError
from tests.kubernetes.cluster import Cluster, run_cluster
from tests.kubernetes.github import GitHub, github
from tests.kubernetes.stack import FIRST, RELEASED, SECOND, job_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.kubernetes.api import Manifest
    from tests.kubernetes.stack import Stack

pytestmark = [pytest.mark.kubernetes, pytest.mark.engine, pytest.mark.timeout(900)]

REPOSITORY = "owner/name"
PREVIEW = f"repo:{REPOSITORY}:pull_request"
DEPLOY = f"repo:{REPOSITORY}:environment:production"
READ = {"get", "list", "watch"}
Right = tuple[str, str, str]
"""A verb, an API group and a kind (or a part of it)."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[GitHub]:
    """Who signs the tokens."""
    with github() as running:
        yield running


@pytest.fixture(scope="module")
def cluster(issuer: GitHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that trusts GitHub; only where GitHub's keys are found is another place."""
    configuration = yaml.safe_load(authentication_configuration(REPOSITORY))
    there = {"discoveryURL": issuer.discovery, "certificateAuthority": issuer.certificate}
    configuration["jwt"][0]["issuer"] |= there
    file = tmp_path_factory.mktemp("trust") / "authentication.yaml"
    file.write_text(yaml.safe_dump(configuration))
    with run_cluster(build.control_plane(), api_server=[f"--authentication-config={file}"]) as running:
        wait_for_keys(running, issuer)
        yield running


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    """That cluster with the administrator's rights."""
    with contextlib.closing(cluster.api()) as client:
        yield client


@pytest.fixture
def trusted(stack: Stack) -> Stack:
    """The first release, deployed by an administrator, who also makes the roles."""
    stack.engine.config["rag:oidc"] = {"repository": REPOSITORY, "environment": "production"}
    stack.with_external_database().engine.up().require()
    return stack


def wait_for_keys(cluster: Cluster, issuer: GitHub, seconds: float = 60.0) -> None:
    """The server fetches the issuer's keys in the background."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            user_of(cluster, issuer.token(PREVIEW, repository=REPOSITORY))
        except RefusedError:
            assert time.monotonic() < deadline, "the server never took a token of the issuer"
            time.sleep(0.5)
        else:
            return


def user_of(cluster: Cluster, token: str) -> str:
    """Who the server takes the bearer for; raises RefusedError when it does not know the token."""
    review: Manifest = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}}
    with contextlib.closing(Api(cluster.url, cluster.certificate, token)) as api:
        return str(api.create(review)["status"]["userInfo"]["username"])


def rights(cluster: Cluster, token: str, namespace: str) -> set[Right]:
    """Everything that the bearer may do in a namespace, as the server itself lists it."""
    review: Manifest = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "metadata": {}}
    with contextlib.closing(Api(cluster.url, cluster.certificate, token)) as api:
        status = api.create({**review, "spec": {"namespace": namespace}})["status"]
    assert not status["incomplete"]
    return {
        (verb, group, kind)
        for rule in cast("list[Manifest]", status["resourceRules"])
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for kind in rule["resources"]
    }


def become(stack: Stack, issuer: GitHub, subject: str, folder: Path) -> None:
    """Let the stack's next runs be those of a workflow with this subject."""
    kubeconfig = json.loads(stack.kubeconfig.read_text())
    kubeconfig["users"][0]["user"] = {"token": issuer.token(subject, repository=REPOSITORY)}
    file = folder / "kubeconfig-of-a-workflow"
    file.write_text(json.dumps(kubeconfig))
    stack.use(file)


def test_the_configuration_that_the_stack_gives_out_is_the_one_that_the_server_runs_with(trusted: Stack) -> None:
    assert trusted.engine.outputs()["authentication_configuration"] == authentication_configuration(REPOSITORY)


def test_the_server_knows_the_workflows_of_the_repository_and_no_others(cluster: Cluster, issuer: GitHub) -> None:
    for subject in (PREVIEW, DEPLOY):
        assert user_of(cluster, issuer.token(subject, repository=REPOSITORY)) == f"github:{subject}"
    for refused in (
        issuer.token("repo:somebody/else:pull_request", repository="somebody/else"),
        issuer.token(DEPLOY, repository="somebody/else"),
        issuer.token(DEPLOY, repository=REPOSITORY, audience="sts.amazonaws.com"),
        issuer.token(DEPLOY, repository=REPOSITORY)[:-8] + "AAAAAAAA",
    ):
        with pytest.raises(RefusedError) as refusal:
            user_of(cluster, refused)
        assert refusal.value.code == 401


def test_a_preview_reads_without_secrets_and_a_deployment_writes_here_alone_and_grants_nothing(
    trusted: Stack, cluster: Cluster, issuer: GitHub, namespace: str
) -> None:
    def may(subject: str, where: str) -> set[Right]:
        return rights(cluster, issuer.token(subject, repository=REPOSITORY), where)

    everybody = may(f"repo:{REPOSITORY}:ref:refs/heads/main", trusted.namespace)
    for subject in (PREVIEW, DEPLOY):
        assert may(subject, namespace) == everybody, "in another namespace nobody may do more than anybody"

    preview = may(PREVIEW, trusted.namespace) - everybody
    assert {verb for verb, _, _ in preview} == READ
    assert {kind for _, _, kind in preview}.isdisjoint({"secrets", "pods/log", "pods/exec", "serviceaccounts/token"})

    deploy = may(DEPLOY, trusted.namespace) - everybody
    assert preview <= deploy
    written = {kind for verb, _, kind in deploy if verb not in READ}
    assert written >= {"configmaps", "secrets", "services", "deployments", "jobs", "ingresses"}
    assert written.isdisjoint({"roles", "rolebindings", "namespaces", "pods", "pods/exec", "serviceaccounts/token"})
    assert {verb for verb, _, _ in deploy} == READ | {"create", "update", "patch", "delete"}
    assert ("get", "", "pods/log") in deploy


def test_a_pull_request_previews_a_release_and_can_change_nothing(
    trusted: Stack, issuer: GitHub, tmp_path: Path
) -> None:
    become(trusted, issuer, PREVIEW, tmp_path)
    assert trusted.engine.preview().require().changes == ()
    trusted.release(SECOND)
    trusted.engine.config["rag:app"] = {"environment": {"LOG_LEVEL": "DEBUG"}}
    planned = trusted.engine.preview().require()
    assert set(planned.changed("update", "create-replacement")) == {*RELEASED, "secrets-environment"}

    assert "orbidden" in trusted.engine.up().require_failure().output
    assert trusted.jobs() == {job_of(FIRST): "Complete"}
    assert {image for found in trusted.ready_pods().values() for image in found} == {FIRST}


def test_a_workflow_of_the_environment_deploys_a_release_and_another_configuration(
    trusted: Stack, issuer: GitHub, tmp_path: Path
) -> None:
    become(trusted, issuer, DEPLOY, tmp_path)
    trusted.release(SECOND)
    trusted.engine.config["rag:app"] = {"environment": {"LOG_LEVEL": "DEBUG"}}
    # As the workflows do: what the server would refuse is found out before anything migrates.
    trusted.engine.preview().require()
    trusted.engine.up().require()
    assert trusted.jobs() == {job_of(SECOND): "Complete"}
    assert {image for found in trusted.ready_pods().values() for image in found} == {SECOND}
    assert trusted.engine.preview().require().changes == ()
