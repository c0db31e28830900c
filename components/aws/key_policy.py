"""Policies of keys (KMS): who may run a key, and which of AWS's own services it works for, and nothing beyond."""

from collections.abc import Mapping, Sequence

import pulumi

from components.aws.arns import arn

ADMINISTRATION = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
"""What it takes to run a key, without a single action that reads or writes what it protects."""

Statement = Mapping[str, object]


def account_root(account: pulumi.Input[str]) -> Mapping[str, pulumi.Input[str]]:
    """The account as a principal: its own IAM policies decide who of it may do what the statement allows."""
    return {"AWS": pulumi.Output.from_input(account).apply(lambda account: arn("iam", "root", account=account))}


def key_policy(account: pulumi.Input[str], uses: Sequence[Statement]) -> pulumi.Output[str]:
    """The policy document of a key that the account's administrators run and that works for `uses` alone.

    Without the first statement nobody could ever change the key again; AWS refuses such a policy.
    """
    administration: Statement = {
        "Sid": "Administration",
        "Effect": "Allow",
        "Principal": account_root(account),
        "Action": list(ADMINISTRATION),
        "Resource": "*",
    }
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": [administration, *uses]})
