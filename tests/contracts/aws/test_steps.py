"""The nine steps, what waits for what, and what people are told."""

import json

import pytest

from stacks import compose as compose_any
from stacks.aws import compose
from stacks.settings import AwsSettings
from tests.aws_settings import REGION, parse_aws, parse_production
from tests.contracts.aws.recording import EVERYTHING, USUAL, kinds, outputs_of, recorded
from tests.contracts.recorder import Recording, record
from tests.contracts.steps import called_in_order

pytestmark = pytest.mark.unit

STEPS = (
    "Registry",
    "DockerLogin",
    "Release",
    "Boundary",
    "Network",
    "Database",
    "Secrets",
    "Cluster",
    "Migration",
    "LoadBalancer",
    "Waf",
    "Observability",
    "AppService",
    "Autoscaler",
    "RolloutCheck",
    "OidcTrust",
)
ALL = {"Lasting", *STEPS}
ALWAYS = ALL - {"Boundary", "Waf", "OidcTrust"}
OUTPUTS = {
    "url",
    "release",
    "image",
    "previous_release",
    "rollback",
    "migration",
    "evidence",
    "dashboard",
    "logs",
    "api_key",
}
OIDC = {"repository": "owner/name", "environment": "prod"}


def test_a_reader_meets_the_nine_steps_in_their_order() -> None:
    assert called_in_order(compose, STEPS) == list(STEPS)


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("strategy", ["rolling", "canary", "blue-green"])
def test_a_dev_stack_composes_with_known_and_with_unknown_values(strategy: str, preview: bool) -> None:
    made = recorded(parse_aws(rollout={"strategy": strategy}), preview=preview)
    assert kinds(made) == ALWAYS
    assert sorted(made.outputs) == sorted(component.urn for component in made.components())


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("strategy", ["rolling", "canary", "blue-green"])
def test_a_prod_stack_composes_with_known_and_with_unknown_values(strategy: str, preview: bool) -> None:
    made = recorded(parse_production(**EVERYTHING, rollout={"strategy": strategy}), preview=preview)
    assert kinds(made) == ALL
    assert sorted(made.outputs) == sorted(component.urn for component in made.components())


@pytest.mark.parametrize("settings", [parse_aws(), parse_production(**EVERYTHING)], ids=["dev", "prod"])
def test_a_preview_shows_the_same_resources_as_the_update_makes(settings: AwsSettings) -> None:
    urns = [{resource.urn for resource in recorded(settings, preview=preview).resources} for preview in (False, True)]
    assert urns[0] == urns[1]


@pytest.mark.parametrize("preview", [False, True])
def test_nothing_is_printed_while_the_stack_composes(preview: bool, capfd: pytest.CaptureFixture[str]) -> None:
    record(lambda: compose(parse_production(**EVERYTHING)), preview=preview, calls=USUAL)
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.parametrize(
    ("settings", "more"),
    [(parse_aws(), set[str]()), (parse_production(oidc=OIDC), {"preview_role", "deploy_role"})],
    ids=["without trust", "with trust"],
)
def test_the_outputs_are_those_that_people_and_workflows_ask_for(settings: AwsSettings, more: set[str]) -> None:
    found: list[set[str]] = []
    record(lambda: found.append(set(compose_any(settings))), calls=USUAL)
    assert found == [OUTPUTS | more]


def test_outputs_give_the_exact_commands_and_never_a_secrets_value() -> None:
    found = outputs_of(parse_production())
    assert found["rollback"] == "make rollback STACK=test"
    assert str(found["api_key"]).startswith(f"aws secretsmanager get-secret-value --region {REGION} --secret-id <")
    assert str(found["api_key"]).endswith("--query SecretString --output text")
    assert "rag_" not in str(found)
    assert "postgresql://" not in str(found)
    assert str(found["logs"]).endswith("$252Fecs$252Frag-test$252F")
    assert str(found["image"]).endswith("@<release-image.digest>")


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        ("release-image", {"login-helper", "registry-repository"}),
        ("database-instance", {"network-vpc", "network-database-0", "network-database"}),
        ("secrets-database-url-value", {"database-instance", "database-password"}),
        ("migration-run", {"database-instance", "release-image", "cluster-migrate-log", "migration-definition"}),
        ("service-service", {"migration-run", "release-image", "cluster-web-log", "cluster-worker-log"}),
        ("service-service", {f"observability-{what}-primary" for what in ("errors", "latency", "unhealthy")}),
        ("service-rollout", {"service-service"}),
        ("autoscaler-tasks", {"service-service"}),
        ("rollout-check", {"service-rollout", "migration-run", "release-image"}),
    ],
)
def test_each_step_waits_for_those_that_it_needs(production: Recording, later: str, earlier: set[str]) -> None:
    assert earlier <= production.needed_by(later)


def test_the_database_needs_no_release_so_a_broken_one_cannot_touch_it(production: Recording) -> None:
    assert production.needed_by("database-instance").isdisjoint({"release-image", "login-helper", "migration-run"})


def test_nothing_needs_a_later_step(production: Recording) -> None:
    later = {"service-service", "rollout-check", "autoscaler-tasks"}
    for name in (
        "release-image",
        "migration-run",
        "database-instance",
        "observability-errors-primary",
        "balancer-https",
    ):
        assert production.needed_by(name).isdisjoint(later), name


def test_the_trust_hands_over_the_stacks_own_roles_and_no_others(production: Recording) -> None:
    writing = production.one("trust-write-identity").inputs["policy"]
    passed = [
        resource
        for statement in json.loads(writing)["Statement"]
        if "iam:PassRole" in statement["Action"]
        for resource in ([statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"])
    ]
    assert sorted(passed) == [
        "<migration-execution.arn>",
        "<migration-task.arn>",
        "<network-flow-role.arn>",
        "<service-execution.arn>",
        "<service-task.arn>",
    ]
