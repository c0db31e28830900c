"""What the stack keeps needs of IAM: images, the database, secrets and their keys. AWS names all but the keys."""

from components.aws.policies import Grant, Scope


def data(scope: Scope) -> tuple[Grant, ...]:
    """Registry, Database and Secrets."""
    return (*_registry(scope), *_database(scope), *_secrets(scope), *_keys(scope))


def _registry(scope: Scope) -> tuple[Grant, ...]:
    repositories = scope.named("ecr", "repository/", "", "-*")
    return (
        Grant(
            sid="RegistryRead",
            reads=True,
            actions=(
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:DescribeRepositories",
                "ecr:GetDownloadUrlForLayer",
                "ecr:GetLifecyclePolicy",
                "ecr:ListTagsForResource",
            ),
            resources=repositories,
        ),
        Grant(sid="RegistryLogin", reads=True, actions=("ecr:GetAuthorizationToken",), resources=("*",)),
        Grant(
            sid="RegistryWrite",
            actions=(
                "ecr:CompleteLayerUpload",
                "ecr:CreateRepository",
                "ecr:DeleteLifecyclePolicy",
                "ecr:DeleteRepository",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:PutImageScanningConfiguration",
                "ecr:PutImageTagMutability",
                "ecr:PutLifecyclePolicy",
                "ecr:TagResource",
                "ecr:UntagResource",
                "ecr:UploadLayerPart",
            ),
            resources=repositories,
        ),
    )


def _database(scope: Scope) -> tuple[Grant, ...]:
    own = (
        *scope.named("rds", "db:", "-*"),
        *scope.named("rds", "subgrp:", "-*"),
        *scope.named("rds", "pg:", "-*"),
        *scope.named("rds", "snapshot:", "-*"),
        # Those that RDS takes itself begin so.
        *scope.named("rds", "snapshot:rds:", "-*"),
    )
    return (
        Grant(
            sid="DatabaseRead",
            reads=True,
            actions=(
                "rds:DescribeDBParameterGroups",
                "rds:DescribeDBParameters",
                "rds:DescribeDBSnapshots",
                "rds:DescribeDBSubnetGroups",
                "rds:ListTagsForResource",
            ),
            resources=own,
        ),
        # The provider finds an instance by its resource id, which is a search through all of them.
        Grant(
            sid="DatabaseFind", reads=True, actions=("rds:DescribeDBInstances",), resources=scope.arns("rds", "db:*")
        ),
        Grant(
            sid="DatabaseWrite",
            actions=(
                "rds:AddTagsToResource",
                "rds:CreateDBInstance",
                "rds:CreateDBParameterGroup",
                "rds:CreateDBSnapshot",
                "rds:CreateDBSubnetGroup",
                "rds:DeleteDBInstance",
                "rds:DeleteDBParameterGroup",
                "rds:DeleteDBSubnetGroup",
                "rds:ModifyDBInstance",
                "rds:ModifyDBParameterGroup",
                "rds:ModifyDBSubnetGroup",
                "rds:RebootDBInstance",
                "rds:RemoveTagsFromResource",
                "rds:ResetDBParameterGroup",
                "rds:RestoreDBInstanceFromDBSnapshot",
            ),
            resources=own,
        ),
        # Every instance is in an option group; the stack makes none, so it is AWS's own default.
        Grant(
            sid="DatabaseOptions",
            actions=("rds:CreateDBInstance", "rds:ModifyDBInstance", "rds:RestoreDBInstanceFromDBSnapshot"),
            resources=scope.arns("rds", "og:default:*"),
        ),
    )


def _secrets(scope: Scope) -> tuple[Grant, ...]:
    """A preview never reads a value: whoever opens a pull request could print it. So it cannot refresh the values
    either, and compares with what the state says of them.

    The deployment may, because the provider reads each value back that it wrote; it holds them all anyway, in the
    stack's state.
    """
    own = scope.named("secretsmanager", "secret:", "/*")
    return (
        Grant(
            sid="SecretsRead",
            reads=True,
            actions=("secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"),
            resources=own,
        ),
        Grant(
            sid="SecretsWrite",
            actions=(
                "secretsmanager:CreateSecret",
                "secretsmanager:DeleteSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:TagResource",
                "secretsmanager:UntagResource",
                "secretsmanager:UpdateSecret",
                "secretsmanager:UpdateSecretVersionStage",
            ),
            resources=own,
        ),
    )


def _keys(scope: Scope) -> tuple[Grant, ...]:
    """Keys are used and never written: whoever writes a key's policy can read all that it protects.

    A stack with a key of its own is first deployed by an administrator, as the trust itself is. The deployment uses a
    key through the store of secrets alone, as each task does; database, registry and logs are under AWS's own keys.
    """
    keys = scope.arns("kms", "key/*")
    uses = ("kms:Decrypt", "kms:GenerateDataKey")
    reads = ("kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags")
    through = {"StringEquals": {**scope.tagged["StringEquals"], **scope.through_secrets["StringEquals"]}}
    own = Grant(sid="KeysUse", actions=uses, resources=keys, when=through)
    found = (
        Grant(sid="KeysRead", reads=True, actions=reads, resources=keys, when=scope.tagged),
        *((own,) if scope.own_key else ()),
    )
    if not scope.keys:
        return found
    return (
        *found,
        Grant(sid="ForeignKeysRead", reads=True, actions=("kms:DescribeKey",), resources=scope.keys),
        Grant(sid="ForeignKeysUse", actions=uses, resources=scope.keys, when=scope.through_secrets),
    )
