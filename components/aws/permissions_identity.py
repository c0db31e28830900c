"""What the stack needs of IAM itself, and of the place where Pulumi keeps the stack's state."""

from components.aws.policies import TRUST_PATH, Condition, Grant, Scope, provider_arn

SERVICE_ROLES = {
    "ecs": "ecs.amazonaws.com/AWSServiceRoleForECS",
    "rds": "rds.amazonaws.com/AWSServiceRoleForRDS",
    "ecs.application-autoscaling": "ecs.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_ECSService",
}
"""The roles that AWS's services make for themselves, once in an account, when they are first used."""


def identity(scope: Scope) -> tuple[Grant, ...]:
    """The stack's roles. Those of the trust itself are read and never written: an administrator changes them."""
    roles = (scope.everywhere("iam", f"role/{scope.prefix}-*"),)
    trust = (
        scope.everywhere("iam", f"role{TRUST_PATH}{scope.prefix}-*"),
        scope.everywhere("iam", f"policy{TRUST_PATH}{scope.prefix}-*"),
        provider_arn(scope.partition, scope.account),
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


def _writing(scope: Scope, roles: tuple[str, ...]) -> tuple[Grant, ...]:
    """With a permissions boundary no role can be made, or be given a policy, that does not carry it."""
    bounded: Condition = {"StringEquals": {"iam:PermissionsBoundary": scope.boundary}} if scope.boundary else {}
    granting = ("iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePolicy")
    return (
        Grant(sid="RolesGrant", actions=granting, resources=roles, when=bounded),
        Grant(
            sid="RolesWrite",
            actions=(
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:ListInstanceProfilesForRole",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription",
            ),
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


def state(scope: Scope) -> tuple[Grant, ...]:
    """Pulumi's own state, where it lies in a bucket: a preview reads it and takes no lock.

    To read it a preview must open its secrets, if a key of AWS closed them: who may open a pull request from within
    the repository can read them. Pulumi Cloud has the same property; a preview of public forks gets no token at all.
    """
    if scope.state_bucket is None:
        return ()
    bucket = f"arn:{scope.partition}:s3:::{scope.state_bucket}"
    found = (
        Grant(sid="StateFind", reads=True, actions=("s3:ListBucket",), resources=(bucket,)),
        Grant(sid="StateRead", reads=True, actions=("s3:GetObject",), resources=(f"{bucket}/.pulumi/*",)),
        Grant(sid="StateWrite", actions=("s3:DeleteObject", "s3:PutObject"), resources=(f"{bucket}/.pulumi/*",)),
    )
    if scope.state_key is None:
        return found
    return (
        *found,
        Grant(sid="StateOpen", reads=True, actions=("kms:Decrypt",), resources=(scope.state_key,)),
        Grant(sid="StateClose", actions=("kms:Encrypt", "kms:GenerateDataKey"), resources=(scope.state_key,)),
    )
