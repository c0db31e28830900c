"""How far each statement of GitHub's roles reaches: to the stack's names, its tag, or something that is named here."""

import json
from collections.abc import Mapping
from typing import cast

import pytest

from components.aws.oidc_trust import deploy_policies, preview_policies
from components.aws.policies import MOST_DOCUMENT, STACK_TAG, Grant, Scope, document, provider_arn
from tests.aws.policy_scopes import (
    ACCOUNT,
    FULL,
    LEAST,
    LONGEST,
    REGION,
    SCOPES,
    all_statements,
    deploys,
    documents,
)
from tests.judges.iam import Statement, findings, listed, published, statements
from tests.judges.iam_requests import allowed

pytestmark = pytest.mark.unit

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

BEYOND_THE_STACK = {
    "DatabaseFind": "a search by resource id goes through all instances",
    "DatabaseOptions": "AWS's own default option groups",
    "AlarmsFind": "AWS asks for all alarms when it lists some",
    "FirewallRules": "AWS's own rules, which a firewall is made of",
    "ForeignKeysRead": "a key that the account runs",
    "ForeignKeysUse": "a key that the account runs",
    "NetworkPrivateNames": "the zones of AWS's own services",
    "NetworkReadVpc": "AWS's description of a VPC, also of one that exists already",
    "ServiceRoles": "roles that AWS's services make for themselves once an account",
    "StateFind": "the bucket of Pulumi's state, by the stack's names in it",
    "StateRead": "the bucket of Pulumi's state, by the stack's names in it",
    "StateWrite": "the bucket of Pulumi's state, by the stack's names in it",
    "StateOpen": "the key of Pulumi's state",
    "StateClose": "the key of Pulumi's state",
    "ZoneRead": "the hosted zone of the domain, by its id",
    "ZoneWrite": "the hosted zone of the domain, by its id and the domain's records",
    "ZoneFollow": "changes of the hosted zone, which have ids of their own",
}
"""Statements that reach beyond what bears the stack's name or tag, and to what."""
IN_A_FOREIGN_VPC = {"GroupsCreateWithin": "the VPC that exists already, by its id"}


def beyond(scope: Scope) -> set[str]:
    """The statements that neither the stack's names nor its tag limit."""
    tag = (f"aws:ResourceTag/{STACK_TAG}", f"aws:RequestTag/{STACK_TAG}")
    found: set[str] = set()
    for statement in all_statements(scope):
        conditions = json.dumps(statement.get("Condition", {}))
        resources = [
            resource
            for resource in listed(statement["Resource"])
            if resource not in ("*", provider_arn(ACCOUNT)) and "rag-dev" not in resource
        ]
        if resources and not any(key in conditions for key in tag):
            found.add(str(statement["Sid"]))
    return found


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
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
    assert beyond(FULL) == set(BEYOND_THE_STACK)


def test_in_a_foreign_vpc_there_is_that_vpc_besides_and_nothing_of_what_is_left_out() -> None:
    assert beyond(LEAST) == {
        "AlarmsFind",
        "DatabaseFind",
        "DatabaseOptions",
        "NetworkReadVpc",
        "ServiceRoles",
        *IN_A_FOREIGN_VPC,
    }


def service_of(statement: Statement) -> str:
    condition = cast(Mapping[str, Mapping[str, str]], statement["Condition"])
    return condition["StringEquals"]["iam:PassedToService"]


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_roles_are_passed_by_their_whole_name_and_each_to_its_own_service_alone(scope: Scope) -> None:
    passing = [statement for statement in all_statements(scope) if "iam:PassRole" in listed(statement["Action"])]
    assert all(listed(statement["Action"]) == ["iam:PassRole"] for statement in passing)
    found = {service_of(statement): listed(statement["Resource"]) for statement in passing}
    assert found == scope.passed
    assert not [arn for arns in found.values() for arn in arns if "*" in arn]


def test_nothing_that_exists_can_be_made_the_stacks_by_a_tag_where_aws_can_tell() -> None:
    """EC2 and the load balancer say that a tag comes with a new resource; ECS says so for the migration's task."""
    for statement in all_statements(FULL):
        for action in set(listed(statement["Action"])) & {"ec2:CreateTags", "elasticloadbalancing:AddTags"}:
            conditions = json.dumps(statement["Condition"])
            assert f"{action.split(':')[0]}:CreateAction" in conditions or f"ResourceTag/{STACK_TAG}" in conditions


def test_a_vpc_is_made_by_an_administrator_because_its_first_group_belongs_to_nobody_yet() -> None:
    """AWS makes a group without a tag with each VPC. A right to tag that would be one to take any group without one."""
    group = f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/sg-0123456789abcdef0"
    tagging = {f"aws:RequestTag/{STACK_TAG}": "rag-dev"}
    vpc = {"ec2:Vpc": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-0123456789abcdef0"}
    assert not allowed(deploys(FULL), "ec2:CreateVpc", vpc["ec2:Vpc"], tagging)
    assert not allowed(deploys(FULL), "ec2:CreateTags", group, {**tagging, **vpc})
    assert not allowed(deploys(FULL), "ec2:RevokeSecurityGroupIngress", group, vpc)
    # Once an administrator has made it the stack's, it is like any other group.
    owned = {f"aws:ResourceTag/{STACK_TAG}": "rag-dev", **vpc}
    for action in ("CreateTags", "RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress"):
        assert allowed(deploys(FULL), f"ec2:{action}", group, owned)


def test_of_the_hosted_zone_the_domains_own_records_are_written_and_those_that_prove_it() -> None:
    zone, prefix = "arn:aws:route53:::hostedzone/Z0123456789ABC", "route53:ChangeResourceRecordSets"

    def writes(*names: str, kind: str = "A") -> bool:
        asked = {f"{prefix}NormalizedRecordNames": names, f"{prefix}RecordTypes": kind}
        return allowed(deploys(FULL), prefix, zone, asked)

    assert writes("rag.example.com")
    assert writes("_0a1b2c3d.rag.example.com", kind="CNAME")
    assert not writes("example.com")
    assert not writes("www.example.com")
    assert not writes("www.rag.example.com")
    assert not writes("_0a1b2c3d.example.com", kind="CNAME")
    assert not writes("rag.example.com", "www.example.com")
    assert not writes("rag.example.com", kind="MX")
    assert not allowed(deploys(FULL), prefix, zone)
    assert not allowed(deploys(FULL), prefix, zone.replace("ABC", "ABD"), {f"{prefix}NormalizedRecordNames": "x"})


def test_a_key_is_used_for_secrets_through_their_store_and_by_nobody_who_asks_the_key_itself() -> None:
    state, secrets = FULL.state_key, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1111"
    assert state is not None
    own = {f"aws:ResourceTag/{STACK_TAG}": "rag-dev"}
    through = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    for action in ("kms:Decrypt", "kms:GenerateDataKey"):
        assert allowed(deploys(FULL), action, secrets, {**own, **through})
        assert not allowed(deploys(FULL), action, secrets, own)
        assert not allowed(deploys(FULL), action, secrets, through)
    assert not [one for one in all_statements(FULL) if "kms:CreateGrant" in listed(one["Action"])]


@pytest.mark.parametrize("scope", [*SCOPES.values(), LONGEST], ids=[*SCOPES, "longest names"])
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


def test_what_a_statement_reaches_is_listed_once() -> None:
    for scope in SCOPES.values():
        for found in deploys(scope):
            sids = [str(statement["Sid"]) for statement in statements(found)]
            assert len(sids) == len(set(sids))
