"""The whole AWS stack against the strict recorder: the nine steps, what waits for what, and the traps of the cloud."""

import ast
import inspect
import json
import re
from typing import Any, cast

import pulumi
import pytest

from stacks import compose as compose_any
from stacks.aws import compose
from stacks.settings import AwsSettings
from tests.aws_settings import ACCOUNT, DEV, DOMAIN, REGION, parse_aws, parse_production
from tests.contracts.aws_recording import EVERYTHING, USUAL, of_type, recorded
from tests.contracts.recorder import SECRET, SIGNATURE, Recording, record

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
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/rag-test@sha256:" + "d" * 64
OIDC = {"repository": "owner/name", "environment": "prod"}


@pytest.fixture(scope="module")
def dev() -> Recording:
    return recorded(parse_aws())


@pytest.fixture(scope="module")
def production() -> Recording:
    return recorded(parse_production(**EVERYTHING))


def kinds(recording: Recording) -> set[str]:
    return {component.type.rsplit(":", 1)[-1] for component in recording.components()}


def test_a_reader_meets_the_nine_steps_in_their_order() -> None:
    calls = [
        (node.lineno, node.func.id)
        for node in ast.walk(ast.parse(inspect.getsource(compose)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in STEPS
    ]
    assert [name for _, name in sorted(calls)] == list(STEPS)


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


def outputs_of(settings: AwsSettings) -> dict[str, object]:
    """The stack's outputs with their values."""
    found: dict[str, object] = {}

    def program() -> None:
        for name, value in compose(settings).items():

            def keep(known: object, name: str = name) -> None:
                found[name] = known

            pulumi.Output.from_input(value).apply(keep)

    record(program, calls=USUAL)
    return found


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


@pytest.mark.parametrize("name", ["aws", "registry-repository", "login-helper", "network-vpc", "database-password"])
def test_what_is_fixed_is_judged_before_anything_else(dev: Recording, name: str) -> None:
    assert "lasting-settings-record" in dev.needed_by(name)
    assert "lasting-place-record" in dev.needed_by(name) or name == "aws"


def test_nothing_is_touched_by_a_change_of_what_is_fixed(production: Recording) -> None:
    outside = {"aws", "lasting-settings", "lasting-settings-record", "lasting-place", "lasting-place-record"}
    for resource in production.resources:
        if resource.name not in outside:
            assert "lasting-place-record" in production.needed_by(resource.name), resource.name


def test_what_is_fixed_is_recorded_as_it_is_used(production: Recording) -> None:
    settings, place = (production.one(f"lasting-{part}-record").inputs["facts"] for part in ("settings", "place"))
    assert settings == {
        "name": "rag-test",
        "aws.region": REGION,
        "network.vpc": "",
        "network.cidr": production.one("network-vpc").inputs["cidrBlock"],
        "secrets.kms_key": "create",
        "database.major_version": "17",
        "database.restore_from": "",
    }
    assert place == {
        "aws.account_id": ACCOUNT,
        "network.zones": [production.one(f"network-public-{at}").inputs["availabilityZone"] for at in range(3)],
        "network.zone_names": [],
    }


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


def test_the_service_depends_on_the_listener_or_ecs_refuses_its_target_group(
    dev: Recording, production: Recording
) -> None:
    for recording in (dev, production):
        listeners = {resource.name for resource in of_type(recording, "Listener")}
        assert listeners & recording.needed_by("service-service")


def test_the_autoscaler_owns_the_number_of_tasks_so_the_service_ignores_changes_of_it(production: Recording) -> None:
    assert production.one("service-service").ignore_changes == ("desiredCount",)


@pytest.mark.parametrize("strategy", ["rolling", "canary", "blue-green"])
def test_ecs_goes_back_by_itself_on_failed_tasks_and_on_alarms(strategy: str) -> None:
    inputs = recorded(parse_production(rollout={"strategy": strategy})).one("service-service").inputs
    assert inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (inputs["alarms"]["enable"], inputs["alarms"]["rollback"]) == (True, True)
    assert inputs["alarms"]["alarmNames"]


def test_a_silent_rollback_is_seen_because_the_check_is_told_what_ecs_really_serves(production: Recording) -> None:
    assert production.one("service-service").inputs.get("waitForSteadyState") is not True
    check = production.one("rollout-check").inputs
    assert check["serving"] == "<service-rollout.serving>"
    assert check["evidence"] == "<service-rollout.evidence>"


def test_the_load_balancer_asks_every_five_seconds_and_lets_tasks_leave_within_half_a_minute(dev: Recording) -> None:
    (group,) = of_type(dev, "TargetGroup")
    assert (group.inputs["healthCheck"]["interval"], group.inputs["healthCheck"]["healthyThreshold"]) == (5, 2)
    assert group.inputs["deregistrationDelay"] == 30


def test_the_time_to_stop_is_longer_than_the_longest_request_and_within_fargates_limit(dev: Recording) -> None:
    for container in containers(dev, "service-definition"):
        assert parse_aws().rollout.graceful_seconds < container["stopTimeout"] <= 120


def containers(recording: Recording, name: str) -> list[dict[str, Any]]:
    definitions: object = recording.one(name).inputs["containerDefinitions"]
    return cast(list[dict[str, Any]], json.loads(definitions) if isinstance(definitions, str) else definitions)


def test_every_log_group_exists_before_a_task_writes_to_it(production: Recording) -> None:
    for name in ("service-definition", "migration-definition"):
        for container in containers(production, name):
            (group,) = [
                resource
                for resource in of_type(production, "LogGroup")
                if resource.inputs["name"] == container["logConfiguration"]["options"]["awslogs-group"]
            ]
            assert group.name in production.needed_by(name)


def test_each_container_gets_its_own_secrets_by_reference_and_no_others(production: Recording) -> None:
    handed = {
        container["name"]: {secret["name"]: secret["valueFrom"] for secret in container["secrets"]}
        for name in ("service-definition", "migration-definition")
        for container in containers(production, name)
    }
    assert {name: set(secrets) for name, secrets in handed.items()} == {
        "web": {"DATABASE_URL"},
        "worker": {"DATABASE_URL"},
        "migrate": {"DATABASE_URL", "BOOTSTRAP_API_KEY"},
    }
    assert all(value.startswith("<secrets-") for secrets in handed.values() for value in secrets.values())


def test_containers_name_a_secrets_version_and_permissions_and_people_its_address(production: Recording) -> None:
    for name in ("service-definition", "migration-definition"):
        for container in containers(production, name):
            for secret in container["secrets"]:
                assert re.fullmatch(r"<(.+)\.secretArn>:::<\1\.versionId>", secret["valueFrom"]), secret
    for name in ("service-execution-policy", "migration-execution-policy"):
        policy = str(production.one(name).inputs["policy"])
        assert "-value.secretArn>" in policy
        assert ":::<" not in policy
    assert "versionId" not in str(outputs_of(parse_production())["api_key"])


def test_no_value_of_a_secret_stands_anywhere_in_plain(dev: Recording, production: Recording) -> None:
    for recording in (dev, production):
        texts = {text for resource in recording.resources for text in resource.plain_texts} | recording.plain_outputs
        assert not {text for text in texts if "postgresql://" in text}
        assert not {text for text in texts if text.startswith("rag_")}
        assert not {text for text in texts if "password.result" in text or "-proof.result" in text}


def test_every_dynamic_provider_is_stored_as_a_secret(production: Recording) -> None:
    dynamic = [resource for resource in production.resources if resource.type.startswith("pulumi-python:")]
    assert {resource.name for resource in dynamic} >= {"login-helper", "migration-run", "service-rollout"}
    for resource in dynamic:
        assert resource.inputs["__provider"][SIGNATURE] == SECRET


@pytest.mark.parametrize(
    ("profile", "protect", "expected"),
    [("dev", None, False), ("prod", None, True), ("dev", True, True), ("prod", False, False)],
)
def test_the_protection_of_pulumi_and_that_of_aws_follow_one_knob(
    profile: str, protect: bool | None, expected: bool
) -> None:
    parse = parse_production if profile == "prod" else parse_aws
    made = recorded(parse(database={"protect": protect}))
    instance = made.one("database-instance")
    assert (instance.protect, instance.inputs["deletionProtection"]) == (expected, expected)
    assert bool(made.one("registry-repository").inputs.get("forceDelete")) is not expected


def test_the_server_is_told_the_connections_that_the_budget_was_judged_by() -> None:
    settings = parse_aws(database={"instance_class": "db.t3.medium"})
    parameters = recorded(settings).one("database-parameters").inputs["parameters"]
    (told,) = [parameter["value"] for parameter in parameters if parameter["name"] == "max_connections"]
    assert told == str(settings.max_connections) == "450"


def test_tags_of_the_registry_never_move_but_for_the_cache(production: Recording) -> None:
    inputs = production.one("registry-repository").inputs
    assert inputs["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert inputs["imageTagMutabilityExclusionFilters"] == [{"filter": "buildcache", "filterType": "WILDCARD"}]
    assert inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert inputs["name"] == "rag-test"


def test_the_registry_keeps_as_many_releases_as_the_settings_say_and_never_counts_the_cache() -> None:
    policy = json.loads(recorded(parse_aws(registry={"keep": 7})).one("registry-retention").inputs["policy"])
    untagged, releases = (rule["selection"] for rule in policy["rules"])
    assert (untagged["tagStatus"], untagged["countNumber"]) == ("untagged", 1)
    assert (releases["tagPatternList"], releases["countNumber"]) == (["*-*-*"], 7)


def test_the_tag_of_a_release_is_one_that_the_retention_counts(production: Recording) -> None:
    (tag,) = production.one("release-image").inputs["tags"]
    assert tag.rsplit(":", 1)[1].count("-") >= 2


@pytest.mark.parametrize(("architecture", "platform"), [("ARM64", "linux/arm64"), ("X86_64", "linux/amd64")])
def test_an_image_is_built_for_the_processors_that_run_it(architecture: str, platform: str) -> None:
    made = recorded(parse_aws(service={"architecture": architecture}))
    assert made.one("release-image").inputs["platforms"] == [platform]
    assert made.one("service-definition").inputs["runtimePlatform"]["cpuArchitecture"] == architecture


def test_one_digest_names_the_release_in_every_step(production: Recording) -> None:
    digest = "<release-image.digest>"
    assert production.one("migration-run").inputs["digest"] == digest
    assert production.one("rollout-check").inputs["digest"] == digest
    for name in ("service-definition", "migration-definition"):
        for container in containers(production, name):
            assert container["image"].endswith(f"@{digest}")
            assert {"name": "APP_RELEASE", "value": digest} in container["environment"]


def test_a_rollback_deploys_the_image_that_was_named_and_keeps_the_registry_it_lies_in() -> None:
    made = recorded(parse_production(release={"image": IMAGE}))
    assert not of_type(made, "Image")
    assert "DockerLogin" not in kinds(made)
    assert made.one("registry-repository")
    for container in containers(made, "service-definition"):
        assert container["image"] == IMAGE
    assert made.one("migration-run").inputs["digest"] == "sha256:" + "d" * 64


def test_every_resource_of_aws_is_made_by_the_stacks_own_provider_and_never_by_the_machines() -> None:
    made = recorded(parse_production(**EVERYTHING)).resources
    own = [resource for resource in made if resource.custom and resource.type.startswith("aws:")]
    assert len(own) > 100
    assert [resource.name for resource in own if "pulumi:providers:aws::aws::" not in resource.provider] == []


def test_the_provider_names_the_region_and_tags_everything_with_the_stack() -> None:
    tags = {"team": "search"}
    inputs = recorded(parse_aws(aws={**DEV, "tags": tags})).one("aws").inputs
    assert inputs["region"] == REGION
    assert json.loads(inputs["defaultTags"])["tags"] == {**tags, "rag:stack": "rag-test", "rag:profile": "dev"}
    assert "allowedAccountIds" not in inputs


def test_a_foreign_account_is_refused_where_the_settings_name_the_own_one() -> None:
    inputs = recorded(parse_aws(aws={**DEV, "account_id": ACCOUNT})).one("aws").inputs
    assert json.loads(inputs["allowedAccountIds"]) == [ACCOUNT]


def test_a_prefix_that_aws_would_refuse_ends_before_anything_is_registered() -> None:
    with pytest.raises(pulumi.RunError, match="AWS refuses a load balancer's name beyond 32"):
        recorded(parse_aws(name="a" * 28))


def test_with_a_domain_users_come_by_tls_and_port_80_only_redirects(production: Recording) -> None:
    by_port = {listener.inputs["port"]: listener.inputs for listener in of_type(production, "Listener")}
    assert set(by_port) == {80, 443}
    assert by_port[443]["protocol"] == "HTTPS"
    assert by_port[80]["defaultActions"][0]["type"] == "redirect"
    assert production.one("rollout-check").inputs["url"] == f"https://{DOMAIN}"


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
def test_with_a_new_domain_port_80_leads_to_tls_only_when_that_is_there(strategy: str) -> None:
    made = recorded(parse_production(rollout={"strategy": strategy}))
    first = {"balancer-https", "balancer-certificate-issued", "balancer-address"}
    assert first <= made.needed_by("balancer-http")


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
def test_what_would_lead_users_to_an_empty_group_is_refused_before_the_service_changes(strategy: str) -> None:
    made = recorded(parse_production(rollout={"strategy": strategy}))
    assert "balancer-guard" in made.needed_by("service-service")
    assert made.one("balancer-guard").inputs["again"] == (
        f"aws ecs update-service --region {REGION} --cluster rag-test --service rag-test-service --force-new-deployment"
    )


def test_users_are_asked_again_after_each_rollout_and_a_database_made_anew_is_migrated(production: Recording) -> None:
    assert production.one("rollout-check").inputs["rollout"] == "<service-rollout.deployment>"
    assert production.one("migration-run").inputs["database"] == "<database-instance.resourceId>"


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


def test_where_the_address_cannot_be_reached_from_here_the_platforms_word_is_taken() -> None:
    assert recorded(parse_aws()).one("rollout-check").inputs["ask"] is True
    assert recorded(parse_aws(rollout={"evidence": "platform"})).one("rollout-check").inputs["ask"] is False
