"""What the roles of GitHub's workflows may do, against what AWS publishes of its actions and of our resource types."""

import dataclasses
import fnmatch
import json
import re
from collections.abc import Mapping
from typing import cast

import pytest

from components.aws.oidc_trust import deploy_policies, preview_policies
from components.aws.policies import MOST_DOCUMENT, STACK_TAG, TRUST_PATH, Grant, Scope, document, provider_arn, trust
from tests.judges.cloudformation_mapping import TYPES, kinds_of
from tests.judges.cloudformation_permissions import (
    INDEPENDENT,
    NO_PREVIEW,
    PROVIDER_READS,
    PROVIDER_WRITES,
    WITHHELD,
    Reasons,
    actions,
)
from tests.judges.cloudformation_types import handler_actions, made_types
from tests.judges.iam import Statement, findings, granted, listed, published, statements

pytestmark = pytest.mark.unit

ACCOUNT = "210987654321"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-0123456789ab"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/limits"
TASKS, BALANCER = "ecs-tasks.amazonaws.com", "ecs.amazonaws.com"
PASSED = {
    TASKS: [
        f"arn:aws:iam::{ACCOUNT}:role/rag-dev-{task}-{kind}"
        for task in ("migrate", "service")
        for kind in ("execution", "task")
    ],
    BALANCER: [f"arn:aws:iam::{ACCOUNT}:role/rag-dev-service-balancer"],
}
FULL = Scope(
    partition="aws",
    account=ACCOUNT,
    region="eu-central-1",
    prefix="rag-dev",
    stack="rag-dev",
    zone="Z0123456789ABC",
    vpc="vpc-0123456789abcdef0",
    keys=(KEY,),
    passed=PASSED,
    boundary=BOUNDARY,
    state_bucket="state-of-stacks",
    state_key=KEY,
)
"""A stack with everything that can be asked for."""
LEAST = dataclasses.replace(
    FULL, zone=None, vpc=None, keys=(), passed={}, boundary=None, state_bucket=None, state_key=None
)

ON_EVERYTHING = {
    "acm:RequestCertificate",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeAddresses",
    "ec2:DescribeAddressesAttribute",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeFlowLogs",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeNatGateways",
    "ec2:DescribeNetworkAcls",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribePrefixLists",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
    "ecs:DeregisterTaskDefinition",
    "ecs:DescribeTaskDefinition",
    "elasticloadbalancing:DescribeCapacityReservation",
    "elasticloadbalancing:DescribeListenerAttributes",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing:SetWebACL",
    "logs:DescribeLogGroups",
    "route53:ListHostedZones",
    "sns:GetSubscriptionAttributes",
    "sns:SetSubscriptionAttributes",
    "sns:Unsubscribe",
}
"""The actions that AWS grants on everything or not at all."""
LISTS_TASKS = "ecs:ListTasks"
"""AWS limits it to container instances, of which Fargate has none; a condition keeps it to the stack's cluster."""

SHOWS_STATE = "kms:Decrypt"
"""AWS counts decryption as writing. A preview without it cannot read the stack's state at all."""

BEYOND_THE_STACK = {
    "DatabaseFind": "a search by resource id goes through all instances",
    "DatabaseOptions": "AWS's own default option groups",
    "AlarmsFind": "AWS asks for all alarms when it lists some",
    "FirewallRules": "AWS's own rules, which a firewall is made of",
    "ForeignKeysRead": "a key that the account runs",
    "ForeignKeysUse": "a key that the account runs",
    "ForeignKeysGrant": "a key that the account runs",
    "NetworkPrivateNames": "the zones of AWS's own services",
    "NetworkReadVpc": "AWS's description of a VPC, also of one that exists already",
    "NetworkCreateWithinForeignVpc": "the VPC that exists already, by its id",
    "ServiceRoles": "roles that AWS's services make for themselves once an account",
    "StateFind": "the bucket of Pulumi's state",
    "StateRead": "the bucket of Pulumi's state",
    "StateWrite": "the bucket of Pulumi's state",
    "StateOpen": "the key of Pulumi's state",
    "StateClose": "the key of Pulumi's state",
    "ZoneRead": "the hosted zone of the domain, by its id",
    "ZoneWrite": "the hosted zone of the domain, by its id",
    "ZoneFollow": "changes of the hosted zone, which have ids of their own",
}
"""Statements that reach beyond what bears the stack's name or tag, and to what."""


def documents(texts: Mapping[str, str]) -> dict[str, dict[str, object]]:
    return {name: json.loads(text) for name, text in texts.items()}


def granted_by(texts: Mapping[str, str]) -> set[str]:
    return {
        action
        for found in documents(texts).values()
        for statement in statements(found)
        for action in listed(statement["Action"])
    }


def service_of(statement: Statement) -> str:
    condition = cast(Mapping[str, Mapping[str, str]], statement["Condition"])
    return condition["StringEquals"]["iam:PassedToService"]


def all_statements(scope: Scope) -> list[Statement]:
    found = [*documents(preview_policies(scope)).values(), *documents(deploy_policies(scope)).values()]
    return [statement for item in found for statement in statements(item)]


def published_for(*handlers: str) -> frozenset[str]:
    kinds = {kind for token in made_types() for kind in (kinds_of(token) if token in TYPES else ())}
    return frozenset(action for kind in kinds for action in handler_actions(kind, *handlers))


def test_every_type_of_aws_that_the_components_make_is_known_here() -> None:
    made = {token for token in made_types() if token.startswith("aws:")}
    assert len(made) > 30
    assert made <= set(TYPES)


def test_a_deployment_may_do_all_that_its_types_need_and_nothing_that_none_needs() -> None:
    needed = (
        published_for("create", "read", "update", "delete") - actions(WITHHELD)
        | actions(PROVIDER_READS)
        | actions(PROVIDER_WRITES)
    )
    allowed = granted_by(preview_policies(FULL)) | granted_by(deploy_policies(FULL))
    assert allowed == needed


def test_what_aws_says_that_an_action_needs_besides_is_granted_as_well() -> None:
    allowed = granted_by(preview_policies(FULL)) | granted_by(deploy_policies(FULL))
    needed = {other for action in allowed if (known := published(action)) is not None for other in known.depends}
    # AWS itself writes some of these names in two ways.
    lower = {action.lower() for action in allowed}
    assert {other for other in needed if other.lower() not in lower} == actions(INDEPENDENT)


def test_a_preview_may_read_all_that_its_types_need_and_nothing_else() -> None:
    needed = published_for("read") - actions(WITHHELD) - actions(NO_PREVIEW) | actions(PROVIDER_READS)
    assert granted_by(preview_policies(FULL)) == needed


def test_a_preview_writes_nothing() -> None:
    for action in granted_by(preview_policies(FULL)) - {SHOWS_STATE}:
        known = published(action)
        assert known is not None
        assert known.levels <= {"List", "Read"}, action


@pytest.mark.parametrize("scope", [FULL, LEAST], ids=["everything", "least"])
def test_a_preview_reads_no_secret(scope: Scope) -> None:
    assert granted_by(preview_policies(scope)).isdisjoint({"secretsmanager:GetSecretValue", "logs:GetLogEvents"})


def test_a_preview_can_decrypt_with_the_key_of_the_state_and_with_no_other() -> None:
    found = [statement for statement in all_statements(FULL) if statement["Sid"] == "StateOpen"]
    assert [listed(statement["Resource"]) for statement in found] == [[KEY]]
    assert SHOWS_STATE not in granted_by(preview_policies(LEAST))


def test_every_difference_from_what_aws_publishes_still_says_something() -> None:
    everything, reading = published_for("create", "read", "update", "delete"), published_for("read")
    assert actions(WITHHELD) <= everything
    assert actions(NO_PREVIEW) <= reading
    assert actions(PROVIDER_READS).isdisjoint(reading)
    assert actions(PROVIDER_WRITES).isdisjoint(everything)


@pytest.mark.parametrize("table", [WITHHELD, NO_PREVIEW, PROVIDER_READS, PROVIDER_WRITES, INDEPENDENT])
def test_each_action_is_given_one_reason(table: Reasons) -> None:
    assert sum(len(those) for those in table.values()) == len(actions(table))
    assert all(those for those in table.values())


@pytest.mark.parametrize("scope", [FULL, LEAST], ids=["everything", "least"])
def test_every_action_resource_and_condition_is_one_that_aws_knows(scope: Scope) -> None:
    for texts in (preview_policies(scope), deploy_policies(scope)):
        for name, found in documents(texts).items():
            assert findings(found, unlimited=frozenset({LISTS_TASKS})) == [], name


def test_no_action_is_a_pattern() -> None:
    assert not [action for statement in all_statements(FULL) for action in listed(statement["Action"]) if "*" in action]


def test_everything_is_the_resource_only_where_aws_knows_no_narrower_one() -> None:
    on_everything = {
        action
        for statement in all_statements(FULL)
        if "*" in listed(statement["Resource"])
        for action in listed(statement["Action"])
    }
    assert on_everything == ON_EVERYTHING | {LISTS_TASKS}
    for action in ON_EVERYTHING:
        known = published(action)
        assert known is not None
        assert known.arns == frozenset(), action


def test_every_statement_keeps_to_the_stacks_names_or_its_tag() -> None:
    tag = (f"aws:ResourceTag/{STACK_TAG}", f"aws:RequestTag/{STACK_TAG}")
    beyond: set[str] = set()
    for statement in all_statements(FULL):
        conditions = json.dumps(statement.get("Condition", {}))
        resources = [
            resource
            for resource in listed(statement["Resource"])
            if resource not in ("*", provider_arn("aws", ACCOUNT)) and "rag-dev" not in resource
        ]
        if resources and not any(key in conditions for key in tag):
            beyond.add(str(statement["Sid"]))
    assert beyond == set(BEYOND_THE_STACK)


@pytest.mark.parametrize("scope", [FULL, LEAST], ids=["everything", "least"])
def test_roles_are_passed_by_their_whole_name_and_each_to_its_own_service_alone(scope: Scope) -> None:
    passing = [statement for statement in all_statements(scope) if "iam:PassRole" in listed(statement["Action"])]
    assert all(listed(statement["Action"]) == ["iam:PassRole"] for statement in passing)
    found = {service_of(statement): listed(statement["Resource"]) for statement in passing}
    assert found == scope.passed
    assert not [arn for arns in found.values() for arn in arns if "*" in arn]


def test_no_role_can_change_the_trust() -> None:
    """Neither its roles nor their policies nor the provider: whoever could would grant themselves everything."""
    trusted = (
        f"arn:aws:iam::{ACCOUNT}:role{TRUST_PATH}rag-dev-deploy",
        f"arn:aws:iam::{ACCOUNT}:policy{TRUST_PATH}rag-dev-write-identity",
        provider_arn("aws", ACCOUNT),
    )
    reached = {
        action
        for statement in all_statements(FULL)
        for action in listed(statement["Action"])
        if action.startswith("iam:")
        for pattern in listed(statement["Resource"])
        if any(fnmatch.fnmatchcase(arn, pattern) for arn in trusted)
    }
    assert reached
    for action in reached:
        known = published(action)
        assert known is not None
        assert known.levels <= {"List", "Read"}, action


def test_with_a_boundary_no_role_is_made_or_given_a_policy_without_it() -> None:
    def boundary(scope: Scope) -> list[object]:
        return [
            statement.get("Condition")
            for statement in all_statements(scope)
            if {"iam:CreateRole", "iam:PutRolePolicy", "iam:AttachRolePolicy"} & set(listed(statement["Action"]))
        ]

    assert boundary(FULL) == [{"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}]
    assert boundary(LEAST) == [None]


def test_nothing_that_exists_can_be_made_the_stacks_by_a_tag_where_aws_can_tell() -> None:
    """EC2 and the load balancer say that a tag comes with a new resource; ECS says so for the migration's task."""
    for statement in all_statements(FULL):
        for action in set(listed(statement["Action"])) & {"ec2:CreateTags", "elasticloadbalancing:AddTags"}:
            conditions = json.dumps(statement["Condition"])
            assert f"{action.split(':')[0]}:CreateAction" in conditions or f"ResourceTag/{STACK_TAG}" in conditions


LONGEST = dataclasses.replace(
    FULL,
    region="ap-southeast-1",
    prefix="r" * 32,
    stack="r" * 32,
    zone="Z" * 32,
    state_bucket="b" * 63,
    passed={TASKS: [arn.replace("rag-dev", "r" * 32) for arn in PASSED[TASKS]], BALANCER: ["r" * 90]},
)


@pytest.mark.parametrize("scope", [FULL, LEAST, LONGEST], ids=["everything", "least", "longest names"])
def test_iam_takes_every_policy_and_attaches_all_of_them(scope: Scope) -> None:
    reading, writing = preview_policies(scope), deploy_policies(scope)
    assert max(len(text) for text in (*reading.values(), *writing.values())) <= MOST_DOCUMENT
    # IAM's own quota, before anybody asks for more.
    assert len(reading) + len(writing) <= 10
    assert not reading.keys() & writing.keys()


def test_a_policy_that_iam_would_refuse_for_its_length_is_refused_here() -> None:
    grant = Grant(sid="Long", actions=("ecs:RunTask",), resources=tuple("r" * 100 for _ in range(61)))
    with pytest.raises(ValueError, match=r"begins with Long has 6\d{3} characters, and IAM takes 6144"):
        document([grant])


def test_workflows_are_trusted_by_audience_and_by_their_whole_subject() -> None:
    text = trust(provider_arn("aws", ACCOUNT), "repo:acme/rag:environment:production")
    (statement,) = statements(json.loads(text))
    assert statement["Principal"] == {"Federated": provider_arn("aws", ACCOUNT)}
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": "repo:acme/rag:environment:production",
        }
    }


@pytest.mark.parametrize("subject", ["repo:acme/*:pull_request", "repo:acme/rag:environment:prod?"])
def test_a_subject_with_a_wildcard_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="no workflow could ever log in"):
        trust(provider_arn("aws", ACCOUNT), subject)


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


def test_the_judge_knows_what_is_granted() -> None:
    found = documents(deploy_policies(FULL)).values()
    role = f"arn:aws:iam::{ACCOUNT}:role/rag-dev-service-task"
    assert granted(found, "iam:CreateRole", role)
    assert not granted(found, "iam:CreateRole", role.replace("rag-dev", "rag-prod"))
    assert not granted(found, "iam:CreateUser", role)
