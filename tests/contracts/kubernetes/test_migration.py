"""The migration as a Job: once for each digest, and never in the way of the next."""

import pytest

from components.kubernetes.migration import EXISTS, READ_BY_MIGRATION
from tests.contracts.kubernetes.stack import (
    BUILT,
    PODS,
    REPOSITORY,
    SECOND,
    annotations_of,
    containers_of,
    of_type,
    recorded,
    selects,
    settings,
    spec_of,
    variables,
)
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


def test_trap_a_job_of_a_fixed_name_fails_on_the_second_deployment(recording: Recording) -> None:
    assert recording.one("migration-job").inputs["metadata"]["name"] == f"rag-migrate-{'1' * 12}"
    second = recorded(release={"image": f"{REPOSITORY}@{SECOND}"})
    assert second.one("migration-job").inputs["metadata"]["name"] == f"rag-migrate-{'2' * 12}"


def test_trap_a_failed_job_blocks_its_digest_for_ever(recording: Recording) -> None:
    assert annotations_of(recording, "migration-job")["pulumi.com/replaceUnready"] == "true"


def test_trap_a_job_whose_deletion_is_not_awaited_meets_its_successor_of_the_same_name(recording: Recording) -> None:
    annotations = annotations_of(recording, "migration-job")
    assert "pulumi.com/skipAwait" not in annotations
    assert annotations["pulumi.com/waitFor"] == EXISTS


def test_trap_the_job_of_a_failed_release_leaves_its_predecessors_behind(recording: Recording) -> None:
    assert "delete_before_replace" in recording.one("migration-job").options


def test_trap_a_job_that_the_cluster_removes_is_drift(recording: Recording) -> None:
    assert "ttlSecondsAfterFinished" not in spec_of(recording, "migration-job")


def test_trap_a_jobs_pods_that_match_the_services_selectors_get_requests_and_stop_the_autoscaler(
    everything: Recording,
) -> None:
    job = spec_of(everything, "migration-job")["template"]["metadata"]["labels"]
    served = spec_of(everything, "service-deployment")["template"]["metadata"]["labels"]
    selectors = {
        "Service": spec_of(everything, "network-service")["selector"],
        "Deployment": spec_of(everything, "service-deployment")["selector"]["matchLabels"],
        "PodDisruptionBudget": spec_of(everything, "network-disruptions")["selector"]["matchLabels"],
        "NetworkPolicy": spec_of(everything, "network-entrance")["podSelector"]["matchLabels"],
    }
    for kind, selector in selectors.items():
        assert selects(selector, served), kind
        assert not selects(selector, job), kind


def test_one_attempt_within_its_time_is_all_that_a_migration_gets(recording: Recording) -> None:
    spec = spec_of(recording, "migration-job")
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, settings().rollout.migration_seconds)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def differing(before: Recording, after: Recording) -> set[str]:
    inputs = {resource.urn: resource.inputs for resource in after.resources}
    assert inputs.keys() == {resource.urn for resource in before.resources}
    return {one.name for one in before.resources if one.custom and one.inputs != inputs[one.urn]}


def test_a_new_digest_changes_the_job_and_the_deployment_and_nothing_else(recording: Recording) -> None:
    after = recorded(release={"image": f"{REPOSITORY}@{SECOND}"})
    reported = {"migration-outcome", "service-replicas", "rollout-check"}
    assert differing(recording, after) == {"migration-job", "service-deployment"} | reported


def test_another_configuration_of_the_same_release_is_no_reason_to_migrate_again(recording: Recording) -> None:
    after = recorded(app={"environment": {"LOG_LEVEL": "DEBUG", "RETRIEVAL_TOP_K": 5}, "pool_size": 4})
    assert differing(recording, after) == {"secrets-environment"}


def test_the_migration_is_told_what_it_reads_and_nothing_more() -> None:
    made = recorded(app={"environment": {"LOG_LEVEL": "DEBUG", "BOOTSTRAP_TENANT": "first"}})
    container = containers_of(made, "migration-job")["migrate"]
    plain = {name for name, entry in variables(container).items() if "value" in entry}
    assert plain == {"APP_RELEASE", "BOOTSTRAP_TENANT"}
    assert plain <= READ_BY_MIGRATION | {"APP_RELEASE"}
    assert "envFrom" not in container


def test_a_rollback_deploys_the_image_that_was_asked_for_and_builds_nothing() -> None:
    image = f"{REPOSITORY}@{SECOND}"
    made = recorded(**BUILT | {"release": {"image": image}})
    assert not of_type(made, "Image")
    for name in PODS:
        assert {container["image"] for container in containers_of(made, name).values()} == {image}
    assert made.one("rollout-check").inputs["digest"] == SECOND


def test_the_address_is_asked_unless_the_clusters_own_word_is_chosen(recording: Recording) -> None:
    assert recording.one("rollout-check").inputs["ask"] is True
    assert recording.one("rollout-check").inputs["address"] == "https://rag.example.com/health"
    assert recorded(rollout={"evidence": "platform"}).one("rollout-check").inputs["ask"] is False
