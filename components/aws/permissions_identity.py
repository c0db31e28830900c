"""What the stack needs of IAM itself: its own roles, within their boundary."""

from components.aws.arns import arn
from components.aws.policies import TRUST_PATH, Condition, Grant, Scope, provider_arn
from components.aws.roles import BALANCER_POLICY, SERVICE

ROLES = (
    "flow-logs",
    "migrate-execution",
    "migrate-task",
    "service-balancer",
    "service-execution",
    "service-task",
)
"""How the names of the stack's roles end. Whole names, because a pattern would reach roles that others have made."""
SERVICE_ROLES = {
    "ecs": "ecs.amazonaws.com/AWSServiceRoleForECS",
    "elasticloadbalancing": "elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing",
    "rds": "rds.amazonaws.com/AWSServiceRoleForRDS",
    "ecs.application-autoscaling": "ecs.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_ECSService",
}
"""The roles that AWS's services make for themselves, once in an account, when they are first used."""


def identity(scope: Scope) -> tuple[Grant, ...]:
    """The stack's roles. What belongs to the trust itself is read and never written: an administrator changes it."""
    roles = tuple(_role(scope, name) for name in ROLES)
    trust = (
        scope.everywhere("iam", f"role{TRUST_PATH}{scope.prefix}-*"),
        scope.everywhere("iam", f"policy{TRUST_PATH}{scope.prefix}-*"),
        provider_arn(scope.account),
    )
    return (
        Grant(
            sid="RolesRead",
            reads=True,
            actions=(
                "iam:GetOpenIDConnectProvider",
                "iam:GetPolicy",
                "iam:GetPolicyVersion",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListEntitiesForPolicy",
                "iam:ListRolePolicies",
            ),
            resources=(*roles, *trust),
        ),
        *_writing(scope, roles),
        *(_passing(scope, service) for service in sorted(scope.passed)),
        Grant(
            sid="ServiceRoles",
            actions=("iam:CreateServiceLinkedRole",),
            resources=tuple(
                scope.everywhere("iam", f"role/aws-service-role/{name}") for name in SERVICE_ROLES.values()
            ),
            when={"StringEquals": {"iam:AWSServiceName": tuple(f"{name}.amazonaws.com" for name in SERVICE_ROLES)}},
        ),
    )


def _role(scope: Scope, name: str) -> str:
    return scope.everywhere("iam", f"role/{scope.prefix}-{name}")


def _writing(scope: Scope, roles: tuple[str, ...]) -> tuple[Grant, ...]:
    """No role is made, given a policy or trusted to anybody unless it carries the boundary, which none can lose.

    Else the deployment could make itself a role with all rights: make it, give it a policy, take it.
    """
    bounded = {"iam:PermissionsBoundary": scope.boundary}
    policy = arn("iam", f"policy/{BALANCER_POLICY}", account="aws")
    attaching: Condition = {"StringEquals": bounded, "ArnEquals": {"iam:PolicyARN": policy}}
    attach = Grant(
        sid="RolesAttach",
        actions=("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
        resources=(_role(scope, "service-balancer"),),
        when=attaching,
    )
    return (
        Grant(
            sid="RolesWrite",
            actions=(
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:PutRolePolicy",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription",
            ),
            resources=roles,
            when={"StringEquals": bounded},
        ),
        *((attach,) if SERVICE in scope.passed else ()),
        # Nothing goes by a role's tags, and the provider looks for instance profiles before it deletes one.
        Grant(
            sid="RolesTag",
            actions=("iam:ListInstanceProfilesForRole", "iam:TagRole", "iam:UntagRole"),
            resources=roles,
        ),
    )


def _passing(scope: Scope, service: str) -> Grant:
    """Exactly these roles, and to no other service."""
    return Grant(
        sid=f"Pass{''.join(filter(str.isalnum, service.removesuffix('.amazonaws.com').title()))}",
        actions=("iam:PassRole",),
        resources=tuple(scope.passed[service]),
        when={"StringEquals": {"iam:PassedToService": service}},
    )
