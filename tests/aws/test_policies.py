"""What the roles of GitHub's workflows may do, against what AWS publishes of its actions and of our resource types."""

from collections.abc import Mapping

import pytest

from components.aws.oidc_trust import deploy_policies, preview_policies
from components.aws.policies import Scope
from stacks.settings import AwsSettings
from tests.aws.policy_scopes import FULL, KEY, LEAST, SCOPES, all_statements, granted_by
from tests.aws_settings import parse_aws, parse_production
from tests.contracts.aws.recording import EVERYTHING, recorded
from tests.contracts.recorder import Recording
from tests.judges.cloudformation_mapping import TYPES, kinds_of
from tests.judges.cloudformation_permissions import (
    INDEPENDENT,
    NO_PREVIEW,
    PROVIDER_READS,
    PROVIDER_WRITES,
    WITHHELD,
    Reasons,
    actions,
)
from tests.judges.cloudformation_types import handler_actions, made_types
from tests.judges.iam import listed, published

pytestmark = pytest.mark.unit

SHOWS_STATE = "kms:Decrypt"
"""AWS counts decryption as writing. A preview without it cannot read the stack's state at all."""

ONLY_WITH: Mapping[str, frozenset[str]] = {
    "ec2:DescribeAddressesAttribute": frozenset({"Eip"}),
    "ec2:DescribePrefixLists": frozenset({"VpcEndpoint"}),
    "route53:AssociateVPCWithHostedZone": frozenset({"VpcEndpoint"}),
    "iam:AttachRolePolicy": frozenset({"RolePolicyAttachment"}),
    "iam:DetachRolePolicy": frozenset({"RolePolicyAttachment"}),
}
"""Actions that are needed by these types alone: no handler says so, or a role's handler says more."""

STATE_READS = frozenset({"kms:Decrypt", "s3:GetObject", "s3:ListBucket"})
STATE_WRITES = frozenset({"kms:Encrypt", "kms:GenerateDataKey", "s3:DeleteObject", "s3:PutObject"})
"""What only stacks need whose state lies in a bucket, closed by a key of AWS."""

SECRETS_KEY = frozenset({"kms:Decrypt", "kms:GenerateDataKey"})
"""What only stacks need whose secrets are under another key than AWS's own."""

OIDC = {"repository": "owner/name", "environment": "prod"}
IN_A_BUCKET = {**OIDC, "state_bucket": "state-of-stacks", "state_key": KEY}
SUBNETS = {
    "public_subnets": ["subnet-00000000000000001", "subnet-00000000000000002"],
    "private_subnets": ["subnet-00000000000000003", "subnet-00000000000000004"],
}
STACKS: Mapping[str, AwsSettings] = {
    "everything": parse_production(**{**EVERYTHING, "oidc": IN_A_BUCKET}, rollout={"strategy": "canary"}),
    "as prod comes": parse_production(oidc=OIDC),
    "as dev comes": parse_aws(oidc=OIDC),
    "in a foreign VPC": parse_aws(oidc=OIDC, network={"vpc": {"id": "vpc-0123456789abcdef0", **SUBNETS}}),
}

WITHOUT_AN_ADMINISTRATOR = frozenset({"Eip", "NatGateway", "ListenerRule", "TopicSubscription"})
"""What a stack may not have, and workflows may give it: another `network.nat`, an address for alarms."""


def short(token: str) -> str:
    return token.rsplit(":", 1)[-1]


def published_for(*handlers: str, tokens: frozenset[str] | None = None) -> frozenset[str]:
    made = made_types() if tokens is None else tokens
    kinds = {kind for token in made for kind in (kinds_of(token) if token in TYPES else ())}
    return frozenset(action for kind in kinds for action in handler_actions(kind, *handlers))


def types_of(recording: Recording, *, by_administrators: bool) -> frozenset[str]:
    """The types of a stack's resources, with those of the trust itself, which an administrator makes, or without."""
    found = {
        resource.type
        for resource in recording.resources
        if by_administrators or not resource.name.startswith(("trust-", "boundary-"))
    }
    own = {token for token in made_types() if short(token) in WITHOUT_AN_ADMINISTRATOR}
    nat = {"Eip", "NatGateway"}
    owned = any(short(token) == "Vpc" for token in found)
    return frozenset(found | {token for token in own if owned or short(token) not in nat})


def only(needed: frozenset[str], tokens: frozenset[str]) -> frozenset[str]:
    """Those of the actions that one of the types makes needed, where that depends on one."""
    names = {short(token) for token in tokens}
    return frozenset(action for action in needed if action not in ONLY_WITH or ONLY_WITH[action] & names)


def readable(settings: AwsSettings) -> frozenset[str]:
    """What a preview of a stack needs."""
    tokens = types_of(recorded(settings), by_administrators=True)
    found = published_for("read", tokens=tokens) - actions(WITHHELD) - actions(NO_PREVIEW) | actions(PROVIDER_READS)
    return only(found if settings.oidc and settings.oidc.state_key else found - STATE_READS, tokens)


def writable(settings: AwsSettings) -> frozenset[str]:
    """What a deployment of a stack needs beyond a preview."""
    tokens = types_of(recorded(settings), by_administrators=False)
    found = published_for("create", "read", "update", "delete", tokens=tokens) - actions(WITHHELD)
    found |= actions(PROVIDER_WRITES)
    if settings.oidc is None or settings.oidc.state_key is None:
        found -= STATE_READS | STATE_WRITES
    if settings.secrets.kms_key != "aws":
        found |= SECRETS_KEY
    return only(found, tokens)


def policies_of(settings: AwsSettings) -> tuple[set[str], set[str]]:
    """What the composed stack's own policies grant: to read, and to write."""
    found = {
        resource.inputs["name"]: resource.inputs["policy"]
        for resource in recorded(settings).resources
        if short(resource.type) == "Policy" and resource.name.startswith("trust-")
    }
    reading = {name: text for name, text in found.items() if "-read-" in name}
    return granted_by(reading), granted_by({name: text for name, text in found.items() if name not in reading})


def test_every_type_of_aws_that_the_components_make_is_known_here() -> None:
    made = {token for token in made_types() if token.startswith("aws:")}
    assert len(made) > 30
    assert made <= set(TYPES)


@pytest.mark.parametrize("name", STACKS)
def test_a_preview_may_read_all_that_its_types_need_and_nothing_else(name: str) -> None:
    reading, _ = policies_of(STACKS[name])
    assert reading == readable(STACKS[name])


@pytest.mark.parametrize("name", STACKS)
def test_a_deployment_may_do_all_that_its_types_need_and_nothing_that_none_needs(name: str) -> None:
    reading, writing = policies_of(STACKS[name])
    assert reading | writing == readable(STACKS[name]) | writable(STACKS[name])


def test_the_stacks_here_make_every_type_that_there_is() -> None:
    made = {resource.type for settings in STACKS.values() for resource in recorded(settings).resources}
    assert {token for token in made_types() if token.startswith("aws:")} <= made


def test_what_aws_says_that_an_action_needs_besides_is_granted_as_well() -> None:
    allowed = granted_by(preview_policies(FULL)) | granted_by(deploy_policies(FULL))
    needed = {other for action in allowed if (known := published(action)) is not None for other in known.depends}
    # AWS itself writes some of these names in two ways.
    lower = {action.lower() for action in allowed}
    assert {other for other in needed if other.lower() not in lower} == actions(INDEPENDENT)


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_a_preview_writes_nothing(scope: Scope) -> None:
    for action in granted_by(preview_policies(scope)) - {SHOWS_STATE}:
        known = published(action)
        assert known is not None
        assert known.levels <= {"List", "Read"}, action


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_a_preview_reads_no_secret(scope: Scope) -> None:
    assert granted_by(preview_policies(scope)).isdisjoint({"secretsmanager:GetSecretValue", "logs:GetLogEvents"})


def test_a_preview_can_decrypt_with_the_key_of_the_state_and_with_no_other() -> None:
    found = [statement for statement in all_statements(FULL) if statement["Sid"] == "StateOpen"]
    assert [listed(statement["Resource"]) for statement in found] == [[KEY]]
    assert SHOWS_STATE not in granted_by(preview_policies(LEAST))


def test_every_difference_from_what_aws_publishes_still_says_something() -> None:
    everything, reading = published_for("create", "read", "update", "delete"), published_for("read")
    assert actions(WITHHELD) <= everything
    assert actions(NO_PREVIEW) <= reading
    assert actions(PROVIDER_READS).isdisjoint(reading)
    assert actions(PROVIDER_WRITES).isdisjoint(everything)
    assert set(ONLY_WITH) | STATE_READS | STATE_WRITES | SECRETS_KEY <= (
        everything | actions(PROVIDER_READS) | actions(PROVIDER_WRITES)
    )


@pytest.mark.parametrize("table", [WITHHELD, NO_PREVIEW, PROVIDER_READS, PROVIDER_WRITES, INDEPENDENT])
def test_each_action_is_given_one_reason(table: Reasons) -> None:
    assert sum(len(those) for those in table.values()) == len(actions(table))
    assert all(those for those in table.values())
