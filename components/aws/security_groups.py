"""Who may open connections to whom: three groups whose rules name each other, and no address but at the front door.

The rules are resources of their own, because groups that name each other cannot be created with their rules inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, vpc

POSTGRES_PORT = 5432
HTTPS_PORT = 443
EVERYBODY = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The ids of the groups."""

    load_balancer: pulumi.Output[str]
    service: pulumi.Output[str]
    database: pulumi.Output[str]


def create_groups(
    name: str, *, vpc_id: pulumi.Input[str], public_ports: Sequence[int], app_port: int, opts: pulumi.ResourceOptions
) -> Groups:
    """Creates the groups of the load balancer, the service and the database, and their rules.

    The service asks out on 443 alone (images, secrets, logs, models' interfaces) and to the database; names are
    resolved by the network's own resolver, which no group holds back. The database asks nobody.
    """
    load_balancer = _group(f"{name}-load-balancer", "The front door: HTTP and HTTPS from everywhere", vpc_id, opts)
    service = _group(f"{name}-service", "The tasks: the load balancer alone may connect", vpc_id, opts)
    database = _group(f"{name}-database", "The database: the tasks alone may connect", vpc_id, opts)
    for port in public_ports:
        _from_everywhere(f"{name}-load-balancer-in-{port}", load_balancer, port, opts)
    _between(f"{name}-load-balancer-to-service", load_balancer, service, app_port, opts)
    _between(f"{name}-service-to-database", service, database, POSTGRES_PORT, opts)
    vpc.SecurityGroupEgressRule(
        f"{name}-service-to-https",
        security_group_id=service.id,
        description="Images, secrets, logs, and the interfaces of models",
        ip_protocol="tcp",
        from_port=HTTPS_PORT,
        to_port=HTTPS_PORT,
        cidr_ipv4=EVERYBODY,
        opts=opts,
    )
    return Groups(load_balancer=load_balancer.id, service=service.id, database=database.id)


def create_endpoint_group(
    name: str, *, vpc_id: pulumi.Input[str], service: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> pulumi.Output[str]:
    """The group of the interface endpoints: the tasks alone may connect."""
    group = _group(name, "The endpoints of services of AWS: the tasks alone may connect", vpc_id, opts)
    vpc.SecurityGroupIngressRule(
        f"{name}-in",
        security_group_id=group.id,
        description="From the tasks",
        ip_protocol="tcp",
        from_port=HTTPS_PORT,
        to_port=HTTPS_PORT,
        referenced_security_group_id=service,
        opts=opts,
    )
    return group.id


def _group(name: str, description: str, vpc_id: pulumi.Input[str], opts: pulumi.ResourceOptions) -> ec2.SecurityGroup:
    return ec2.SecurityGroup(name, vpc_id=vpc_id, description=description, opts=opts)


def _from_everywhere(name: str, group: ec2.SecurityGroup, port: int, opts: pulumi.ResourceOptions) -> None:
    vpc.SecurityGroupIngressRule(
        name,
        security_group_id=group.id,
        description="From everywhere",
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        cidr_ipv4=EVERYBODY,
        opts=opts,
    )


def _between(
    name: str, source: ec2.SecurityGroup, target: ec2.SecurityGroup, port: int, opts: pulumi.ResourceOptions
) -> None:
    """Lets one group connect to another on one port: both sides must say so."""
    vpc.SecurityGroupEgressRule(
        f"{name}-out",
        security_group_id=source.id,
        description="To the next behind it, and to nobody else",
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        referenced_security_group_id=target.id,
        opts=opts,
    )
    vpc.SecurityGroupIngressRule(
        f"{name}-in",
        security_group_id=target.id,
        description="From the one before it, and from nobody else",
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        referenced_security_group_id=source.id,
        opts=opts,
    )
