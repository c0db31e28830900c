"""Endpoints of AWS's own services inside the network.

Reasons for them: images and logs no longer pay the NAT gateway's price by the gigabyte, and a policy may demand that
secrets never leave AWS's network. Against them: each interface endpoint costs by the hour in each zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2

from components.aws.security_groups import create_endpoint_group

INTERFACES = ("ecr.api", "ecr.dkr", "logs", "secretsmanager")
"""What a task needs to start and to log. The layers of images come from S3, whose gateway costs nothing."""


@dataclass(frozen=True, kw_only=True)
class EndpointPlaces:
    """Where the endpoints stand: the tasks' subnets and route tables, and the group that may use them."""

    vpc_id: pulumi.Input[str]
    subnets: Sequence[pulumi.Input[str]]
    routes: Sequence[pulumi.Input[str]]
    service: pulumi.Input[str]


def create_endpoints(name: str, *, region: str, places: EndpointPlaces, opts: pulumi.ResourceOptions) -> None:
    """Creates the gateway for S3 and an interface for each service in `INTERFACES`."""
    ec2.VpcEndpoint(
        f"{name}-endpoint-s3",
        vpc_id=places.vpc_id,
        service_name=f"com.amazonaws.{region}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=places.routes,
        opts=opts,
    )
    group = create_endpoint_group(f"{name}-endpoints", vpc_id=places.vpc_id, service=places.service, opts=opts)
    for service in INTERFACES:
        ec2.VpcEndpoint(
            f"{name}-endpoint-{service.replace('.', '-')}",
            vpc_id=places.vpc_id,
            service_name=f"com.amazonaws.{region}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=places.subnets,
            security_group_ids=[group],
            opts=opts,
        )
