"""The boundary of the stack's roles: whoever deploys makes roles, and gains nothing by it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from components.aws.boundary import bounds
from components.aws.permissions_identity import ROLES
from components.aws.policies import MOST_DOCUMENT, STACK_TAG, Names, Scope, document
from components.aws.roles import BALANCER_POLICY
from stacks.settings import AwsSettings
from tests.aws.policy_scopes import ACCOUNT, BOUNDARY, FULL, LONGEST, REGION, SCOPES, deploys, role
from tests.aws_settings import parse_aws, parse_production
from tests.contracts.aws.recording import EVERYTHING, of_type, recorded
from tests.judges.cloudformation import template
from tests.judges.iam import findings, listed, statements
from tests.judges.iam_requests import Document, allowed

pytestmark = pytest.mark.unit

OTHER = f"arn:aws:iam::{ACCOUNT}:policy/allows-everything"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
NAMES = Names(account=ACCOUNT, region=REGION, prefix="rag-dev", stack="rag-dev")
BOUNDS: Document = json.loads(document(bounds(NAMES)))
OIDC = {"repository": "owner/name", "environment": "prod"}


def walked(policies: list[dict[str, object]]) -> Iterator[str]:
    """The ways in which somebody with these policies gets a role that can do more than the boundary allows.

    Make a role that trusts oneself, or make one that exists do so; put all rights into it; take it, which the role's
    own trust allows.
    """
    for name in (*ROLES, "x", "admin", "eu-service-task"):
        for carried in (None, OTHER):
            asked = {} if carried is None else {"iam:PermissionsBoundary": carried}
            held = allowed(policies, "iam:CreateRole", role(name), asked) or allowed(
                policies, "iam:UpdateAssumeRolePolicy", role(name), asked
            )
            filled = allowed(policies, "iam:PutRolePolicy", role(name), asked) or allowed(
                policies, "iam:AttachRolePolicy", role(name), {**asked, "iam:PolicyARN": ADMINISTRATOR}
            )
            if held and filled:
                yield f"{name} with {carried}"
            elif held:
                # Rights that somebody else has put into it.
                yield f"{name} with {carried}, as it is"


def unconditional(policies: list[dict[str, object]]) -> list[dict[str, object]]:
    """The same policies without the boundary's condition."""
    return [
        {
            **found,
            "Statement": [
                {key: value for key, value in statement.items() if key != "Condition" or "Boundary" not in str(value)}
                for statement in statements(found)
            ],
        }
        for found in policies
    ]


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_trap_whoever_may_make_a_role_and_fill_it_may_do_everything(scope: Scope) -> None:
    assert list(walked(deploys(scope))) == []


def test_the_walk_finds_the_way_when_the_condition_is_missing() -> None:
    assert "service-task with None" in list(walked(unconditional(deploys(FULL))))


def test_within_the_boundary_the_stacks_roles_are_made_and_filled() -> None:
    carried = {"iam:PermissionsBoundary": BOUNDARY}
    for name in ROLES:
        for action in ("CreateRole", "DeleteRole", "PutRolePolicy", "UpdateAssumeRolePolicy"):
            assert allowed(deploys(FULL), f"iam:{action}", role(name), carried), (name, action)
        assert not allowed(deploys(FULL), "iam:CreateRole", role(name))


@pytest.mark.parametrize("name", ["x", "admin", "service-task-2", "eu-service-task"])
def test_roles_that_others_have_made_are_out_of_reach_even_if_their_names_begin_alike(name: str) -> None:
    carried = {"iam:PermissionsBoundary": BOUNDARY}
    for action in ("CreateRole", "PutRolePolicy", "UpdateAssumeRolePolicy", "TagRole", "PassRole", "DeleteRole"):
        assert not allowed(deploys(FULL), f"iam:{action}", role(name), carried), action


def test_no_policy_is_attached_but_the_one_by_which_ecs_moves_traffic() -> None:
    carried = {"iam:PermissionsBoundary": BOUNDARY}
    policy = f"arn:aws:iam::aws:policy/{BALANCER_POLICY}"
    balancer = role("service-balancer")
    assert allowed(deploys(FULL), "iam:AttachRolePolicy", balancer, {**carried, "iam:PolicyARN": policy})
    assert not allowed(deploys(FULL), "iam:AttachRolePolicy", balancer, {**carried, "iam:PolicyARN": ADMINISTRATOR})
    assert not allowed(deploys(FULL), "iam:AttachRolePolicy", balancer, {"iam:PolicyARN": policy})
    for name in set(ROLES) - {"service-balancer"}:
        assert not allowed(deploys(FULL), "iam:AttachRolePolicy", role(name), {**carried, "iam:PolicyARN": policy})


@pytest.mark.parametrize("carried", [None, BOUNDARY, OTHER])
def test_the_boundary_is_neither_taken_off_nor_replaced_nor_rewritten(carried: str | None) -> None:
    asked = {} if carried is None else {"iam:PermissionsBoundary": carried}
    for name in ROLES:
        for action in ("DeleteRolePermissionsBoundary", "PutRolePermissionsBoundary"):
            assert not allowed(deploys(FULL), f"iam:{action}", role(name), asked)
    for action in ("CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicyVersion", "DeletePolicy"):
        assert not allowed(deploys(FULL), f"iam:{action}", BOUNDARY)
    assert allowed(deploys(FULL), "iam:GetPolicyVersion", BOUNDARY)


# What it lets through


def test_aws_knows_every_action_resource_and_condition_of_it() -> None:
    assert findings(BOUNDS, unlimited=frozenset({"logs:DescribeLogGroups"})) == []


def test_it_lets_nobody_touch_roles_keys_or_anything_that_the_stack_is_made_of() -> None:
    services = {action.partition(":")[0] for one in statements(BOUNDS) for action in listed(one["Action"])}
    assert services == {"ecr", "secretsmanager", "kms", "logs", "elasticloadbalancing"}
    assert not [action for one in statements(BOUNDS) for action in listed(one["Action"]) if "*" in action]


def own_policies(settings: AwsSettings) -> Mapping[str, Document]:
    """The policies of the stack's roles, with what AWS would answer in them, and the one that AWS wrote."""
    made = cast(Mapping[str, Mapping[str, Any]], template(recorded(settings).resources)["Resources"])
    own = {
        name: one["Properties"]["PolicyDocument"] for name, one in made.items() if one["Type"].endswith("RolePolicy")
    }
    balancer = json.loads(aws_managed_policies_data)[BALANCER_POLICY]["Document"]
    return {**own, BALANCER_POLICY: cast(Document, balancer)}


def concrete(pattern: str) -> str:
    """Something of the stack's account that a pattern fits."""
    if pattern == "*":
        return pattern
    parts = pattern.split(":", 5)
    parts[3:5] = [REGION if parts[3] == "*" else parts[3], ACCOUNT if parts[4] == "*" else parts[4]]
    return ":".join(parts).replace("*", "0a1b2c3d")


def test_it_lets_through_all_that_the_stacks_own_roles_may_do_and_no_action_more() -> None:
    settings = parse_production(**EVERYTHING, rollout={"strategy": "canary"})
    account = json.loads(json.dumps(BOUNDS).replace("rag-dev", "rag-test"))
    asked = {
        f"aws:ResourceTag/{STACK_TAG}": "rag-test",
        "kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com",
    }
    policies = own_policies(settings)
    assert len(policies) == 4
    used: set[str] = set()
    for name, policy in policies.items():
        for statement in statements(policy):
            for action in listed(statement["Action"]):
                used.add(action)
                for pattern in listed(statement["Resource"]):
                    resource = concrete(pattern).replace("123456789012", ACCOUNT)
                    # The policy of AWS is for network load balancers too, which the stack has none of.
                    if "listener/net/" not in resource:
                        assert allowed([account], action, resource, asked), (name, action, resource)
    assert used == {action for one in statements(BOUNDS) for action in listed(one["Action"])}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rag-prod/DATABASE_URL-x"),
        ("ecr:BatchGetImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/payroll"),
        ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/rag-prod/web:log-stream:x"),
    ],
)
def test_what_another_stack_has_is_beyond_it(action: str, resource: str) -> None:
    assert not allowed([BOUNDS], action, resource)
    assert allowed([BOUNDS], action, resource.replace("rag-prod", "rag-dev").replace("payroll", "rag-dev"))


def test_what_goes_by_a_tag_is_the_stacks_own_and_keys_open_secrets_alone() -> None:
    rule = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener-rule/app/rag-dev/1/2/3"
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1111"
    own = {f"aws:ResourceTag/{STACK_TAG}": "rag-dev"}
    assert allowed([BOUNDS], "elasticloadbalancing:ModifyRule", rule, own)
    assert not allowed([BOUNDS], "elasticloadbalancing:ModifyRule", rule)
    through = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    assert allowed([BOUNDS], "kms:Decrypt", key, {**own, **through})
    assert not allowed([BOUNDS], "kms:Decrypt", key, own)
    assert not allowed([BOUNDS], "kms:Decrypt", key, through)


def test_repositories_and_keys_that_are_not_the_stacks_own_are_let_through_by_their_names() -> None:
    key, repository = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/2222", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shared"
    wider = json.loads(document(bounds(NAMES, [repository], [key])))
    through = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
    assert allowed([wider], "ecr:BatchGetImage", repository)
    assert allowed([wider], "kms:Decrypt", key, through)
    assert not allowed([wider], "kms:Decrypt", key)
    assert not allowed([BOUNDS], "kms:Decrypt", key, through)
    assert findings(wider, unlimited=frozenset({"logs:DescribeLogGroups"})) == []


def test_iam_takes_it_with_the_longest_names() -> None:
    names = Names(account=ACCOUNT, region=LONGEST.region, prefix=LONGEST.prefix, stack=LONGEST.stack)
    repository = f"arn:aws:ecr:{LONGEST.region}:{ACCOUNT}:repository/{'r' * 256}"
    assert len(document(bounds(names, [repository], FULL.keys))) <= MOST_DOCUMENT


# Who carries it


def carried(settings: AwsSettings) -> dict[str, str | None]:
    """By the role's name in AWS, its boundary."""
    found = of_type(recorded(settings), "Role")
    return {one.inputs["name"].removeprefix("rag-test-"): one.inputs.get("permissionsBoundary") for one in found}


def test_every_role_that_workflows_make_carries_it_and_the_trusts_own_do_not() -> None:
    found = carried(parse_production(**EVERYTHING, rollout={"strategy": "canary"}))
    assert found == {**dict.fromkeys(ROLES, "<boundary-policy.arn>"), "preview": None, "deploy": None}


def test_a_boundary_of_the_accounts_own_takes_its_place() -> None:
    aws = {"region": REGION, "allow_plain_http": True, "permissions_boundary": OTHER}
    made = recorded(parse_aws(aws=aws, oidc=OIDC))
    found = carried(parse_aws(aws=aws, oidc=OIDC))
    assert {name for name, boundary in found.items() if boundary == OTHER} == set(found) - {"preview", "deploy"}
    assert not [component for component in made.components() if component.type.endswith(":Boundary")]
    writing = json.loads(made.one("trust-write-identity").inputs["policy"])
    made_here = "arn:aws:iam::123456789012:role/rag-test-service-task"
    assert allowed([writing], "iam:CreateRole", made_here, {"iam:PermissionsBoundary": OTHER})
    assert not allowed([writing], "iam:CreateRole", made_here)


def test_the_trusts_own_roles_can_be_bounded_by_another_and_the_stacks_are_not_by_that() -> None:
    found = carried(parse_aws(oidc={**OIDC, "permissions_boundary": OTHER}))
    assert (found["preview"], found["deploy"]) == (OTHER, OTHER)
    assert found["service-task"] == "<boundary-policy.arn>"


def test_without_workflows_that_deploy_there_is_none_unless_it_is_asked_for() -> None:
    assert set(carried(parse_aws()).values()) == {None}
    aws = {"region": REGION, "allow_plain_http": True, "permissions_boundary": OTHER}
    assert set(carried(parse_aws(aws=aws)).values()) == {OTHER}


def test_it_lies_where_no_role_of_the_stack_can_write_and_exists_before_the_roles_that_carry_it() -> None:
    made = recorded(parse_production(**EVERYTHING))
    policy = made.one("boundary-policy").inputs
    assert (policy["path"], policy["name"]) == ("/github/", "rag-test-boundary")
    for name in ("network-flow-role", "migration-execution", "migration-task", "service-execution", "service-task"):
        assert "boundary-policy" in made.needed_by(name), name
