"""The trust in GitHub's workflows, as the engine is asked for it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.aws.oidc_trust import OidcTrust, OidcTrustArgs
from tests.aws.test_policies import ACCOUNT, BOUNDARY, FULL, PASSED
from tests.contracts.recorder import Recording, Registered, record, unknown

pytestmark = pytest.mark.unit

ROLE = "aws:iam/role:Role"
POLICY = "aws:iam/policy:Policy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
SUBJECT = "token.actions.githubusercontent.com:sub"

ARGS = OidcTrustArgs(
    prefix="rag-dev",
    stack="rag-dev",
    partition="aws",
    account_id=ACCOUNT,
    region="eu-central-1",
    subject_prefix="repo:acme/rag",
    environment="production",
    provider="create",
    permissions_boundary=None,
    passed_roles=PASSED,
    hosted_zone=FULL.zone,
    vpc_id=None,
    keys=(),
)


def recorded(args: OidcTrustArgs = ARGS, *, preview: bool = False) -> Recording:
    return record(lambda: OidcTrust("trust", args), preview=preview)


def of_type(recording: Recording, token: str) -> list[Registered]:
    return [resource for resource in recording.resources if resource.type == token]


def trusted(recording: Recording, role: str) -> Mapping[str, Any]:
    (statement,) = json.loads(recording.one(f"trust-{role}").inputs["assumeRolePolicy"])["Statement"]
    return statement


def attached(recording: Recording, role: str) -> set[str]:
    """The names of the policies that a role has."""
    policies = {f"<{policy.name}.arn>": policy.inputs["name"] for policy in of_type(recording, POLICY)}
    return {
        policies[found.inputs["policyArn"]].removeprefix("rag-dev-")
        for found in of_type(recording, ATTACHMENT)
        if found.name.startswith(f"trust-{role}-")
    }


def test_two_roles_are_made_one_for_pull_requests_and_one_for_the_environment() -> None:
    recording = recorded()
    subjects = {role: trusted(recording, role)["Condition"]["StringEquals"][SUBJECT] for role in ("preview", "deploy")}
    assert subjects == {"preview": "repo:acme/rag:pull_request", "deploy": "repo:acme/rag:environment:production"}
    assert len(of_type(recording, ROLE)) == 2


def test_a_repository_whose_tokens_begin_otherwise_is_trusted_by_that_beginning() -> None:
    recording = recorded(dataclasses.replace(ARGS, subject_prefix="repo:acme@1234/rag@5678"))
    assert trusted(recording, "preview")["Condition"]["StringEquals"][SUBJECT] == "repo:acme@1234/rag@5678:pull_request"


def test_the_provider_is_made_for_the_audience_of_aws_and_without_thumbprints() -> None:
    inputs = recorded().one("trust-github").inputs
    assert inputs["url"] == "https://token.actions.githubusercontent.com"
    assert inputs["clientIdLists"] == ["sts.amazonaws.com"]
    assert "thumbprintLists" not in inputs


def test_both_roles_trust_the_provider_that_was_made() -> None:
    recording = recorded()
    for role in ("preview", "deploy"):
        assert trusted(recording, role)["Principal"] == {"Federated": "<trust-github.arn>"}


def test_a_provider_that_another_stack_made_is_adopted_and_not_made_again() -> None:
    recording = recorded(dataclasses.replace(ARGS, provider="adopt"))
    assert of_type(recording, PROVIDER) == []
    principal = trusted(recording, "deploy")["Principal"]
    assert principal == {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"}


def test_pull_requests_get_what_reads_and_the_environment_what_writes_as_well() -> None:
    recording = recorded()
    reading = {"read-infrastructure", "read-service"}
    writing = {"write-network", "write-data", "write-containers", "write-address", "write-identity"}
    assert attached(recording, "preview") == reading
    assert attached(recording, "deploy") == reading | writing
    assert len(of_type(recording, POLICY)) == len(reading | writing)


@pytest.mark.parametrize(("boundary", "expected"), [(None, None), (BOUNDARY, BOUNDARY)])
def test_the_boundary_is_carried_by_both_roles_when_there_is_one(boundary: str | None, expected: str | None) -> None:
    recording = recorded(dataclasses.replace(ARGS, permissions_boundary=boundary))
    assert [role.inputs.get("permissionsBoundary") for role in of_type(recording, ROLE)] == [expected, expected]
    granting = recording.one("trust-write-identity").inputs["policy"]
    assert ("iam:PermissionsBoundary" in granting) == (boundary is not None)


def test_what_is_known_only_later_ends_up_in_the_policies() -> None:
    role = "arn:aws:iam::210987654321:role/rag-dev-service-task"
    args = dataclasses.replace(ARGS, passed_roles={"ecs-tasks.amazonaws.com": [pulumi.Output.from_input(role)]})
    text = record(lambda: OidcTrust("trust", args)).one("trust-write-identity").inputs["policy"]
    passing = [one for one in json.loads(text)["Statement"] if one["Action"] == ["iam:PassRole"]]
    assert [one["Resource"] for one in passing] == [[role]]


def test_a_first_preview_knows_how_many_policies_there_will_be_but_not_what_they_say() -> None:
    args = dataclasses.replace(ARGS, account_id=unknown(), passed_roles={"ecs-tasks.amazonaws.com": [unknown()]})
    recording = record(lambda: OidcTrust("trust", args), preview=True)
    assert len(of_type(recording, POLICY)) == 7
    assert all(isinstance(policy.inputs["policy"], pulumi.output.Unknown) for policy in of_type(recording, POLICY))


def test_the_roles_and_policies_lie_where_no_role_of_the_stack_can_write() -> None:
    recording = recorded()
    assert {found.inputs["path"] for found in (*of_type(recording, ROLE), *of_type(recording, POLICY))} == {"/github/"}
