"""Secrets: one for each value, addressed by what holds the value, protected by a key that works for nothing else."""

import re
from collections.abc import Mapping
from dataclasses import replace
from json import loads
from typing import Any

import pulumi
import pytest

from app.settings import API_KEY_PATTERN
from components.aws.key_policy import ADMINISTRATION
from components.aws.secret_addresses import value_from
from components.aws.secrets import Secrets, SecretsArgs
from components.workload import BOOTSTRAP_API_KEY, DATABASE_URL
from tests.contracts.cases.aws_b2 import ACCOUNT, CASES
from tests.contracts.conftest import event_loop_of_its_own as event_loop_of_its_own  # noqa: PLC0414  # why: a fixture
from tests.contracts.recorder import SECRET, SIGNATURE, Recording, record

pytestmark = pytest.mark.unit

KEY_ARN = "arn:aws:kms:eu-central-1:123456789012:key/1"
READS = {"kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}


def recorded(**changes: Any) -> tuple[Recording, Secrets]:
    given = CASES[Secrets](pulumi.Output.from_input)
    assert isinstance(given, SecretsArgs)
    made: list[Secrets] = []
    recording = record(lambda: made.append(Secrets("secrets", replace(given, **changes))))
    return recording, made[0]


def policy() -> list[Mapping[str, Any]]:
    document = recorded(kms_key="create")[0].one("secrets-kms-key").inputs["policy"]
    return loads(document)["Statement"]


def test_each_value_has_a_secret_of_its_own() -> None:
    recording, made = recorded()
    assert set(made.references) == {DATABASE_URL, BOOTSTRAP_API_KEY}
    kept = [resource for resource in recording.resources if resource.type.endswith(":Secret")]
    assert [secret.inputs["namePrefix"] for secret in kept] == [
        "rag-prod/DATABASE_URL-",
        "rag-prod/BOOTSTRAP_API_KEY-",
    ]


def test_an_address_is_that_of_the_value_so_no_task_starts_before_there_is_one() -> None:
    def program() -> None:
        given = CASES[Secrets](pulumi.Output.from_input)
        assert isinstance(given, SecretsArgs)
        for variable, reference in Secrets("secrets", given).references.items():
            pulumi.CustomResource("test:using:Child", variable, {"reference": reference})

    recording = record(program)
    assert "secrets-database-url-value" in recording.needed_by(DATABASE_URL)
    assert "secrets-bootstrap-api-key-value" in recording.needed_by(BOOTSTRAP_API_KEY)
    assert recording.one(DATABASE_URL).inputs["reference"] == "<secrets-database-url-value.secretArn>"


def test_a_container_names_the_version_so_that_another_value_is_another_task() -> None:
    def program() -> None:
        given = CASES[Secrets](pulumi.Output.from_input)
        assert isinstance(given, SecretsArgs)
        references = Secrets("secrets", given).references
        for variable in references:
            pulumi.CustomResource("test:using:Child", variable, {"from": value_from(references, variable)})

    recording = record(program)
    version = "<secrets-database-url-value.secretArn>:::<secrets-database-url-value.versionId>"
    assert recording.one(DATABASE_URL).inputs["from"] == version
    assert recording.one(BOOTSTRAP_API_KEY).inputs["from"].endswith(":::<secrets-bootstrap-api-key-value.versionId>")


def test_a_reference_without_a_version_is_named_as_it_is() -> None:
    assert value_from({DATABASE_URL: KEY_ARN}, DATABASE_URL) == KEY_ARN


def test_every_value_is_a_secret_from_its_birth_to_its_store() -> None:
    recording, _ = recorded(database_url="postgresql://rag:hunter2@host/rag")
    for name in ("secrets-database-url-value", "secrets-bootstrap-api-key-value"):
        assert recording.one(name).inputs["secretString"][SIGNATURE] == SECRET
    texts = {text for resource in recording.resources for text in resource.plain_texts} | recording.plain_outputs
    assert not {text for text in texts if "hunter2" in text or text.startswith("rag_")}


def test_the_api_key_has_the_form_that_the_application_knows_and_more_than_255_bits() -> None:
    recording, _ = recorded()
    identity, proof = (recording.one(f"secrets-key-{part}").inputs for part in ("identity", "proof"))
    assert (identity["special"], proof["special"]) == (False, False)
    shape = recording.one("secrets-bootstrap-api-key-value").inputs["secretString"]["value"]
    key = shape.replace("<secrets-key-identity.result>", "a" * int(identity["length"]))
    key = key.replace("<secrets-key-proof.result>", "Z" * int(proof["length"]))
    assert API_KEY_PATTERN.fullmatch(key)
    assert 62 ** proof["length"] > 2**255


@pytest.mark.parametrize("days", [0, 7, 30])
def test_a_deleted_secret_can_be_brought_back_for_as_long_as_the_stack_says(days: int) -> None:
    recording, _ = recorded(recovery_days=days, kms_key="create")
    assert recording.one("secrets-database-url").inputs["recoveryWindowInDays"] == days
    assert recording.one("secrets-kms-key").inputs["deletionWindowInDays"] == max(7, days)


def test_a_secret_that_is_deleted_and_kept_for_a_while_does_not_block_a_new_stack() -> None:
    recording, _ = recorded(recovery_days=30)
    for name in ("secrets-database-url", "secrets-bootstrap-api-key"):
        assert "name" not in recording.one(name).inputs


@pytest.mark.parametrize(
    ("choice", "used", "made"),
    [("aws", None, False), ("create", "<secrets-kms-key.arn>", True), (KEY_ARN, KEY_ARN, False)],
)
def test_the_key_is_aws_own_a_new_one_or_one_that_exists(choice: str, used: str | None, made: bool) -> None:
    recording, secrets = recorded(kms_key=choice)
    for name in ("secrets-database-url", "secrets-bootstrap-api-key"):
        assert recording.one(name).inputs.get("kmsKeyId") == used
    assert any(resource.name == "secrets-kms-key" for resource in recording.resources) is made
    assert (secrets.kms_key_arn is None) is (used is None)


def test_a_new_key_is_renewed_every_year() -> None:
    assert recorded(kms_key="create")[0].one("secrets-kms-key").inputs["enableKeyRotation"] is True


def test_a_new_key_opens_secrets_through_secrets_manager_and_nothing_by_itself() -> None:
    administration, use = policy()
    assert set(administration["Action"]) == set(ADMINISTRATION)
    assert READS.isdisjoint(administration["Action"])
    assert "kms:PutKeyPolicy" in administration["Action"], "else nobody could ever change the key again"
    assert set(use["Action"]) >= READS
    assert use["Condition"] == {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}}
    for statement in (administration, use):
        assert statement["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def test_no_action_of_a_key_is_granted_by_a_pattern_that_could_read() -> None:
    for action in ADMINISTRATION:
        assert re.fullmatch(r"kms:[A-Za-z]+", action)
