"""GitHub Actions to the cluster without a stored key: two users, what each may do, and what the API server must know.

The API server takes GitHub's tokens once it is started with the `AuthenticationConfiguration` that is an output here
(`--authentication-config`); whoever runs the cluster does that, once. An administrator's own `up` creates the roles:
neither user may change them, or it could grant itself more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import yaml
from pulumi_kubernetes.rbac import v1 as rbac

from components.kubernetes.handles import Place
from components.kubernetes.labels import SERVICE, metadata, name_of
from components.kubernetes.requirements import BARMAN, CNPG, GATEWAY, PROMETHEUS

ISSUER: Final = "https://token.actions.githubusercontent.com"
AUDIENCE: Final = "kubernetes"
USER_PREFIX: Final = "github:"
READ: Final = ("get", "list", "watch")
WRITE: Final = (*READ, "create", "update", "patch", "delete")

Rights = Sequence[tuple[str, Sequence[str]]]
"""API groups with their kinds."""
WORKLOAD: Final[Rights] = (
    ("", ("configmaps", "serviceaccounts", "services")),
    ("apps", ("deployments",)),
    ("autoscaling", ("horizontalpodautoscalers",)),
    ("batch", ("jobs",)),
    ("networking.k8s.io", ("ingresses", "networkpolicies")),
    ("policy", ("poddisruptionbudgets",)),
    (CNPG[0], ("clusters", "scheduledbackups")),
    (BARMAN[0], ("objectstores",)),
    (GATEWAY[0], ("httproutes",)),
    (PROMETHEUS[0], ("prometheusrules", "servicemonitors")),
)
"""What a deployment makes in its namespace, but for Secrets."""
OBSERVED: Final[Rights] = (
    # The provider waits for a Deployment with a watch on claims as well, and without this right it waits for ever.
    ("", ("endpoints", "events", "namespaces", "persistentvolumeclaims", "pods")),
    ("apps", ("replicasets",)),
    ("discovery.k8s.io", ("endpointslices",)),
    ("rbac.authorization.k8s.io", ("rolebindings", "roles")),
)
"""What it looks at."""


@dataclass(frozen=True, kw_only=True)
class OidcTrustArgs:
    """`repository` is owner/name; `subject_prefix` is what the `sub` of its tokens begins with.

    `environment` is the deployment environment whose workflows may write.
    """

    place: Place
    repository: str
    subject_prefix: str
    environment: str


class OidcTrust(pulumi.ComponentResource):
    """Two roles of the namespace, each bound to one subject. `authentication` is for the API server."""

    authentication: str

    def __init__(self, name: str, args: OidcTrustArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:OidcTrust", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        # A pull request's code runs with the first: it must not be able to read, and print, a secret.
        _grant(f"{name}-preview", args, "pull_request", [*_rules(WORKLOAD, READ), *_rules(OBSERVED, READ)], own)
        _grant(f"{name}-deploy", args, f"environment:{args.environment}", _deploying(), own)
        self.authentication = authentication_configuration(args.repository)
        self.register_outputs({"authentication": self.authentication})


def authentication_configuration(repository: str) -> str:
    """What the API server must be started with to know the workflows of one repository, as YAML.

    A user is named `github:` and the token's subject, which names the repository and the environment, so nobody else's
    token is any user with rights; the rule on the repository refuses the others at the door.
    """
    return yaml.safe_dump(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthenticationConfiguration",
            "jwt": [
                {
                    "issuer": {"url": ISSUER, "audiences": [AUDIENCE]},
                    "claimValidationRules": [{"claim": "repository", "requiredValue": repository}],
                    "claimMappings": {"username": {"claim": "sub", "prefix": USER_PREFIX}},
                    "userValidationRules": [
                        {
                            "expression": "!user.username.startsWith('system:')",
                            "message": "a name of the cluster's own users",
                        }
                    ],
                }
            ],
        },
        sort_keys=False,
    )


def _deploying() -> list[rbac.PolicyRuleArgs]:
    """Also Secrets, which a deployment writes and whose values it takes out of logs, and the migration's log."""
    return [
        *_rules(WORKLOAD, WRITE),
        *_rules(OBSERVED, READ),
        *_rules((("", ("secrets",)),), WRITE),
        *_rules((("", ("pods/log",)),), ("get",)),
    ]


def _rules(rights: Rights, verbs: Sequence[str]) -> list[rbac.PolicyRuleArgs]:
    return [rbac.PolicyRuleArgs(api_groups=[group], resources=kinds, verbs=verbs) for group, kinds in rights]


def _grant(
    name: str, args: OidcTrustArgs, subject: str, rules: Sequence[rbac.PolicyRuleArgs], opts: pulumi.ResourceOptions
) -> None:
    called = f"{args.place.name}-github-{name.rpartition('-')[2]}"
    role = rbac.Role(f"{name}-role", metadata=metadata(args.place, SERVICE, called), rules=rules, opts=opts)
    group = "rbac.authorization.k8s.io"
    rbac.RoleBinding(
        f"{name}-binding",
        metadata=metadata(args.place, SERVICE, called),
        role_ref=rbac.RoleRefArgs(api_group=group, kind="Role", name=name_of(role)),
        subjects=[rbac.SubjectArgs(api_group=group, kind="User", name=f"{USER_PREFIX}{args.subject_prefix}:{subject}")],
        opts=opts,
    )
