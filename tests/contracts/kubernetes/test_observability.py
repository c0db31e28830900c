"""What is watched."""

import pytest

from components.kubernetes.labels import COMPONENT, RELEASE
from tests.contracts.kubernetes.stack import of_type, selects, spec_of
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


def test_prometheus_finds_the_pods_by_annotations_or_by_its_operators_objects(
    recording: Recording, everything: Recording
) -> None:
    pods = spec_of(recording, "service-deployment")["template"]["metadata"]["annotations"]
    assert pods["prometheus.io/port"] == "8000"
    assert not of_type(recording, "ServiceMonitor")
    pods = spec_of(everything, "service-deployment")["template"]["metadata"]["annotations"]
    assert set(pods) == {RELEASE}
    monitor = everything.one("observability-monitor").inputs
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    labels = everything.one("network-service").inputs["metadata"]["labels"]
    assert selects(monitor["spec"]["selector"]["matchLabels"], labels)
    ports = {port["name"] for port in spec_of(everything, "network-service")["ports"]}
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} == ports


def test_the_jobs_pods_are_of_a_component_of_their_own(recording: Recording) -> None:
    job = spec_of(recording, "migration-job")["template"]["metadata"]["labels"]
    assert job[COMPONENT] == "migration"
