"""IAM policies as pure data: what is granted, to which of the stack's own resources, and how it is cut into documents.

What each service needs stands in permissions_*.py. A test compares all of it with the actions that AWS publishes for
the resource types that the stack makes, so that nothing is missing and nothing is granted that no type needs.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from components.aws.arns import arn

MOST_DOCUMENT = 6144
"""How many characters a managed policy may have, without white space."""
STACK_TAG = "rag:stack"
"""The tag that every resource of a stack carries. Where AWS gives an id instead of a name, policies go by it."""
TRUST_PATH = "/github/"
"""Where the trust itself lies: its roles, their policies, and the boundary of all other roles.

No statement that writes reaches in there, so no role can widen what it may do.
"""

Condition = Mapping[str, Mapping[str, str | Sequence[str]]]


@dataclass(frozen=True, kw_only=True)
class Names:
    """By what the stack's resources are known: their account and region, how their names begin, their tag's value."""

    account: str
    region: str
    prefix: str
    stack: str

    def arn(self, service: str, resource: str) -> str:
        """A resource of this account and region."""
        return arn(service, resource, region=self.region, account=self.account)

    def arns(self, service: str, *resources: str) -> tuple[str, ...]:
        """Several of one service."""
        return tuple(self.arn(service, resource) for resource in resources)

    def everywhere(self, service: str, resource: str) -> str:
        """A resource of this account that belongs to no region."""
        return arn(service, resource, account=self.account)

    def named(self, service: str, kind: str, *rests: str) -> tuple[str, ...]:
        """The resources of a kind whose names are the stack's prefix and one of these endings.

        What a stack has whose name continues this one's after a hyphen is covered as well: choose other names.
        """
        return self.arns(service, *(f"{kind}{self.prefix}{rest}" for rest in rests))

    @property
    def tagged(self) -> Condition:
        """The resource belongs to the stack."""
        return {"StringEquals": {f"aws:ResourceTag/{STACK_TAG}": self.stack}}

    @property
    def tagging(self) -> Condition:
        """The request makes the new resource the stack's."""
        return {"StringEquals": {f"aws:RequestTag/{STACK_TAG}": self.stack}}

    @property
    def adopting(self) -> Condition:
        """The same, where a service asks for the permission to tag and cannot say that the resource is new.

        What carries another stack's tag stays out of reach; what carries none at all does not.
        """
        return {
            "StringEquals": {f"aws:RequestTag/{STACK_TAG}": self.stack},
            "StringEqualsIfExists": {f"aws:ResourceTag/{STACK_TAG}": self.stack},
        }

    @property
    def through_secrets(self) -> Condition:
        """A key is used for Secrets Manager's secrets alone, and by nobody who talks to the key itself."""
        return {"StringEquals": {"kms:ViaService": f"secretsmanager.{self.region}.amazonaws.com"}}


@dataclass(frozen=True, kw_only=True)
class State:
    """Where Pulumi keeps the stack's state: in this bucket, under the names of the project and the stack."""

    bucket: str
    project: str
    stack: str


@dataclass(frozen=True, kw_only=True)
class Scope(Names):
    """What the stack is made of, as far as its permissions follow from that.

    `domain` lies in the hosted zone `zone` (its id). `vpc` is a VPC (its id) that the stack uses without owning it;
    None when it has one of its own, to which `endpoints` can belong. `own_key` says that the stack makes the key of
    its secrets, and `keys` are keys (ARNs) that exist outside of it.

    `passed` names by service (`ecs-tasks.amazonaws.com`) the roles, by their ARNs, that the stack hands to it, and
    `boundary` (a policy's ARN) is what all of them carry. `state` is where Pulumi's own state lies if in a bucket, and
    `state_key` (ARN) what closes its secrets if a key of AWS does; each can be had without the other.
    """

    boundary: str
    domain: str | None = None
    zone: str | None = None
    vpc: str | None = None
    endpoints: bool = False
    waf: bool = False
    own_key: bool = False
    keys: tuple[str, ...] = ()
    passed: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    state: State | None = None
    state_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One statement. `reads` says that a preview needs it as well: it changes nothing and shows no secret."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    reads: bool = False
    when: Condition = field(default_factory=dict[str, Mapping[str, str | Sequence[str]]])

    def statement(self) -> dict[str, object]:
        """The statement as IAM reads it."""
        statement: dict[str, object] = {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": sorted(self.actions),
            "Resource": list(self.resources),
        }
        return {**statement, "Condition": self.when} if self.when else statement


def document(grants: Iterable[Grant]) -> str:
    """The grants as the text of one managed policy.

    Raises ValueError when AWS would refuse it for its length, which the length of the stack's names decides.
    """
    statements = [grant.statement() for grant in grants]
    text = _text(statements)
    if len(text) > MOST_DOCUMENT:
        raise ValueError(
            f"the policy that begins with {statements[0]['Sid']} has {len(text)} characters, and IAM takes "
            f"{MOST_DOCUMENT}: the role would never get it; shorten rag:name, or divide the policy in "
            "components/aws/oidc_trust.py"
        )
    return text


def _text(statements: Sequence[Mapping[str, object]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


GITHUB = "token.actions.githubusercontent.com"
"""Who signs the tokens of GitHub's workflows."""
AUDIENCE = "sts.amazonaws.com"


def provider_arn(account: str) -> str:
    """Where an account keeps its trust in GitHub: there can be one only, so it needs no look-up."""
    return arn("iam", f"oidc-provider/{GITHUB}", account=account)


def trust(provider: str, subject: str) -> str:
    """Who may take a role: workflows whose token was made for AWS and names exactly this subject.

    Raises ValueError for a subject with a wildcard: compared as text it would match nobody.
    """
    if any(letter in subject for letter in "*?"):
        raise ValueError(
            f"the subject {subject!r} holds a wildcard, which is compared as text here: no workflow could ever log "
            "in; write the exact subject under oidc.subject_prefix and oidc.environment"
        )
    return _text(
        [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {f"{GITHUB}:aud": AUDIENCE, f"{GITHUB}:sub": subject}},
            }
        ]
    )
