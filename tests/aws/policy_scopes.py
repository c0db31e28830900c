"""Stacks whose policies are judged: one with everything, one in a VPC of somebody else's, and one with the least."""

import dataclasses
import json
from collections.abc import Mapping

from components.aws.oidc_trust import deploy_policies, preview_policies
from components.aws.permissions_network import FLOW_LOGS
from components.aws.policies import Scope, State
from components.aws.roles import SERVICE, TASKS
from tests.judges.iam import Statement, listed, statements

ACCOUNT, REGION = "210987654321", "eu-central-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-0123456789ab"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/github/rag-dev-boundary"


def role(name: str, prefix: str = "rag-dev") -> str:
    """The ARN of a role of the stack's."""
    return f"arn:aws:iam::{ACCOUNT}:role/{prefix}-{name}"


OF_TASKS = [role(f"{task}-{kind}") for task in ("migrate", "service") for kind in ("execution", "task")]
PASSED = {TASKS: OF_TASKS, SERVICE: [role("service-balancer")], FLOW_LOGS: [role("flow-logs")]}
FULL = Scope(
    account=ACCOUNT,
    region=REGION,
    prefix="rag-dev",
    stack="rag-dev",
    boundary=BOUNDARY,
    domain="rag.example.com",
    zone="Z0123456789ABC",
    endpoints=True,
    waf=True,
    own_key=True,
    keys=(KEY,),
    passed=PASSED,
    state=State(bucket="state-of-stacks", project="rag", stack="dev"),
    state_key=KEY,
)
"""A stack with everything that can be asked for."""
LEAST = Scope(
    account=ACCOUNT,
    region=REGION,
    prefix="rag-dev",
    stack="rag-dev",
    boundary=BOUNDARY,
    vpc="vpc-0123456789abcdef0",
    passed={TASKS: OF_TASKS},
)
"""A stack without any of it, in a VPC that somebody else runs."""
FOREIGN = dataclasses.replace(FULL, vpc=LEAST.vpc, endpoints=False, passed={TASKS: OF_TASKS, SERVICE: PASSED[SERVICE]})
"""A stack with everything that can be had in a VPC that somebody else runs."""
LONGEST = dataclasses.replace(
    FULL,
    region="ap-southeast-1",
    prefix="r" * 32,
    stack="r" * 32,
    boundary=BOUNDARY.replace("rag-dev", "r" * 32),
    domain=f"{'d' * 60}.{'e' * 60}.example.com",
    zone="Z" * 32,
    state=State(bucket="b" * 63, project="rag", stack="s" * 30),
    passed={service: [arn.replace("rag-dev", "r" * 32) for arn in arns] for service, arns in PASSED.items()},
)
"""Names as long as settings take them."""

SCOPES = {"everything": FULL, "in a foreign VPC": FOREIGN, "least": LEAST}


def documents(texts: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """The policies, by their names."""
    return {name: json.loads(text) for name, text in texts.items()}


def granted_by(texts: Mapping[str, str]) -> set[str]:
    """The actions that policies name."""
    return {
        action
        for found in documents(texts).values()
        for statement in statements(found)
        for action in listed(statement["Action"])
    }


def deploys(scope: Scope) -> list[dict[str, object]]:
    """The policies of the role that deploys: it may do what a preview may, and more."""
    return [*documents(preview_policies(scope)).values(), *documents(deploy_policies(scope)).values()]


def previews(scope: Scope) -> list[dict[str, object]]:
    """The policies of the role for pull requests."""
    return [*documents(preview_policies(scope)).values()]


def all_statements(scope: Scope) -> list[Statement]:
    """Every statement of both roles."""
    return [statement for document in deploys(scope) for statement in statements(document)]
