"""Pulumi's state in a bucket: each stack reads and writes its own objects, and no other stack's."""

import dataclasses

import pytest

from components.aws.policies import State
from tests.aws.policy_scopes import FULL, KEY, LEAST, deploys, previews
from tests.judges.iam_requests import allowed

pytestmark = pytest.mark.unit

BUCKET = "arn:aws:s3:::state-of-stacks"
OWN = (
    ".pulumi/stacks/rag/dev.json",
    ".pulumi/stacks/rag/dev.json.bak",
    ".pulumi/stacks/rag/dev.json.gz",
    ".pulumi/stacks/rag/dev.pulumi-tags",
    ".pulumi/history/rag/dev/dev-1700000000000000000.history.json",
    ".pulumi/history/rag/dev/dev-1700000000000000000.checkpoint.json",
    ".pulumi/backups/rag/dev/dev.1700000000000000000.json",
    ".pulumi/locks/organization/rag/dev/0a1b2c3d.json",
)
"""Where Pulumi's own code (pkg/backend/diy) puts what belongs to the stack `dev` of the project `rag`."""
OTHERS = (
    ".pulumi/stacks/rag/dev-eu.json",
    ".pulumi/stacks/rag/prod.json",
    ".pulumi/stacks/payroll/dev.json",
    ".pulumi/history/rag/prod/prod-1700000000000000000.checkpoint.json",
    ".pulumi/backups/payroll/dev/dev.1700000000000000000.json",
    ".pulumi/locks/organization/rag/dev-eu/0a1b2c3d.json",
    "anything/else",
)
META = ".pulumi/meta.yaml"


@pytest.mark.parametrize("name", OWN)
def test_a_deployment_reads_and_writes_its_own_stacks_state(name: str) -> None:
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert allowed(deploys(FULL), action, f"{BUCKET}/{name}")


@pytest.mark.parametrize("name", OWN)
def test_a_preview_reads_it_and_writes_nothing(name: str) -> None:
    assert allowed(previews(FULL), "s3:GetObject", f"{BUCKET}/{name}")
    for action in ("s3:PutObject", "s3:DeleteObject"):
        assert not allowed(previews(FULL), action, f"{BUCKET}/{name}")


@pytest.mark.parametrize("name", OTHERS)
def test_trap_one_bucket_for_all_stacks_shows_each_workflow_the_secrets_of_all(name: str) -> None:
    for role in (previews(FULL), deploys(FULL)):
        for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
            assert not allowed(role, action, f"{BUCKET}/{name}")
        assert not allowed(role, "s3:ListBucket", BUCKET, {"s3:prefix": name})


def test_how_the_bucket_is_laid_out_is_read_by_everybody_and_written_by_nobody() -> None:
    assert allowed(previews(FULL), "s3:GetObject", f"{BUCKET}/{META}")
    assert not allowed(deploys(FULL), "s3:PutObject", f"{BUCKET}/{META}")


@pytest.mark.parametrize(
    "prefix",
    [
        ".pulumi/stacks/rag/dev.json",
        ".pulumi/history/rag/dev/",
        ".pulumi/backups/rag/dev/",
        ".pulumi/locks/organization/rag/dev/",
    ],
)
def test_the_listings_that_pulumi_asks_for_are_answered(prefix: str) -> None:
    assert allowed(previews(FULL), "s3:ListBucket", BUCKET, {"s3:prefix": prefix})


@pytest.mark.parametrize("name", [*OWN, META])
def test_what_is_not_there_is_not_found_rather_than_forbidden_because_pulumi_fails_at_that(name: str) -> None:
    """S3 says so to whoever may list by that very name; a stack without tags has no object that holds them."""
    assert allowed(previews(FULL), "s3:ListBucket", BUCKET, {"s3:prefix": name})


@pytest.mark.parametrize("prefix", ["", ".pulumi/", ".pulumi/stacks/", ".pulumi/stacks/rag/"])
def test_a_listing_shows_no_other_stack(prefix: str) -> None:
    assert not allowed(deploys(FULL), "s3:ListBucket", BUCKET, {"s3:prefix": prefix})
    assert not allowed(deploys(FULL), "s3:ListBucket", BUCKET)


@pytest.mark.parametrize(
    ("bucket", "key"),
    [(True, True), (True, False), (False, True), (False, False)],
    ids=["both", "bucket", "key", "none"],
)
def test_bucket_and_key_are_granted_each_for_itself(bucket: bool, key: bool) -> None:
    """Pulumi Cloud keeps a state, and a key of AWS closes its secrets: the key is granted then, and nothing of S3."""
    place = State(bucket="state-of-stacks", project="rag", stack="dev")
    scope = dataclasses.replace(LEAST, state=place if bucket else None, state_key=KEY if key else None)
    assert allowed(previews(scope), "s3:GetObject", f"{BUCKET}/{OWN[0]}") is bucket
    assert allowed(previews(scope), "kms:Decrypt", KEY) is key
    assert allowed(deploys(scope), "kms:Encrypt", KEY) is key
    assert not allowed(previews(scope), "kms:Encrypt", KEY)
