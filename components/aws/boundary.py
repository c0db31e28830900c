"""The most that any role of the stack can ever do, whatever policies it is given.

Whoever deploys must make roles and give them policies. Without a boundary that is everything: a role with all rights
can be made, trusted to oneself, and taken. So each role carries this policy, which the deployment cannot change, and
IAM lets it make or change no role that does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from components.aws.policies import TRUST_PATH, Grant, Names, document


@dataclass(frozen=True, kw_only=True)
class BoundaryArgs:
    """`prefix` begins the names of the stack's resources, and `stack` is the value of their tag `rag:stack`.

    `repositories` are the repositories of ECR (ARNs) that images come from beside the stack's own, and `keys` the keys
    (ARNs) that encrypt the secrets and were not made here.
    """

    prefix: str
    stack: str
    account_id: pulumi.Input[str]
    region: str
    repositories: Sequence[str] = ()
    keys: Sequence[str] = ()


class Boundary(pulumi.ComponentResource):
    """The policy that bounds the stack's roles; `arn` is for whoever makes one."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: BoundaryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Boundary", name, None, opts)
        names = pulumi.Output.from_input(args.account_id).apply(
            lambda account: Names(account=account, region=args.region, prefix=args.prefix, stack=args.stack)
        )
        policy = iam.Policy(
            f"{name}-policy",
            name=f"{args.prefix}-boundary",
            path=TRUST_PATH,
            description=f"The most that any role of {args.prefix} can do",
            policy=names.apply(lambda names: document(bounds(names, args.repositories, args.keys))),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = policy.arn
        self.register_outputs({"arn": policy.arn})


def bounds(names: Names, repositories: Sequence[str] = (), keys: Sequence[str] = ()) -> list[Grant]:
    """What the roles of tasks, of the record of connections and of the balancer can need, and no more."""
    own = names.named("ecr", "repository/", "")
    return [
        # AWS knows no resource for the token: it logs in to the account's whole registry, and allows nothing by itself.
        Grant(sid="ImagesLogin", actions=("ecr:GetAuthorizationToken",), resources=("*",)),
        Grant(
            sid="ImagesPull",
            actions=("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            resources=tuple(dict.fromkeys((*own, *repositories))),
        ),
        Grant(
            sid="SecretsRead",
            actions=("secretsmanager:GetSecretValue",),
            resources=names.named("secretsmanager", "secret:", "/*"),
        ),
        *_opening(names, keys),
        Grant(
            sid="TaskLogs",
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=names.arns("logs", f"log-group:/ecs/{names.prefix}/*:log-stream:*"),
        ),
        *_recording(names),
        *_shifting(names),
    ]


def _opening(names: Names, keys: Sequence[str]) -> tuple[Grant, ...]:
    """The keys of the secrets: the stack's own by its tag, others by their names, and only through their store."""
    own = {"StringEquals": {**names.tagged["StringEquals"], **names.through_secrets["StringEquals"]}}
    decrypt = ("kms:Decrypt",)
    return (
        Grant(sid="SecretsOpen", actions=decrypt, resources=names.arns("kms", "key/*"), when=own),
        *(
            (Grant(sid="SecretsOpenForeign", actions=decrypt, resources=tuple(keys), when=names.through_secrets),)
            if keys
            else ()
        ),
    )


def _recording(names: Names) -> tuple[Grant, ...]:
    """The record of connections. AWS checks at its creation that the role may list all groups."""
    return (
        Grant(
            sid="FlowLog",
            actions=("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            resources=names.arns("logs", f"log-group:/vpc/{names.prefix}/flow:*"),
        ),
        Grant(sid="FlowLogFind", actions=("logs:DescribeLogGroups",), resources=("*",)),
    )


def _shifting(names: Names) -> tuple[Grant, ...]:
    """What ECS moves traffic by: of AWS's own policy for that, what concerns this stack's balancer."""
    prefix = "elasticloadbalancing"
    return (
        Grant(
            sid="TrafficRead",
            actions=tuple(
                f"{prefix}:Describe{what}" for what in ("Listeners", "Rules", "TargetGroups", "TargetHealth")
            ),
            resources=("*",),
        ),
        Grant(
            sid="TrafficShift",
            actions=tuple(
                f"{prefix}:{what}" for what in ("DeregisterTargets", "ModifyListener", "ModifyRule", "RegisterTargets")
            ),
            resources=names.arns(prefix, "listener-rule/app/*", "listener/app/*", "targetgroup/*"),
            when=names.tagged,
        ),
    )
