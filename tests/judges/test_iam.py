"""The IAM documents of the AWS stack, and whether those who deploy it may touch every single resource of it."""

import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import cast

import pytest
from policy_sentry.querying.all import get_all_actions

from components.aws.policies import TRUST_PATH
from stacks.aws import compose
from tests.contracts.recorder import Registered, record
from tests.engine.doubles.tables.aws import FUNCTIONS
from tests.judges.cloudformation import answered, template
from tests.judges.cloudformation_mapping import TYPES, kinds_of
from tests.judges.cloudformation_permissions import WITHHELD, actions
from tests.judges.cloudformation_stacks import STACKS, settings_of
from tests.judges.cloudformation_types import handler_actions
from tests.judges.iam import findings, granted, listed, published, statements
from tests.judges.iam_requests import Context, Document, allowed

pytestmark = pytest.mark.unit

IDENTITY_POLICIES = {"AWS::IAM::ManagedPolicy": "PolicyDocument", "AWS::IAM::RolePolicy": "PolicyDocument"}
TRUST_POLICIES = {"AWS::IAM::Role": "AssumeRolePolicyDocument"}
RESOURCE_POLICIES = {"AWS::KMS::Key": "KeyPolicy", "AWS::SNS::TopicPolicy": "PolicyDocument"}
UNLIMITED = {
    "ecs:ListTasks": "goes by container instances, of which Fargate has none; a condition keeps it to the cluster",
    "logs:DescribeLogGroups": "AWS checks that a role of flow logs may list all groups",
}
"""Actions that the stack grants on everything although AWS could limit them, and why."""
SCALING_POLICY = "aws:appautoscaling/policy:Policy"
"""Deleted by its target's permission; its own ARN is another service's."""
KNOWN = sorted(get_all_actions())


def recorded(name: str) -> list[Registered]:
    return record(lambda: compose(settings_of(name)), calls=FUNCTIONS).resources


@pytest.fixture(scope="module")
def everything() -> list[Registered]:
    return recorded("everything")


def documents(resources: list[Registered], kinds: Mapping[str, str]) -> Iterator[tuple[str, Document]]:
    """The policies of these kinds in a stack, by the resource's name."""
    for name, made in cast(Mapping[str, Mapping[str, Mapping[str, object]]], template(resources)["Resources"]).items():
        kind = str(made["Type"])
        if kind in kinds:
            yield name, cast(Document, made["Properties"][kinds[kind]])


def deploys(resources: list[Registered]) -> list[Document]:
    """The policies of the role that deploys."""
    return [document for name, document in documents(resources, IDENTITY_POLICIES) if name.startswith("Trust")]


@pytest.mark.parametrize("name", STACKS)
def test_what_roles_may_do_are_actions_resources_and_conditions_that_aws_knows(name: str) -> None:
    found = dict(documents(recorded(name), IDENTITY_POLICIES))
    assert len(found) >= 2
    for policy, document in found.items():
        assert findings(document, unlimited=frozenset(UNLIMITED)) == [], policy


def test_policies_of_keys_and_topics_grant_actions_that_exist(everything: list[Registered]) -> None:
    found = dict(documents(everything, RESOURCE_POLICIES))
    assert len(found) >= 3
    for policy, document in found.items():
        for statement in statements(document):
            for action in listed(statement["Action"]):
                # Keys' own policies may name a family (kms:GenerateDataKey*), as AWS's examples do.
                assert fnmatch.filter(KNOWN, action), (policy, action)
            assert statement.get("Principal") not in ("*", {"AWS": "*"}), policy


def test_every_role_is_trusted_to_one_service_of_aws_or_to_github(everything: list[Registered]) -> None:
    found = dict(documents(everything, TRUST_POLICIES))
    assert len(found) >= 6
    for role, document in found.items():
        (statement,) = statements(document)
        principal = cast(Mapping[str, str], statement["Principal"])
        assert set(principal) in ({"Service"}, {"Federated"}), role
        assert set(principal) == {"Federated"} if role.startswith("Trust") else {"Service"}, role


def test_whoever_deploys_may_delete_every_resource_of_the_stack_but_the_trust_and_keys(
    everything: list[Registered],
) -> None:
    """Whatever a pattern of names leaves out is found here: names are the stack's, and ids any."""
    policies, seen = deploys(everything), 0
    for resource, arn in answered(everything):
        if resource.type not in TYPES or resource.type == SCALING_POLICY:
            continue
        deleting = {
            action
            for kind in kinds_of(resource.type)
            for action in handler_actions(kind, "delete") - actions(WITHHELD)
            if (known := published(action)) is not None and known.levels.isdisjoint({"List", "Read", "Tagging"})
        }
        if not deleting or f"{TRUST_PATH}" in arn:
            continue
        seen += 1
        assert any(granted(policies, action, arn) for action in deleting), (resource.name, arn, sorted(deleting))
    assert seen > 30


def test_whoever_deploys_cannot_touch_the_trust(everything: list[Registered]) -> None:
    policies = deploys(everything)
    trusted = [arn for _, arn in answered(everything) if TRUST_PATH in arn or ":oidc-provider/" in arn]
    assert len(trusted) >= 10
    for arn in trusted:
        for policy in policies:
            for statement in statements(policy):
                if granted([{"Statement": [statement]}], listed(statement["Action"])[0], arn):
                    levels = {level for action in listed(statement["Action"]) for level in _levels(action)}
                    assert levels <= {"List", "Read"} or listed(statement["Resource"]) == ["*"], (arn, statement)


def _levels(action: str) -> frozenset[str]:
    known = published(action)
    assert known is not None
    return known.levels


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ({"Action": ["ecs:RunTasks"], "Resource": ["*"]}, "ecs:RunTasks is no action of AWS"),
        ({"Action": ["ecs:*"], "Resource": ["*"]}, r"ecs:\* is no action"),
        ({"Action": ["ecs:RunTask"], "Resource": ["*"]}, "could be limited to"),
        ({"Action": ["ecs:RunTask"], "Resource": ["arn:aws:ecs:r:1:cluster/c"]}, "on no resource that it knows"),
        (
            {
                "Action": ["ecs:RunTask"],
                "Resource": ["arn:aws:ecs:r:1:task-definition/f:1"],
                "Condition": {"StringEquals": {"ecs:clusters": "c"}},
            },
            "ecs:RunTask knows no condition ecs:clusters",
        ),
    ],
)
def test_the_judge_finds_planted_faults(fault: Mapping[str, object], finding: str) -> None:
    found = findings({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **fault}]})
    assert [one for one in found if re.search(finding, one)], found


WRITES_A: Mapping[str, object] = {
    "Effect": "Allow",
    "Action": ["s3:PutObject"],
    "Resource": ["arn:aws:s3:::bucket/a/*"],
    "Condition": {
        "StringEquals": {"aws:ResourceTag/of": ["me", "us"]},
        "StringEqualsIfExists": {"aws:RequestTag/of": "me"},
        "ForAllValues:StringLike": {"aws:TagKeys": ["o*", "team"]},
        "Null": {"aws:TagKeys": "false"},
    },
}
MINE: Context = {"aws:ResourceTag/of": "me", "aws:TagKeys": ["of", "team"]}


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({}, True),
        ({"aws:ResourceTag/of": "us"}, True),
        ({"aws:ResourceTag/of": "them"}, False),
        ({"aws:ResourceTag/of": None}, False),
        ({"aws:RequestTag/of": "me"}, True),
        ({"aws:RequestTag/of": "them"}, False),
        ({"aws:TagKeys": ["of", "name"]}, False),
        ({"aws:TagKeys": None}, False),
    ],
)
def test_a_request_is_answered_as_iam_answers_it(changed: Mapping[str, str | list[str] | None], answer: bool) -> None:
    asked: Context = {key: value for key, value in {**MINE, **changed}.items() if value is not None}
    policy: Document = {"Version": "2012-10-17", "Statement": [WRITES_A]}
    assert allowed([policy], "s3:PutObject", "arn:aws:s3:::bucket/a/file", asked) is answer
    assert not allowed([policy], "s3:PutObject", "arn:aws:s3:::bucket/b/file", asked)
    assert not allowed([policy], "s3:GetObject", "arn:aws:s3:::bucket/a/file", asked)


def test_a_condition_that_nobody_here_can_read_is_an_error_and_not_a_yes() -> None:
    policy: Document = {"Statement": [{**WRITES_A, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]}
    with pytest.raises(KeyError, match="IpAddress"):
        allowed([policy], "s3:PutObject", "arn:aws:s3:::bucket/a/file", {"aws:SourceIp": "10.0.0.1"})
