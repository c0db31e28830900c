"""The network of an AWS stack: one to create, or an existing VPC."""

import re
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from components.aws.subnets import MOST_ZONES
from stacks.settings.aws_ids import SubnetId, VpcId
from stacks.settings.model import Model, Profile

FEWEST_ZONES = 2
"""AWS refuses a load balancer or a database in one zone."""
PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
ZONE = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9][a-f]")
"""No region has more zones than six; local zones have longer names, and neither all services nor the same prices."""
LARGEST_BLOCK, SMALLEST_BLOCK = 16, 20
"""AWS takes no larger block than a /16; below a /20 the load balancer and a rollout would run out of addresses."""


class ExistingVpc(Model):
    """A VPC that somebody else runs. Its private subnets must reach AWS's services, by NAT or by endpoints."""

    id: VpcId
    public_subnets: tuple[SubnetId, ...]
    private_subnets: tuple[SubnetId, ...]

    @model_validator(mode="after")
    def _two_of_each(self) -> Self:
        for name, subnets in (("public_subnets", self.public_subnets), ("private_subnets", self.private_subnets)):
            if len(set(subnets)) < FEWEST_ZONES:
                raise ValueError(
                    f"{name} needs two different subnets in different zones: AWS refuses a load balancer or a "
                    "database in one; name another"
                )
        if shared := sorted(set(self.public_subnets) & set(self.private_subnets)):
            raise ValueError(
                f"{shared[0]} stands among public_subnets and private_subnets: tasks and database would stand where "
                "everybody can be routed to; name private subnets of their own"
            )
        return self


class AwsNetworkSettings(Model):
    """The network to create, or an existing one (`vpc`).

    `nat` is how tasks reach the outside: `none` gives them public addresses (nothing can connect but the load
    balancer), `single` is one gateway, `per-zone` outlives a zone. `endpoints` keeps the way to AWS's own services
    inside of the network. `zone_names` picks zones by name.
    """

    zones: Annotated[int, Field(ge=FEWEST_ZONES, le=MOST_ZONES)] | None = None
    zone_names: tuple[str, ...] | None = None
    nat: Literal["none", "single", "per-zone"] | None = None
    endpoints: bool = False
    flow_logs: bool = False
    cidr: str = "10.20.0.0/16"
    vpc: ExistingVpc | None = None

    def zones_of(self, profile: Profile) -> int:
        """In how many zones things run: three in prod, two (the least that AWS takes) in dev."""
        if self.zone_names is not None:
            return len(self.zone_names)
        return self.zones or (3 if profile == "prod" else 2)

    def nat_of(self, profile: Profile) -> Literal["none", "single", "per-zone"]:
        """How tasks reach the outside: a gateway a zone in prod, none (the cheapest) in dev."""
        return self.nat or ("per-zone" if profile == "prod" else "none")

    @field_validator("zone_names")
    @classmethod
    def _distinct_zones(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        strangers = [name for name in value or () if ZONE.fullmatch(name) is None]
        if strangers:
            raise ValueError(
                f"{strangers[0]!r} is no availability zone, so AWS would refuse the subnet in the middle of the "
                "deployment; write a region's name and a letter from a to f, as `aws ec2 describe-availability-zones` "
                "shows them"
            )
        if value is not None and not FEWEST_ZONES <= len(set(value)) == len(value) <= MOST_ZONES:
            raise ValueError(
                f"needs {FEWEST_ZONES} to {MOST_ZONES} different zones: AWS refuses a load balancer in one; correct it"
            )
        return value

    @field_validator("cidr")
    @classmethod
    def _a_private_block(cls, value: str) -> str:
        try:
            block = IPv4Network(value)
        except ValueError as error:
            raise ValueError(
                f"{value!r} is no block of addresses ({error}), so AWS would refuse the network; "
                "write for example 10.20.0.0/16"
            ) from None
        if not any(block.subnet_of(private) for private in PRIVATE):
            raise ValueError(
                f"{value} is not private: addresses of others on the Internet could not be reached; "
                "take a block of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
            )
        if not LARGEST_BLOCK <= block.prefixlen <= SMALLEST_BLOCK:
            raise ValueError(
                f"{value} is a /{block.prefixlen}: AWS refuses more than a /{LARGEST_BLOCK}, and in less than a "
                f"/{SMALLEST_BLOCK} a rollout would run out of addresses; write for example 10.20.0.0/16"
            )
        return value

    @model_validator(mode="after")
    def _one_network(self) -> Self:
        if self.zones is not None and self.zone_names is not None:
            raise ValueError("zones and zone_names both say where: one of them would be ignored; remove one")
        created = sorted(self.model_fields_set - {"vpc"})
        if self.vpc is not None and created:
            raise ValueError(
                f"{', '.join(created)} shape a network that is created, and would do nothing in an existing vpc; "
                "remove them, or vpc"
            )
        return self
