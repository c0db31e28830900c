"""What cannot change while a stack lives, and the refusal of a change before anything is touched.

AWS refuses some changes halfway, ignores others, and grants a few by taking the data along. What such a change would
start from is recorded at the first update; from then on the preview refuses it. A stack that is older than this, or
than one of the facts, records what it finds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.aws.keys import AWS_KEY, CREATE_KEY
from components.contracts import DeploymentError
from components.dynamic import plain_errors

ZONES, ZONE_NAMES, KMS_KEY = "network.zones", "network.zone_names", "secrets.kms_key"
MAJOR_VERSION, RESTORED = "database.major_version", "database.restore_from"
ELSEWHERE = "or make another stack, and restore the database there"
FIXED: Final[Mapping[str, str]] = {
    "name": "everything would be made anew under other names, the database without its data and the registry without "
    "its images",
    "aws.region": "nothing can move to another region, and what there is would be looked for where there is nothing",
    "aws.account_id": "nothing can move to another account, and these credentials belong to another one",
    "network.cidr": "AWS cannot change a network's addresses, and everything in it, the database included, would be "
    "made anew",
    "network.vpc": "neither the database's subnets nor the load balancer's targets can move to another network",
}
"""By key, what a change would do. `name` is the prefix of all names, which holds the stack's own name too; an empty
text stands for a key that is not set."""


@dataclass(frozen=True, kw_only=True)
class LastingArgs:
    """`facts` are texts by the key of the settings that they follow from.

    `network.zones` are the names of the zones in use, `network.zone_names` those that the settings name, if they do.
    """

    facts: Mapping[str, pulumi.Input[str] | Sequence[pulumi.Input[str]]]


class Lasting(pulumi.ComponentResource):
    """The record of what is fixed; whatever comes after it is not reached by a change that is refused."""

    def __init__(self, name: str, args: LastingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Lasting", name, None, opts)
        record = _Record(f"{name}-record", facts=args.facts, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"facts": record.facts})


def lasting_facts(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """What is recorded from now on.

    Raises DeploymentError, with every key that must not change, when there is one.
    """
    refused = [
        reason
        for key, value in new.items()
        if key in old and isinstance(value, str) and (reason := _refusal(key, str(old[key]), value))
    ]
    zones, problem = _zones(_names(old, ZONES), _names(new, ZONES), named=bool(_names(new, ZONE_NAMES)))
    refused += [reason for reason in (problem, _version_refusal(old, new)) if reason]
    if refused:
        raise DeploymentError("\n".join(refused))
    return {**old, **new, **({ZONES: zones} if ZONES in new else {})}


def _refusal(key: str, old: str, new: str) -> str | None:
    if old == new:
        return None
    if key == KMS_KEY:
        return _key_refusal(old, new)
    # The addresses of a network that is not the stack's own are no fact about it.
    if key not in FIXED or (key == "network.cidr" and not (old and new)):
        return None
    return (
        f"{key} is fixed while the stack lives and would change from {old or 'none'} to {new or 'none'}: {FIXED[key]}. "
        f"Nothing was changed; set it back to {old or 'none'}, {ELSEWHERE}"
    )


def _key_refusal(old: str, new: str) -> str | None:
    """Why secrets cannot be given this key.

    Pulumi's provider never sends an empty key, so Secrets Manager would go on with the one of before. With another
    one Secrets Manager encrypts again only as far as whoever deploys may use it, and says nothing of the rest.
    """
    if old not in {AWS_KEY, CREATE_KEY} and new != AWS_KEY:
        return None
    if old == AWS_KEY:
        return None
    lost = "is the stack's own and would be deleted" if old == CREATE_KEY else "could not be used by the tasks any more"
    return (
        f"{KMS_KEY} would change from {old} to {new}: the secrets would stay encrypted with the key of before, which "
        f"{lost}, and no task could start. Nothing was changed; set it back to {old}, {ELSEWHERE}"
    )


def _version_refusal(old: Mapping[str, object], new: Mapping[str, object]) -> str | None:
    before, after = str(old.get(MAJOR_VERSION, "")), str(new.get(MAJOR_VERSION, ""))
    made_anew = new.get(RESTORED) and new.get(RESTORED) != old.get(RESTORED)
    if not (before and after) or int(after) >= int(before) or made_anew:
        return None
    return (
        f"{MAJOR_VERSION} would go from {before} to {after}: RDS never goes back, and would refuse it halfway. Nothing "
        f"was changed; set it back to {before}, or restore a snapshot of version {after} ({RESTORED})"
    )


def _zones(old: Sequence[str], new: Sequence[str], *, named: bool) -> tuple[list[str], str | None]:
    """The zones of the subnets, in their order, and why these cannot follow the others.

    A subnet stays where it was made, so of those that exist the record is right, and not what a region lists today.
    """
    if not old or not new:
        return list(new), None
    added, beginning = list(new[len(old) :]), ", ".join(old)
    if len(new) < len(old):
        wrong = f"{ZONES} would go from {len(old)} to {len(new)}: what stands in the last zones cannot leave them"
        remedy = f"set {ZONES} back to {len(old)}"
    elif named and list(new[: len(old)]) != list(old):
        wrong = f"{ZONE_NAMES} would no longer begin with {beginning}: subnets cannot move to another zone"
        remedy = f"let {ZONE_NAMES} begin with {beginning}"
    elif taken := sorted(set(added) & set(old)):
        wrong = f"{ZONES} would make second subnets in {taken[0]}, which AWS refuses for a load balancer"
        remedy = f"name the zones: {ZONE_NAMES} begins with {beginning} and goes on with others"
    else:
        return [*old, *added], None
    return list(old), f"{wrong}. Nothing was changed; {remedy}"


def _names(facts: Mapping[str, object], key: str) -> list[str]:
    found = facts.get(key)
    return [str(name) for name in cast(list[object], found)] if isinstance(found, list) else []


class _LastingProvider(ResourceProvider):
    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Raises DeploymentError for a change that must not happen, so that a preview says so."""
        return DiffResult(changes=lasting_facts(_olds["facts"], _news["facts"]) != _olds["facts"])

    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="lasting", outs={"facts": lasting_facts({}, props["facts"])})

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs={"facts": lasting_facts(_olds["facts"], _news["facts"])})


class _Record(Resource, module="aws", name="Lasting"):
    facts: pulumi.Output[dict[str, Any]]

    def __init__(self, name: str, *, facts: Mapping[str, object], opts: pulumi.ResourceOptions) -> None:
        super().__init__(_LastingProvider(), name, {"facts": facts}, opts)
