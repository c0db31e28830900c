"""What is asked of a cluster before anything is created."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from components.contracts import DeploymentError
from components.kubernetes import requirements
from components.kubernetes.cluster import judge_cluster
from components.kubernetes.handles import ClusterAccess
from tests.unit.kubernetes.scripted_api import VERSION_FIELDS, Json, Script, write_kubeconfig

pytestmark = [pytest.mark.unit, pytest.mark.timeout(120)]

OPERATOR = "/apis/postgresql.cnpg.io/v1"


def kinds(*names: str) -> Json:
    resources = [
        {"name": name.lower(), "kind": name, "namespaced": True, "singularName": "", "verbs": ["get"]} for name in names
    ]
    return {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}


def test_a_cluster_that_has_everything_has_no_problems(api: Script) -> None:
    api.say(OPERATOR, kinds("Backup", "Cluster"))
    api.say("/apis/networking.k8s.io/v1/ingressclasses/nginx", {"kind": "IngressClass"})
    api.say("/apis/gateway.networking.k8s.io/v1/namespaces/edge/gateways/shared", {"kind": "Gateway"})
    needs = [requirements.cloudnative_pg(), requirements.ingress_class("nginx"), requirements.gateway("shared", "edge")]
    assert judge_cluster(api.access, needs) == []


def test_a_kubeconfig_of_the_home_is_found_there(api: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def account(_uid: int) -> SimpleNamespace:
        return SimpleNamespace(pw_dir=str(tmp_path))

    monkeypatch.setattr("components.kubernetes.kubeconfig.pwd.getpwuid", account)
    assert judge_cluster(ClusterAccess(kubeconfig="~/kubeconfig", context="test"), []) == []


def test_everything_that_is_absent_is_told_at_once_with_key_consequence_and_remedy(api: Script) -> None:
    needs = [
        requirements.cloudnative_pg(),
        requirements.backups(),
        requirements.issuer("letsencrypt"),
        requirements.ingress_class("nginx"),
        requirements.gateway("shared", "edge"),
        requirements.prometheus_operator(),
    ]
    problems = judge_cluster(api.access, needs)
    assert [problem.split(":")[1] for problem in problems] == [
        "database.kind", "database.backups", "ingress.issuer", "ingress.class", "ingress.gateway",
        "observability.metrics",
    ]  # fmt: skip
    for need, problem in zip(needs, problems, strict=True):
        assert problem.startswith(f"rag:{need.key}: the cluster has no {need.kind}")
        assert f"so {need.consequence}; nothing was deployed. {need.remedy}" in problem


def test_an_operator_of_an_older_version_lacks_the_kind(api: Script) -> None:
    api.say(OPERATOR, kinds("Backup"))
    (problem,) = judge_cluster(api.access, [requirements.cloudnative_pg()])
    assert OPERATOR in {target.rstrip("/") for target in api.asked}
    assert "has no Cluster (postgresql.cnpg.io/v1)" in problem


def test_what_this_user_may_not_ask_for_is_not_judged_because_a_previews_user_sees_little(api: Script) -> None:
    api.say("/apis/networking.k8s.io/v1/ingressclasses/nginx", 403)
    api.say("/api/v1/namespaces/rag", 403)
    assert judge_cluster(api.access, [requirements.ingress_class("nginx")], existing_namespace="rag") == []


@pytest.mark.parametrize(("major", "minor", "fits"), [("1", "30", True), ("1", "29+", False), ("1", "36+", True)])
def test_a_cluster_that_cannot_let_a_container_sleep_is_too_old(
    api: Script, major: str, minor: str, fits: bool
) -> None:
    api.say("/version", {"major": major, "minor": minor} | dict.fromkeys(VERSION_FIELDS, ""))
    problems = judge_cluster(api.access, [])
    assert (problems == []) is fits
    if not fits:
        assert "so each release would cut off requests" in problems[0]
        assert "Upgrade it to 1.30 or newer" in problems[0]


def test_a_namespace_that_is_not_created_must_exist(api: Script) -> None:
    (problem,) = judge_cluster(api.access, [], existing_namespace="theirs")
    assert problem.startswith("rag:kubernetes.namespace: the cluster has no namespace 'theirs'")
    api.say("/api/v1/namespaces/theirs", {"kind": "Namespace", "metadata": {"name": "theirs"}})
    assert judge_cluster(api.access, [], existing_namespace="theirs") == []


def test_a_server_that_does_not_answer_is_told_with_the_command_that_shows_it(tmp_path: Path, api: Script) -> None:
    write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:9")
    with pytest.raises(DeploymentError) as caught:
        judge_cluster(api.access, [])
    assert str(caught.value).startswith("rag:kubernetes.context: the API server of the context 'test' does not answer")
    assert "kubectl --context test version" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"), [(401, "does not know the user"), (500, "refused a request (500 Internal Server Error)")]
)
def test_a_server_that_refuses_is_told_without_its_answer(api: Script, status: int, said: str) -> None:
    api.say("/version", status)
    with pytest.raises(DeploymentError) as caught:
        judge_cluster(api.access, [])
    assert said in str(caught.value)
