"""The roles of a task: what ECS may do to start it, what it may do itself (nothing), what ECS may do to the balancer.

Policies are pure functions, so that a judge who knows AWS's actions can be asked about them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam

from components.aws.arns import arn
from components.contracts import SecretReferences, secrets_of
from components.workload import Process

Document = dict[str, object]

VERSION = "2012-10-17"
TASKS = "ecs-tasks.amazonaws.com"
SERVICE = "ecs.amazonaws.com"
BALANCER_POLICY = "AmazonECSInfrastructureRolePolicyForLoadBalancers"
ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<path>[^@:]+)")


def repository_arn(image: str) -> str | None:
    """The repository of ECR that an image lies in; None for an image of any other registry."""
    found = ECR.match(image)
    if found is None:
        return None
    account, region, path = found.group("account", "region", "path")
    return arn("ecr", f"repository/{path}", region=region, account=account)


def trust_policy(service: str, account: str | None) -> Document:
    """Lets a service of AWS take the role; with `account` on behalf of that one only (confused deputy).

    AWS documents that condition for the roles of tasks and of flow logs. For the balancer's its own text has none, and
    PassRole guards.
    """
    statement: Document = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if account is not None:
        statement["Condition"] = {"StringEquals": {"aws:SourceAccount": account}}
    return {"Version": VERSION, "Statement": [statement]}


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What ECS needs in order to start one task; `log_groups` are names, everything else ARNs.

    `repository` is the one of ECR that the image lies in; None when another registry holds it.
    """

    repository: str | None
    secrets: Sequence[str]
    kms_key: str | None
    log_groups: Sequence[str]
    region: str
    account: str


def execution_policy(needs: Needs) -> Document:
    """Pull this image, read these secrets, write to these logs."""
    statements = _pull(needs.repository) if needs.repository else []
    if needs.secrets:
        statements.append(_allow(["secretsmanager:GetSecretValue"], sorted(set(needs.secrets))))
    if needs.secrets and needs.kms_key:
        through = {"StringEquals": {"kms:ViaService": f"secretsmanager.{needs.region}.amazonaws.com"}}
        statements.append(_allow(["kms:Decrypt"], [needs.kms_key]) | {"Condition": through})
    streams = sorted(
        arn("logs", f"log-group:{group}:log-stream:*", region=needs.region, account=needs.account)
        for group in needs.log_groups
    )
    statements.append(_allow(["logs:CreateLogStream", "logs:PutLogEvents"], streams))
    return {"Version": VERSION, "Statement": statements}


def _pull(repository: str) -> list[Document]:
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    # AWS knows no resource for the token: it logs in to the account's whole registry, and allows nothing by itself.
    return [_allow(["ecr:GetAuthorizationToken"], ["*"]), _allow(actions, [repository])]


def _allow(actions: Sequence[str], resources: Sequence[str]) -> Document:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


@dataclass(frozen=True, kw_only=True)
class TaskRoleArgs:
    """Whose roles these are: `task` is `<prefix>-<name>`; of `references` each process's own are granted.

    `repository` (ARN) is the one of ECR that the image lies in, if it lies in one: the image's own address is known
    only once it is built, and every preview would show changed roles. `boundary` (a policy's ARN) bounds what the
    roles can ever be given.
    """

    task: str
    repository: pulumi.Input[str] | None
    processes: Sequence[Process]
    references: SecretReferences
    kms_key: pulumi.Input[str] | None
    log_groups: Mapping[str, pulumi.Input[str]]
    region: str
    account: pulumi.Input[str]
    boundary: pulumi.Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class TaskRoles:
    """The ARNs of both roles. `granted` must exist before a task starts, or its first start is refused."""

    execution: pulumi.Output[str]
    task: pulumi.Output[str]
    granted: pulumi.Resource


def task_roles(name: str, args: TaskRoleArgs, opts: pulumi.ResourceOptions) -> TaskRoles:
    """The execution role, which can do what ECS needs to start the task, and the task's own, which can do nothing."""
    trust = pulumi.Output.from_input(args.account).apply(lambda account: trust_policy(TASKS, account))
    execution, own = (
        iam.Role(
            f"{name}-{kind}",
            name=f"{args.task}-{kind}",
            assume_role_policy=pulumi.Output.json_dumps(trust),
            permissions_boundary=args.boundary,
            opts=opts,
        )
        for kind in ("execution", "task")
    )
    granted = iam.RolePolicy(
        f"{name}-execution-policy",
        name="start",
        role=execution.name,
        policy=pulumi.Output.json_dumps(_needs(args).apply(execution_policy)),
        opts=opts,
    )
    return TaskRoles(execution=execution.arn, task=own.arn, granted=granted)


def _needs(args: TaskRoleArgs) -> pulumi.Output[Needs]:
    secrets = [secrets_of(process, args.references).values() for process in args.processes]
    known = pulumi.Output.all(
        repository=pulumi.Output.from_input(args.repository),
        secrets=pulumi.Output.all(*[value for values in secrets for value in values]),
        kms_key=pulumi.Output.from_input(args.kms_key),
        log_groups=pulumi.Output.all(*[args.log_groups[process.name] for process in args.processes]),
        account=pulumi.Output.from_input(args.account),
    )
    return known.apply(lambda values: Needs(region=args.region, **values))


@dataclass(frozen=True, kw_only=True)
class BalancerRole:
    """What ECS takes to move traffic between two target groups; `granted` must exist before it does."""

    arn: pulumi.Output[str]
    granted: pulumi.Resource


def balancer_role(
    name: str, *, service: str, boundary: pulumi.Input[str] | None, opts: pulumi.ResourceOptions
) -> BalancerRole:
    """ECS itself shifts traffic for canary and blue/green releases. AWS's own policy says what that takes."""
    role = iam.Role(
        f"{name}-balancer",
        name=f"{service}-balancer",
        assume_role_policy=json.dumps(trust_policy(SERVICE, None)),
        permissions_boundary=boundary,
        opts=opts,
    )
    granted = iam.RolePolicyAttachment(
        f"{name}-balancer-policy",
        role=role.name,
        policy_arn=arn("iam", f"policy/{BALANCER_POLICY}", account="aws"),
        opts=opts,
    )
    return BalancerRole(arn=role.arn, granted=granted)
