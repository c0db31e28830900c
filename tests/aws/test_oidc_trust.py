"""The trust in GitHub's workflows, as the engine is asked for it."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.aws.oidc_trust import OidcTrust, OidcTrustArgs, deploy_policies, preview_policies
from components.aws.policies import State, provider_arn, trust
from tests.aws.policy_scopes import ACCOUNT, BOUNDARY, FULL, KEY, PASSED
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
    account_id=ACCOUNT,
    region="eu-central-1",
    subject_prefix="repo:acme/rag",
    environment="production",
    provider="create",
    boundary=BOUNDARY,
    permissions_boundary=None,
    passed_roles=PASSED,
    domain=FULL.domain,
    hosted_zone=FULL.zone,
    vpc_id=None,
    endpoints=False,
    waf=False,
    own_key=False,
    keys=(),
)
LIMITS = f"arn:aws:iam::{ACCOUNT}:policy/limits"


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


@pytest.mark.parametrize("limits", [None, LIMITS])
def test_a_boundary_of_the_trusts_own_is_carried_by_both_roles_and_by_no_role_that_they_make(
    limits: str | None,
) -> None:
    recording = recorded(dataclasses.replace(ARGS, permissions_boundary=limits))
    assert [role.inputs.get("permissionsBoundary") for role in of_type(recording, ROLE)] == [limits, limits]
    granting = recording.one("trust-write-identity").inputs["policy"]
    assert BOUNDARY in granting
    assert LIMITS not in granting


def test_trap_a_stack_that_goes_takes_the_accounts_provider_away_from_all_others() -> None:
    assert "retain_on_delete" in recorded().one("trust-github").options
    assert not [
        one.name for one in recorded().resources if one.name != "trust-github" and "retain_on_delete" in one.options
    ]


def test_what_is_known_only_later_ends_up_in_the_policies() -> None:
    role = "arn:aws:iam::210987654321:role/rag-dev-service-task"
    args = dataclasses.replace(
        ARGS,
        boundary=pulumi.Output.from_input(LIMITS),
        passed_roles={"ecs-tasks.amazonaws.com": [pulumi.Output.from_input(role)]},
    )
    text = record(lambda: OidcTrust("trust", args)).one("trust-write-identity").inputs["policy"]
    assert LIMITS in text
    passing = [one for one in json.loads(text)["Statement"] if one["Action"] == ["iam:PassRole"]]
    assert [one["Resource"] for one in passing] == [[role]]


def test_a_first_preview_knows_how_many_policies_there_will_be_but_not_what_they_say() -> None:
    args = dataclasses.replace(
        ARGS, account_id=unknown(), boundary=unknown(), passed_roles={"ecs-tasks.amazonaws.com": [unknown()]}
    )
    recording = record(lambda: OidcTrust("trust", args), preview=True)
    assert len(of_type(recording, POLICY)) == 7
    assert all(isinstance(policy.inputs["policy"], pulumi.output.Unknown) for policy in of_type(recording, POLICY))


def test_the_roles_and_policies_lie_where_no_role_of_the_stack_can_write() -> None:
    recording = recorded()
    assert {found.inputs["path"] for found in (*of_type(recording, ROLE), *of_type(recording, POLICY))} == {"/github/"}


def test_each_thing_that_is_asked_for_reaches_the_policies() -> None:
    """What the component is told is what its policies are written by."""
    args = dataclasses.replace(
        ARGS,
        endpoints=True,
        waf=True,
        own_key=True,
        keys=(KEY,),
        state=State(bucket="state-of-stacks", project="rag", stack="dev"),
        state_key=KEY,
    )
    made = {policy.inputs["name"].removeprefix("rag-dev-"): policy.inputs["policy"] for policy in policies(args)}
    assert made == {**preview_policies(FULL), **deploy_policies(FULL)}
    assert made != {
        policy.inputs["name"].removeprefix("rag-dev-"): policy.inputs["policy"] for policy in policies(ARGS)
    }


def policies(args: OidcTrustArgs) -> list[Registered]:
    return of_type(recorded(args), POLICY)


def test_workflows_are_trusted_by_audience_and_by_their_whole_subject() -> None:
    (statement,) = json.loads(trust(provider_arn(ACCOUNT), "repo:acme/rag:environment:production"))["Statement"]
    assert statement["Principal"] == {"Federated": provider_arn(ACCOUNT)}
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:acme/rag:environment:production",
        }
    }


@pytest.mark.parametrize("subject", ["repo:acme/*:pull_request", "repo:acme/rag:environment:prod?"])
def test_a_subject_with_a_wildcard_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="no workflow could ever log in"):
        trust(provider_arn(ACCOUNT), subject)
