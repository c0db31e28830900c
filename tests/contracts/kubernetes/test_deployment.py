"""The Deployment, its autoscaler and its budget: no request is lost in a rollout."""

import pytest

from tests.contracts.kubernetes.stack import containers_of, pod_of, settings, spec_of
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


def test_trap_a_release_sets_the_replicas_back_that_the_autoscaler_owns(recording: Recording) -> None:
    assert "replicas" not in spec_of(recording, "service-deployment")


def test_no_pod_is_taken_away_before_another_is_ready_and_the_rollout_is_given_up_in_time(
    recording: Recording,
) -> None:
    spec, times = spec_of(recording, "service-deployment"), settings().times
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0},
    }
    assert spec["progressDeadlineSeconds"] == times.progress
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == times.grace


def test_trap_an_image_without_a_shell_cannot_run_sleep(recording: Recording) -> None:
    web = containers_of(recording, "service-deployment")["web"]
    assert web["lifecycle"] == {"preStop": {"sleep": {"seconds": settings().rollout.drain_seconds}}}


def test_trap_grace_that_is_shorter_than_sleep_and_requests_in_flight_cuts_them_off(recording: Recording) -> None:
    pod, rollout = pod_of(recording, "service-deployment"), settings().rollout
    assert pod["terminationGracePeriodSeconds"] > rollout.drain_seconds + rollout.graceful_seconds


def test_pods_are_spread_over_zones_and_machines_but_run_anywhere_rather_than_nowhere(recording: Recording) -> None:
    pod = pod_of(recording, "service-deployment")
    constraints = pod["topologySpreadConstraints"]
    assert [constraint["topologyKey"].rpartition("/")[2] for constraint in constraints] == ["zone", "hostname"]
    assert {constraint["whenUnsatisfiable"] for constraint in constraints} == {"ScheduleAnyway"}


def test_the_autoscaler_keeps_processors_at_60_percent_within_the_bounds(everything: Recording) -> None:
    spec = spec_of(everything, "autoscaler-scaler")
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    assert spec["behavior"]["scaleUp"]["stabilizationWindowSeconds"] <= 60
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "rag"}


def test_a_budget_never_blocks_the_drain_of_a_single_replica_nor_of_a_broken_one(recording: Recording) -> None:
    spec = spec_of(recording, "network-disruptions")
    assert spec["maxUnavailable"] == 1
    assert "minAvailable" not in spec
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
