"""Secrets in Secrets Manager: one for each value, so that each task can be allowed to read exactly its own.

What leaves this component are addresses (ARNs, and which version is the present one) and never values.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components.aws.key_policy import account_root, key_policy
from components.aws.keys import AWS_KEY, CREATE_KEY
from components.aws.secret_addresses import SecretAddresses
from components.workload import BOOTSTRAP_API_KEY, DATABASE_URL

IDENTITY_CHARACTERS, PROOF_CHARACTERS = 8, 43
"""An API key's two parts: what finds it, and what proves it (43 letters and digits are more than 255 bits)."""
FEWEST_KEY_DAYS = 7
"""What AWS waits at least before it deletes a key; until then the deletion can be taken back."""


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """`prefix` begins the secrets' names; `database_url` is the URL itself, a secret.

    `kms_key` is `aws`, `create`, or the ARN of a key that exists. `recovery_days` is how long a deleted secret can be
    brought back: 0 (gone at once) or 7 to 30. `account` is the id of the AWS account, which a new key belongs to.
    """

    prefix: str
    database_url: pulumi.Input[str]
    kms_key: str
    recovery_days: int
    account: pulumi.Input[str]


class Secrets(pulumi.ComponentResource):
    """Where every secret of the service is kept, by its environment name, and the key that protects them.

    `kms_key_arn` is None with AWS's own key, which needs no permission of its own.
    """

    references: SecretAddresses
    kms_key_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Secrets", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.kms_key_arn = _key(name, args, child)
        values = {DATABASE_URL: pulumi.Output.secret(args.database_url), BOOTSTRAP_API_KEY: _api_key(name, child)}
        kept = {
            variable: _kept(_secret(name, args, variable, self.kms_key_arn, child), name, variable, value, child)
            for variable, value in values.items()
        }
        self.references = SecretAddresses(
            # From the resource that holds the value: whoever uses the address waits until the value is there.
            {variable: version.secret_arn for variable, version in kept.items()},
            versions={variable: version.version_id for variable, version in kept.items()},
        )
        self.register_outputs({"references": dict(self.references)})


def _logical(name: str, variable: str) -> str:
    return f"{name}-{variable.lower().replace('_', '-')}"


def _secret(
    name: str,
    args: SecretsArgs,
    variable: str,
    key: pulumi.Output[str] | None,
    child: pulumi.ResourceOptions,
) -> aws.secretsmanager.Secret:
    """A secret without its value.

    AWS ends the name with a word of its own: a deleted secret keeps its name until it can no longer be brought back,
    and the stack could not be created again before that.
    """
    return aws.secretsmanager.Secret(
        _logical(name, variable),
        name_prefix=f"{args.prefix}/{variable}-",
        description=f"{variable} of {args.prefix}",
        kms_key_id=key,
        recovery_window_in_days=args.recovery_days,
        opts=child,
    )


def _kept(
    secret: aws.secretsmanager.Secret,
    name: str,
    variable: str,
    value: pulumi.Output[str],
    child: pulumi.ResourceOptions,
) -> aws.secretsmanager.SecretVersion:
    """The value. Another one is another version; the one of before stays for the tasks that still name it."""
    logical = f"{_logical(name, variable)}-value"
    return aws.secretsmanager.SecretVersion(logical, secret_id=secret.id, secret_string=value, opts=child)


def _api_key(name: str, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A key in the form that the application knows: `rag_`, 8 characters that find it, `_`, 43 that prove it."""
    identity = random.RandomPassword(f"{name}-key-identity", length=IDENTITY_CHARACTERS, special=False, opts=child)
    proof = random.RandomPassword(f"{name}-key-proof", length=PROOF_CHARACTERS, special=False, opts=child)
    return pulumi.Output.secret(pulumi.Output.concat("rag_", identity.result, "_", proof.result))


def _key(name: str, args: SecretsArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str] | None:
    if args.kms_key == AWS_KEY:
        return None
    if args.kms_key != CREATE_KEY:
        return pulumi.Output.from_input(args.kms_key)
    through_secrets_manager = {
        "Sid": "ThroughSecretsManagerOnly",
        "Effect": "Allow",
        "Principal": account_root(args.account),
        "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}},
    }
    key = aws.kms.Key(
        f"{name}-kms-key",
        description=f"Secrets of {args.prefix}",
        enable_key_rotation=True,
        deletion_window_in_days=max(FEWEST_KEY_DAYS, args.recovery_days),
        policy=key_policy(args.account, [through_secrets_manager]),
        opts=child,
    )
    return key.arn
