"""The trust in GitHub's workflows: two roles, taken with a token that GitHub signs, and no stored key anywhere.

`preview` is for pull requests. It reads and nothing more, and no secret's value. `deploy` is bound to one deployment
environment and can write what the stack is made of, by the stack's own names and tags.

Neither can change the trust itself, nor keys: an administrator does, who also deploys the stack for the first time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import iam

from components.aws.permissions_address import address
from components.aws.permissions_containers import containers, watching
from components.aws.permissions_data import data
from components.aws.permissions_identity import identity
from components.aws.permissions_network import network
from components.aws.permissions_state import state
from components.aws.policies import AUDIENCE, GITHUB, TRUST_PATH, Grant, Scope, State, document, provider_arn, trust

PREVIEW, DEPLOY = "preview", "deploy"

_PARTS: Mapping[str, Sequence[Callable[[Scope], Sequence[Grant]]]] = {
    "network": (network,),
    "data": (data,),
    "containers": (containers, watching),
    "address": (address,),
    "identity": (identity, state),
}
"""What the policies are cut by: each part of the stack is a policy of its own, within IAM's limit of its length."""


_READING: Mapping[str, Sequence[str]] = {
    "read-infrastructure": ("network", "data", "identity"),
    "read-service": ("containers", "address"),
}
_WRITING: Mapping[str, Sequence[str]] = {f"write-{part}": (part,) for part in _PARTS}
"""By the policy's name, the parts that it is made of."""


def preview_policies(scope: Scope) -> Mapping[str, str]:
    """The policies of the role for pull requests, by their names: everything that reads."""
    return {name: document(_granted(scope, parts, reads=True)) for name, parts in _READING.items()}


def deploy_policies(scope: Scope) -> Mapping[str, str]:
    """What the role of the environment has beyond those: everything that writes."""
    return {name: document(_granted(scope, parts, reads=False)) for name, parts in _WRITING.items()}


def _granted(scope: Scope, parts: Sequence[str], *, reads: bool) -> list[Grant]:
    grants = [grant for part in parts for grants_of in _PARTS[part] for grant in grants_of(scope)]
    return [grant for grant in grants if grant.reads is reads]


@dataclass(frozen=True, kw_only=True)
class OidcTrustArgs:
    """Whom to trust, with which part of the account.

    `prefix` begins the names of the stack's resources, and `stack` is the value of their tag `rag:stack`.
    `subject_prefix` is what the tokens' `sub` begins with (`repo:owner/name`), and `environment` the deployment
    environment that may write. An account has one provider for GitHub: `create` makes it, `adopt` takes the one that
    another stack made.

    `passed_roles` are, by service (`ecs-tasks.amazonaws.com`), the ARNs of the roles that the stack hands to it, and
    `boundary` (a policy's ARN) is what each of them carries: `deploy` can make and change no role without it.
    `permissions_boundary` is another, if there is one, of the trust's own two roles.

    `domain` and `hosted_zone` (its id) are the service's, `vpc_id` a VPC that the stack uses without owning it.
    `own_key` says that the stack makes the key of its secrets; `keys` are the ARNs of those that it does not make.
    `state` and `state_key` (ARN) are where Pulumi keeps the stack's state and what closes its secrets; None when
    Pulumi Cloud does both.
    """

    prefix: str
    stack: str
    account_id: pulumi.Input[str]
    region: str
    subject_prefix: str
    environment: str
    provider: Literal["create", "adopt"]
    boundary: pulumi.Input[str]
    permissions_boundary: str | None
    passed_roles: Mapping[str, Sequence[pulumi.Input[str]]]
    domain: str | None
    hosted_zone: str | None
    vpc_id: str | None
    endpoints: bool
    waf: bool
    own_key: bool
    keys: Sequence[pulumi.Input[str]]
    state: State | None = None
    state_key: str | None = None


class OidcTrust(pulumi.ComponentResource):
    """Two roles for GitHub's workflows; what they are called is for the workflows' configuration."""

    preview_role_arn: pulumi.Output[str]
    deploy_role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: OidcTrustArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:OidcTrust", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        provider = _provider(name, args, child)
        scope = _scope(args)
        pull_request = f"{args.subject_prefix}:pull_request"
        environment = f"{args.subject_prefix}:environment:{args.environment}"
        preview = _role(name, PREVIEW, args, provider.apply(lambda arn: trust(arn, pull_request)), child)
        deploy = _role(name, DEPLOY, args, provider.apply(lambda arn: trust(arn, environment)), child)
        for policy in _READING:
            made = _policy(name, policy, args, scope.apply(preview_policies), child)
            _attach(f"{name}-{PREVIEW}-{policy}", preview, made, child)
            _attach(f"{name}-{DEPLOY}-{policy}", deploy, made, child)
        for policy in _WRITING:
            made = _policy(name, policy, args, scope.apply(deploy_policies), child)
            _attach(f"{name}-{DEPLOY}-{policy}", deploy, made, child)
        self.preview_role_arn, self.deploy_role_arn = preview.arn, deploy.arn
        self.register_outputs({"preview_role_arn": preview.arn, "deploy_role_arn": deploy.arn})


def _provider(name: str, args: OidcTrustArgs, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """The account's trust in GitHub. No thumbprints: AWS checks GitHub's certificates by its own authorities.

    It stays when the stack goes, or begins to adopt it: other stacks' workflows log in by it.
    """
    if args.provider == "adopt":
        return pulumi.Output.from_input(args.account_id).apply(provider_arn)
    made = iam.OpenIdConnectProvider(
        f"{name}-github",
        url=f"https://{GITHUB}",
        client_id_lists=[AUDIENCE],
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(retain_on_delete=True)),
    )
    return made.arn


def _role(
    name: str, role: str, args: OidcTrustArgs, trusted: pulumi.Output[str], opts: pulumi.ResourceOptions
) -> iam.Role:
    return iam.Role(
        f"{name}-{role}",
        name=f"{args.prefix}-{role}",
        path=TRUST_PATH,
        description=f"What GitHub's workflows may do with {args.prefix}: {role}",
        assume_role_policy=trusted,
        permissions_boundary=args.permissions_boundary,
        opts=opts,
    )


def _policy(
    name: str,
    policy: str,
    args: OidcTrustArgs,
    documents: pulumi.Output[Mapping[str, str]],
    opts: pulumi.ResourceOptions,
) -> iam.Policy:
    return iam.Policy(
        f"{name}-{policy}",
        name=f"{args.prefix}-{policy}",
        path=TRUST_PATH,
        policy=documents.apply(lambda texts: texts[policy]),
        opts=opts,
    )


def _attach(name: str, role: iam.Role, policy: iam.Policy, opts: pulumi.ResourceOptions) -> None:
    iam.RolePolicyAttachment(name, role=role.name, policy_arn=policy.arn, opts=opts)


def _scope(args: OidcTrustArgs) -> pulumi.Output[Scope]:
    """The same facts, once they are known."""
    known = pulumi.Output.all(
        account=pulumi.Output.from_input(args.account_id),
        boundary=pulumi.Output.from_input(args.boundary),
        keys=pulumi.Output.all(*args.keys),
        passed=pulumi.Output.all(**{role: pulumi.Output.all(*arns) for role, arns in args.passed_roles.items()}),
    )
    return known.apply(
        lambda values: Scope(
            account=values["account"],
            region=args.region,
            prefix=args.prefix,
            stack=args.stack,
            domain=args.domain,
            zone=args.hosted_zone,
            vpc=args.vpc_id,
            endpoints=args.endpoints,
            waf=args.waf,
            own_key=args.own_key,
            keys=tuple(values["keys"]),
            passed=values["passed"],
            boundary=values["boundary"],
            state=args.state,
            state_key=args.state_key,
        )
    )
