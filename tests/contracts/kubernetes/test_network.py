"""What may come in and go out."""

import json
from typing import cast

import pytest

from tests.contracts.kubernetes.stack import (
    EXTERNAL,
    GATEWAY,
    MINIMAL,
    PODS,
    Json,
    annotations_of,
    of_type,
    recorded,
    selects,
    spec_of,
)
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


def policies(made: Recording) -> dict[str, Json]:
    return {policy.name: cast(Json, policy.inputs["spec"]) for policy in of_type(made, "NetworkPolicy")}


def peers(rules: list[Json], key: str) -> set[str]:
    return {json.dumps(peer, sort_keys=True) for rule in rules for peer in rule[key]}


def test_the_pods_and_the_migration_are_closed_in_both_directions(recording: Recording) -> None:
    closed = policies(recording)["network-closed"]
    assert closed["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in closed
    for name in PODS:
        assert selects(closed["podSelector"]["matchLabels"], spec_of(recording, name)["template"]["metadata"]["labels"])


def test_only_the_controller_and_prometheus_may_come_in_and_only_to_the_web_process(recording: Recording) -> None:
    (rule,) = policies(recording)["network-entrance"]["ingress"]
    namespaces = [peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["from"]]
    assert namespaces == ["ingress-nginx", "monitoring"]
    assert rule["ports"] == [{"port": 8000, "protocol": "TCP"}]
    (rule,) = policies(recorded(observability={"metrics": "none"}))["network-entrance"]["ingress"]
    assert len(rule["from"]) == 1


def test_out_go_names_the_database_and_https_and_nothing_else(recording: Recording) -> None:
    rules = policies(recording)["network-closed"]["egress"]
    assert [[(port["protocol"], port["port"]) for port in rule["ports"]] for rule in rules] == [
        [("UDP", 53), ("TCP", 53)],
        [("TCP", 5432)],
        [("TCP", 443)],
    ]
    assert rules[1]["to"] == [{"podSelector": {"matchLabels": {"cnpg.io/cluster": "rag-database"}}}]
    assert rules[2]["to"][0]["ipBlock"]["except"] == ["169.254.0.0/16"]


def test_an_external_database_is_let_through_at_its_own_port() -> None:
    made = policies(recorded(**EXTERNAL))
    assert set(made) == {"network-closed", "network-entrance"}
    rule = made["network-closed"]["egress"][1]
    assert rule["ports"] == [{"port": 6432, "protocol": "TCP"}]
    assert {"ipBlock"} == {key for peer in rule["to"] for key in peer}


def test_the_database_is_reached_by_the_service_its_own_servers_the_operator_and_prometheus(
    recording: Recording,
) -> None:
    policy = policies(recording)["network-database"]
    assert policy["policyTypes"] == ["Ingress"]
    ports = {
        json.dumps(peer, sort_keys=True): [port["port"] for port in rule["ports"]]
        for rule in policy["ingress"]
        for peer in rule["from"]
    }
    assert sorted(ports.values()) == [[5432], [8000, 5432], [8000, 5432], [9187]]
    assert '{"podSelector": {"matchLabels": {"app.kubernetes.io/instance": "rag"}}}' in ports


def test_the_service_is_not_waited_for_because_its_pods_come_last(recording: Recording) -> None:
    for name in ("network-service", "ingress-ingress"):
        assert annotations_of(recording, name)["pulumi.com/skipAwait"] == "true"


def test_the_ingress_ends_tls_and_lets_uploads_through(recording: Recording) -> None:
    spec = spec_of(recording, "ingress-ingress")
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["rag.example.com"], "secretName": "rag-tls"}]
    annotations = annotations_of(recording, "ingress-ingress")
    assert annotations["cert-manager.io/cluster-issuer"] == "letsencrypt"
    assert annotations["nginx.ingress.kubernetes.io/proxy-body-size"] == "200m"


def test_what_an_operator_annotates_wins() -> None:
    key = "nginx.ingress.kubernetes.io/proxy-body-size"
    made = recorded(ingress=MINIMAL["ingress"] | {"annotations": {key: "1m"}})
    assert annotations_of(made, "ingress-ingress")[key] == "1m"


def test_a_route_takes_the_ingresses_place_by_a_key() -> None:
    made = recorded(**GATEWAY)
    assert not of_type(made, "Ingress") or [item.custom for item in of_type(made, "Ingress")] == []
    spec = spec_of(made, "ingress-route")
    assert spec["parentRefs"] == [{"name": "shared", "namespace": "gateways", "sectionName": "https"}]
    assert spec["rules"] == [{"backendRefs": [{"name": "rag", "port": 80}]}]
