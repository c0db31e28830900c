"""Which addresses a network's subnets get: arithmetic only.

The block is cut into sixteen equal parts. Each kind of subnet has four of them, one a zone, whether a zone is in use
or not: a zone that is added later takes its own part, and no subnet that exists moves (moving one replaces everything
in it). The last four stay free.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network

KINDS = ("public", "tasks", "database")
MOST_ZONES = 4
PARTS_BITS = 4
"""Sixteen parts."""
AWS_RESERVED = 5
"""The first four addresses and the last of each subnet are AWS's own."""


@dataclass(frozen=True, kw_only=True)
class SubnetPlan:
    """The blocks of one network, by zone."""

    public: tuple[str, ...]
    tasks: tuple[str, ...]
    database: tuple[str, ...]


def plan_subnets(cidr: str, *, zones: int) -> SubnetPlan:
    """Cuts the block into subnets for so many zones (at most four)."""
    if not 1 <= zones <= MOST_ZONES:
        raise ValueError(f"{zones} zones do not fit: a block is cut for 1 to {MOST_ZONES} of them; lower network.zones")
    parts = [str(part) for part in IPv4Network(cidr).subnets(prefixlen_diff=PARTS_BITS)]
    first = {kind: place * MOST_ZONES for place, kind in enumerate(KINDS)}
    return SubnetPlan(
        public=tuple(parts[first["public"] :][:zones]),
        tasks=tuple(parts[first["tasks"] :][:zones]),
        database=tuple(parts[first["database"] :][:zones]),
    )


def usable_addresses(cidr: str) -> int:
    """How many addresses of a subnet AWS leaves to its user."""
    return IPv4Network(cidr).num_addresses - AWS_RESERVED
