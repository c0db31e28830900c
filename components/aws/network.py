"""The network: public subnets for the load balancer alone, private ones for tasks and database; or an existing VPC."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ec2

from components.aws.endpoints import EndpointPlaces, create_endpoints
from components.aws.flow_logs import create_flow_log
from components.aws.handles import NetworkHandle
from components.aws.security_groups import EVERYBODY, PRIVATE, Groups, create_groups
from components.aws.subnets import plan_subnets

Nat = Literal["none", "single", "per-zone"]


@dataclass(frozen=True, kw_only=True)
class ExistingNetwork:
    """A VPC that somebody else runs. Its private subnets must reach AWS's services, by NAT or by endpoints."""

    vpc_id: pulumi.Input[str]
    public_subnets: Sequence[pulumi.Input[str]]
    private_subnets: Sequence[pulumi.Input[str]]


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """`zones` are names of availability zones. `nat` is how tasks reach the outside: from public addresses of their
    own (`none`), through one gateway, or through one a zone, which outlives a zone's failure.

    `prefix` begins the names that AWS knows. `public_ports` are what the load balancer listens on, `app_port` what the
    tasks do. `flow_log_days` is how long the record of connections is kept, if there is one; `boundary` is the
    permissions boundary of the role that writes it, for this account alone. With `existing` only the security groups
    are created.
    """

    prefix: str
    region: str
    cidr: str
    zones: Sequence[pulumi.Input[str]]
    nat: Nat
    endpoints: bool
    public_ports: Sequence[int]
    app_port: int
    flow_log_days: int | None
    account_id: pulumi.Input[str]
    boundary: pulumi.Input[str] | None = None
    existing: ExistingNetwork | None = None


class Network(pulumi.ComponentResource):
    """Where things run; `handle` says it to the other components.

    `flow_log_role` is the ARN of the role that whoever deploys must be allowed to hand to the record of connections.
    """

    handle: NetworkHandle
    flow_log_role: pulumi.Output[str] | None

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.handle = _adopt(name, args, args.existing, child) if args.existing else _create(name, args, child)
        self.flow_log_role = _flow_log(name, args, self.handle.vpc_id, child)
        self.register_outputs({"vpc_id": self.handle.vpc_id})


def _groups(name: str, args: NetworkArgs, vpc_id: pulumi.Input[str], opts: pulumi.ResourceOptions) -> Groups:
    return create_groups(
        name,
        vpc_id=vpc_id,
        public_ports=args.public_ports,
        app_port=args.app_port,
        # A network of our own has AWS's resolver. Somebody else's may have its own servers, on either side of it.
        resolvers=PRIVATE if args.existing else (),
        opts=opts,
    )


def _flow_log(
    name: str, args: NetworkArgs, vpc_id: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> pulumi.Output[str] | None:
    if args.flow_log_days is None:
        return None
    return create_flow_log(
        f"{name}-flow",
        prefix=args.prefix,
        vpc_id=vpc_id,
        days=args.flow_log_days,
        account=args.account_id,
        boundary=args.boundary,
        opts=opts,
    )


def _adopt(name: str, args: NetworkArgs, existing: ExistingNetwork, opts: pulumi.ResourceOptions) -> NetworkHandle:
    groups = _groups(name, args, existing.vpc_id, opts)
    return NetworkHandle(
        vpc_id=existing.vpc_id,
        public_subnets=existing.public_subnets,
        task_subnets=existing.private_subnets,
        database_subnets=existing.private_subnets,
        load_balancer_group=groups.load_balancer,
        service_group=groups.service,
        database_group=groups.database,
        assign_public_ip=False,
    )


def _create(name: str, args: NetworkArgs, opts: pulumi.ResourceOptions) -> NetworkHandle:
    plan = plan_subnets(args.cidr, zones=len(args.zones))
    net = ec2.Vpc(
        f"{name}-vpc",
        cidr_block=args.cidr,
        enable_dns_support=True,
        # Without host names the endpoints' private names do not resolve.
        enable_dns_hostnames=True,
        tags={"Name": name},
        opts=opts,
    )
    # A group that is named by no rule and lets nothing through: what forgets to name its own group reaches nobody.
    ec2.DefaultSecurityGroup(f"{name}-default-closed", vpc_id=net.id, opts=opts)
    public = [_subnet(f"{name}-public-{at}", net, cidr, args.zones[at], opts) for at, cidr in enumerate(plan.public)]
    isolated = [
        _subnet(f"{name}-database-{at}", net, cidr, args.zones[at], opts) for at, cidr in enumerate(plan.database)
    ]
    gateway = ec2.InternetGateway(f"{name}-gateway", vpc_id=net.id, tags={"Name": name}, opts=opts)
    front = _public_routes(name, net, gateway, public, opts)
    _route_table(f"{name}-database", net, isolated, opts)
    if args.nat == "none":
        tasks, routes = public, [front]
    else:
        tasks = [_subnet(f"{name}-tasks-{at}", net, cidr, args.zones[at], opts) for at, cidr in enumerate(plan.tasks)]
        routes = _task_routes(
            name,
            net,
            nat=args.nat,
            public=public,
            tasks=tasks,
            # A gateway of NAT, and its address, can only be had in a network that reaches the Internet.
            first=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[gateway])),
            opts=opts,
        )
    groups = _groups(name, args, net.id, opts)
    if args.endpoints:
        places = EndpointPlaces(vpc_id=net.id, subnets=_ids(tasks), routes=_ids(routes), service=groups.service)
        create_endpoints(name, region=args.region, places=places, opts=opts)
    return NetworkHandle(
        vpc_id=net.id,
        public_subnets=_ids(public),
        task_subnets=_ids(tasks),
        database_subnets=_ids(isolated),
        load_balancer_group=groups.load_balancer,
        service_group=groups.service,
        database_group=groups.database,
        assign_public_ip=args.nat == "none",
    )


def _ids(resources: Sequence[pulumi.CustomResource]) -> list[pulumi.Output[str]]:
    return [resource.id for resource in resources]


def _subnet(name: str, net: ec2.Vpc, cidr: str, zone: pulumi.Input[str], opts: pulumi.ResourceOptions) -> ec2.Subnet:
    """A subnet. No address is public unless a task asks for one.

    The zone is ignored once the subnet exists: a region that opens another zone reorders the list, and would replace
    the subnet and the database in it.
    """
    return ec2.Subnet(
        name,
        vpc_id=net.id,
        cidr_block=cidr,
        availability_zone=zone,
        map_public_ip_on_launch=False,
        tags={"Name": name},
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["availability_zone"])),
    )


def _route_table(
    name: str, net: ec2.Vpc, subnets: Sequence[ec2.Subnet], opts: pulumi.ResourceOptions, first: int = 0
) -> ec2.RouteTable:
    """A table without routes to the outside, and the subnets that use it."""
    table = ec2.RouteTable(f"{name}-routes", vpc_id=net.id, tags={"Name": name}, opts=opts)
    for at, subnet in enumerate(subnets, start=first):
        ec2.RouteTableAssociation(f"{name}-use-{at}", route_table_id=table.id, subnet_id=subnet.id, opts=opts)
    return table


def _public_routes(
    name: str,
    net: ec2.Vpc,
    gateway: ec2.InternetGateway,
    public: Sequence[ec2.Subnet],
    opts: pulumi.ResourceOptions,
) -> ec2.RouteTable:
    table = _route_table(f"{name}-public", net, public, opts)
    ec2.Route(
        f"{name}-public-out",
        route_table_id=table.id,
        destination_cidr_block=EVERYBODY,
        gateway_id=gateway.id,
        opts=opts,
    )
    return table


def _task_routes(
    name: str,
    net: ec2.Vpc,
    *,
    nat: Nat,
    public: Sequence[ec2.Subnet],
    tasks: Sequence[ec2.Subnet],
    first: pulumi.ResourceOptions,
    opts: pulumi.ResourceOptions,
) -> list[ec2.RouteTable]:
    """One table a zone, so that gateways can be added later without moving a subnet."""
    places = public if nat == "per-zone" else public[:1]
    gateways = [_nat_gateway(f"{name}-nat-{at}", subnet, first) for at, subnet in enumerate(places)]
    tables: list[ec2.RouteTable] = []
    for at, subnet in enumerate(tasks):
        table = _route_table(f"{name}-tasks-{at}", net, [subnet], opts, first=at)
        ec2.Route(
            f"{name}-tasks-{at}-out",
            route_table_id=table.id,
            destination_cidr_block=EVERYBODY,
            nat_gateway_id=gateways[at if nat == "per-zone" else 0].id,
            opts=opts,
        )
        tables.append(table)
    return tables


def _nat_gateway(name: str, subnet: ec2.Subnet, opts: pulumi.ResourceOptions) -> ec2.NatGateway:
    tags: Mapping[str, str] = {"Name": name}
    address = ec2.Eip(f"{name}-address", domain="vpc", tags=tags, opts=opts)
    return ec2.NatGateway(name, subnet_id=subnet.id, allocation_id=address.id, tags=tags, opts=opts)
