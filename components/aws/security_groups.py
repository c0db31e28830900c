"""Who may open connections to whom: three groups whose rules name each other, and no address but at the front door.

The rules are resources of their own, because groups that name each other cannot be created with their rules inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ec2, vpc

POSTGRES_PORT = 5432
HTTPS_PORT = 443
DNS_PORT = 53
EVERYBODY = "0.0.0.0/0"
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
"""What a VPC, and whatever it is connected to, has addresses of."""


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The ids of the groups."""

    load_balancer: pulumi.Output[str]
    service: pulumi.Output[str]
    database: pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One direction of a connection: `group` may be asked (`in`) or may ask (`out`) on a port.

    Exactly one of `peer` (another group's id) and `cidr` says by whom or whom.
    """

    name: str
    way: Literal["in", "out"]
    group: pulumi.Input[str]
    port: int
    description: str
    peer: pulumi.Input[str] | None = None
    cidr: str | None = None
    protocol: Literal["tcp", "udp"] = "tcp"


def create_groups(
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    public_ports: Sequence[int],
    app_port: int,
    resolvers: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> Groups:
    """Creates the groups of the load balancer, the service and the database, and their rules.

    The service asks out on 443 alone (images, secrets, logs, models' interfaces) and to the database. Names are
    resolved by the network's own resolver, which no group holds back; `resolvers` are the blocks in which another one
    may stand. The database asks nobody.
    """
    load_balancer = _group(f"{name}-load-balancer", "The front door: HTTP and HTTPS from everywhere", vpc_id, opts)
    service = _group(f"{name}-service", "The tasks: the load balancer alone may connect", vpc_id, opts)
    database = _group(f"{name}-database", "The database: the tasks alone may connect", vpc_id, opts)
    rules = [
        *(
            Rule(
                name=f"load-balancer-in-{port}",
                way="in",
                group=load_balancer,
                port=port,
                cidr=EVERYBODY,
                description="From everywhere",
            )
            for port in public_ports
        ),
        *_both_sides("load-balancer-to-service", load_balancer, service, app_port),
        *_both_sides("service-to-database", service, database, POSTGRES_PORT),
        Rule(
            name="service-to-https",
            way="out",
            group=service,
            port=HTTPS_PORT,
            cidr=EVERYBODY,
            description="Images, secrets, logs, and the interfaces of models",
        ),
        *_names_resolved_by(resolvers, service),
    ]
    for rule in rules:
        _create(name, rule, opts)
    return Groups(load_balancer=load_balancer, service=service, database=database)


def create_endpoint_group(
    name: str, *, vpc_id: pulumi.Input[str], service: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The group of the interface endpoints: the tasks alone may connect."""
    group = _group(name, "The endpoints of services of AWS: the tasks alone may connect", vpc_id, opts)
    rule = Rule(name="in", way="in", group=group, port=HTTPS_PORT, peer=service, description="From the tasks")
    _create(name, rule, opts)
    return group


def _both_sides(name: str, source: pulumi.Output[str], target: pulumi.Output[str], port: int) -> list[Rule]:
    """One group connects to another on one port: both sides must say so."""
    out = "To the next behind it, and to nobody else"
    back = "From the one before it, and from nobody else"
    return [
        Rule(name=f"{name}-out", way="out", group=source, port=port, peer=target, description=out),
        Rule(name=f"{name}-in", way="in", group=target, port=port, peer=source, description=back),
    ]


def _names_resolved_by(blocks: Sequence[str], service: pulumi.Output[str]) -> list[Rule]:
    """Names are asked for by UDP, and by TCP where an answer is long."""
    protocols: tuple[Literal["udp"], Literal["tcp"]] = ("udp", "tcp")
    return [
        Rule(
            name=f"service-to-names-{protocol}-{at}",
            way="out",
            group=service,
            port=DNS_PORT,
            cidr=block,
            protocol=protocol,
            description="The servers that resolve names",
        )
        for protocol in protocols
        for at, block in enumerate(blocks)
    ]


def _group(name: str, description: str, vpc_id: pulumi.Input[str], opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    return ec2.SecurityGroup(name, vpc_id=vpc_id, description=description, opts=opts).id


def _create(name: str, rule: Rule, opts: pulumi.ResourceOptions) -> None:
    # Each class is called by its own name: by that the judges find which types are made.
    if rule.way == "in":
        vpc.SecurityGroupIngressRule(
            f"{name}-{rule.name}",
            security_group_id=rule.group,
            description=rule.description,
            ip_protocol=rule.protocol,
            from_port=rule.port,
            to_port=rule.port,
            referenced_security_group_id=rule.peer,
            cidr_ipv4=rule.cidr,
            opts=opts,
        )
    else:
        vpc.SecurityGroupEgressRule(
            f"{name}-{rule.name}",
            security_group_id=rule.group,
            description=rule.description,
            ip_protocol=rule.protocol,
            from_port=rule.port,
            to_port=rule.port,
            referenced_security_group_id=rule.peer,
            cidr_ipv4=rule.cidr,
            opts=opts,
        )
