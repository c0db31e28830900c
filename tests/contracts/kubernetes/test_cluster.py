"""What is asked of the cluster, and how it is reached."""

import pytest

from tests.contracts.kubernetes.stack import EVERYTHING, EXTERNAL, GATEWAY, Json, of_type, recorded
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


def test_trap_a_path_of_one_machine_in_the_state_stops_every_other_machine(recording: Recording) -> None:
    for name in ("cluster-provider", "cluster-check", "migration-outcome", "service-replicas"):
        assert recording.one(name).inputs["kubeconfig"] == "~/.kube/config"


def test_another_address_of_the_same_cluster_is_no_other_cluster(recording: Recording) -> None:
    inputs = recording.one("cluster-provider").inputs
    assert (inputs["context"], inputs["clusterIdentifier"]) == ("production", "production")


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, {"Cluster", "IngressClass", "ClusterIssuer"}),
        (EXTERNAL, {"IngressClass", "ClusterIssuer"}),
        (GATEWAY, {"Cluster", "Gateway"}),
        (EVERYTHING, {"Cluster", "ObjectStore", "IngressClass", "ClusterIssuer", "ServiceMonitor"}),
    ],
)
def test_the_cluster_is_asked_for_exactly_what_these_settings_count_on(changes: Json, kinds: set[str]) -> None:
    asked = recorded(**changes).one("cluster-check").inputs["requirements"]
    assert {requirement["kind"] for requirement in asked} == kinds


def test_a_plan_asks_the_cluster_nothing() -> None:
    plan = recorded(kubernetes={"context": "production", "check": False})
    assert plan.one("cluster-check").inputs["enabled"] is False
    assert recorded().one("cluster-check").inputs["enabled"] is True


def test_a_namespace_of_somebody_else_is_used_and_not_made() -> None:
    made = recorded(kubernetes={"context": "production", "namespace": "theirs", "create_namespace": False})
    assert not of_type(made, "Namespace")
    assert made.one("service-deployment").inputs["metadata"]["namespace"] == "theirs"
    assert made.one("cluster-check").inputs["create_namespace"] is False


def test_the_namespace_enforces_the_strictest_level_of_pod_security(recording: Recording) -> None:
    labels = recording.one("namespace-namespace").inputs["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
