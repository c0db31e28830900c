"""The nine steps, what waits for what, and what people are told."""

import pytest

from stacks.kubernetes import compose
from tests.contracts.kubernetes.stack import EVERYTHING, VARIANTS, Composed, both_ways, outputs_of, recorded
from tests.contracts.recorder import Recording
from tests.contracts.steps import called_in_order

pytestmark = pytest.mark.unit

STEPS = (
    "Cluster", "Namespace", "Registry", "Release", "Network", "entrance_of", "trust_of", "observability_of",
    "database_of", "Secrets", "Migration", "AppService", "Autoscaler", "RolloutCheck",
)  # fmt: skip
ALWAYS = {"Cluster", "Namespace", "Registry", "Release", "Network", "Secrets", "Migration", "AppService", "Autoscaler"}
OUTPUTS = {"url", "release", "image", "previous_release", "migration", "evidence", "api_key", "rollback"}


def test_a_reader_meets_the_nine_steps_in_their_order() -> None:
    assert called_in_order(compose, STEPS) == list(STEPS)


@both_ways
@pytest.mark.parametrize("profile", ["dev", "prod"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_stack_composes_with_known_and_with_unknown_values(variant: str, profile: str, composed: Composed) -> None:
    made = composed(**VARIANTS[variant] | {"profile": profile})
    assert {component.type.rsplit(":", 1)[-1] for component in made.components()} >= ALWAYS
    assert sorted(made.outputs) == sorted(component.urn for component in made.components())


@both_ways
def test_nothing_is_printed_while_the_stack_composes(composed: Composed, capfd: pytest.CaptureFixture[str]) -> None:
    composed()
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_the_outputs_are_those_that_people_and_tools_ask_for() -> None:
    assert set(outputs_of()) == OUTPUTS
    assert set(outputs_of(**EVERYTHING)) == OUTPUTS | {"authentication_configuration"}


def test_the_command_that_goes_back_names_the_stack() -> None:
    assert outputs_of()["rollback"] == "make rollback STACK=test"


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("namespace-namespace", {"cluster-check"}),
        ("registry-account", {"namespace-namespace"}),
        ("database-cluster", {"namespace-namespace", "database-owner"}),
        ("database-url", {"database-cluster"}),
        ("migration-job", {"database-cluster", "database-url", "secrets-api-key", "registry-account"}),
        ("migration-outcome", {"migration-job"}),
        ("service-deployment", {"migration-outcome", "migration-job", "secrets-environment", "registry-account"}),
        ("service-replicas", {"service-deployment"}),
        ("autoscaler-scaler", {"service-deployment"}),
        ("rollout-check", {"service-replicas", "service-deployment", "migration-outcome"}),
    ],
)
def test_each_step_waits_for_those_that_it_needs(recording: Recording, later: str, earlier: set[str]) -> None:
    assert earlier <= recording.needed_by(later)


def test_the_migration_waits_for_all_that_can_be_judged_without_it(everything: Recording) -> None:
    later = {"migration-job", "migration-outcome", "service-deployment", "service-replicas", "autoscaler-scaler"}
    judged = {
        resource.name
        for resource in everything.resources
        if resource.type.startswith("kubernetes:") and resource.name not in later
    }
    assert judged >= {"network-service", "network-closed", "network-disruptions", "ingress-ingress"}
    assert judged >= {"trust-deploy-role", "observability-rules", "secrets-environment", "registry-pull"}
    # The first backup may be asked for while the service is already being deployed.
    assert judged - {"database-schedule"} <= everything.needed_by("migration-job")


@pytest.mark.parametrize("variant", VARIANTS)
def test_everything_in_the_cluster_waits_until_the_cluster_was_judged(variant: str) -> None:
    made = recorded(**VARIANTS[variant])
    for resource in made.resources:
        if resource.type.startswith("kubernetes:"):
            assert "cluster-check" in made.needed_by(resource.name), resource.name
    assert "cluster-check" in made.needed_by("cluster-provider")


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_goes_through_the_provider_of_the_named_context_and_none_through_an_ambient_one(
    variant: str,
) -> None:
    made = recorded(**VARIANTS[variant])
    objects = [resource for resource in made.resources if resource.type.startswith("kubernetes:")]
    assert len(objects) > 12
    assert {resource.provider.split("::")[3] for resource in objects} == {"cluster-provider"}


def test_the_database_needs_no_release_so_a_broken_one_cannot_touch_it(recording: Recording) -> None:
    assert recording.needed_by("database-cluster").isdisjoint({"release", "migration-job"})


def test_nothing_is_built_for_a_cluster_that_lacks_something(everything: Recording) -> None:
    needed = everything.needed_by("release-image")
    assert "cluster-check" in needed
    assert "namespace-namespace" not in needed
