"""Secrets and data: each value for whom it is, protection by one knob."""

import re

import pytest

from tests.aws_settings import parse_aws, parse_production
from tests.contracts.aws.recording import containers, outputs_of, recorded
from tests.contracts.recorder import SECRET, SIGNATURE, Recording

pytestmark = pytest.mark.unit


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
