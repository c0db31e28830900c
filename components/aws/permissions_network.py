"""What the network of a stack needs of IAM. EC2 gives ids instead of names, so everything here goes by the tag.

The VPC itself is made by an administrator, who deploys first. AWS makes a group with it that has no tag yet and must
be emptied: nobody could be allowed that for this one group alone, before the VPC has an id.
"""

from collections.abc import Sequence

from components.aws.arns import arn
from components.aws.policies import Grant, Scope

FLOW_LOGS = "vpc-flow-logs.amazonaws.com"
"""Who records connections, with a role that the stack hands over."""
GROUPS = ("security-group", "security-group-rule")
"""The kinds of EC2's resources that every stack makes."""
OWNED = ("vpc", "subnet", "internet-gateway", "route-table", "natgateway", "elastic-ip", *GROUPS)
"""The kinds that a stack with a VPC of its own makes."""
ENDPOINT, FLOW_LOG = "vpc-endpoint", "vpc-flow-log"


def network(scope: Scope) -> tuple[Grant, ...]:
    """Network and its security groups, or only the groups in a VPC that exists already."""
    return (*_reading(scope), *_grouping(scope), *(_owning(scope) if scope.vpc is None else ()))


def _of(scope: Scope, *kinds: str) -> tuple[str, ...]:
    return scope.arns("ec2", *(f"{kind}/*" for kind in kinds))


def _ec2(*names: str) -> tuple[str, ...]:
    return tuple(f"ec2:{name}" for name in names)


def _recorded(scope: Scope) -> bool:
    return FLOW_LOGS in scope.passed


def _reading(scope: Scope) -> tuple[Grant, ...]:
    """EC2 knows no permission to describe a single resource, but for a VPC's attributes."""
    every = _ec2(
        "DescribeAccountAttributes",
        "DescribeAvailabilityZones",
        "DescribeInternetGateways",
        "DescribeNetworkInterfaces",
        "DescribeSecurityGroupRules",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "DescribeVpcs",
    )
    own = _ec2(
        "DescribeAddresses",
        "DescribeAddressesAttribute",
        "DescribeNatGateways",
        "DescribeNetworkAcls",
        "DescribeRouteTables",
        *(("DescribePrefixLists", "DescribeVpcEndpoints") if scope.endpoints else ()),
        *(("DescribeFlowLogs",) if _recorded(scope) else ()),
    )
    return (
        Grant(
            sid="NetworkRead",
            reads=True,
            actions=every if scope.vpc else (*every, *own),
            resources=("*",),
        ),
        Grant(sid="NetworkReadVpc", reads=True, actions=_ec2("DescribeVpcAttribute"), resources=_of(scope, "vpc")),
    )


def _grouping(scope: Scope) -> tuple[Grant, ...]:
    """The security groups and their rules: EC2 asks for each resource that a request touches.

    A new one is known by the tag that the request gives it, the VPC that it is made in by its own, or by its id.
    """
    create = _ec2("CreateSecurityGroup")
    within = scope.arns("ec2", f"vpc/{scope.vpc or '*'}")
    rules = ("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress")
    changes = ("DeleteSecurityGroup", "ModifySecurityGroupRules", "RevokeSecurityGroupEgress")
    return (
        Grant(sid="GroupsCreate", actions=create, resources=_of(scope, "security-group"), when=scope.tagging),
        Grant(sid="GroupsCreateWithin", actions=create, resources=within, when={} if scope.vpc else scope.tagged),
        Grant(sid="GroupsRule", actions=_ec2(*rules), resources=_of(scope, "security-group-rule"), when=scope.tagging),
        _tagging_what_is_created(scope, "GroupsTagNew", GROUPS, ("CreateSecurityGroup", *rules)),
        Grant(
            sid="GroupsChange",
            actions=_ec2(*rules, *changes, "CreateTags", "DeleteTags", "RevokeSecurityGroupIngress"),
            resources=_of(scope, *GROUPS),
            when=scope.tagged,
        ),
    )


def _tagging_what_is_created(scope: Scope, sid: str, kinds: Sequence[str], makers: Sequence[str]) -> Grant:
    """Tags only come with the request that makes the resource: nothing that exists can be made the stack's."""
    return Grant(
        sid=sid,
        actions=_ec2("CreateTags"),
        resources=_of(scope, *kinds),
        when={"StringEquals": {**scope.tagging["StringEquals"], "ec2:CreateAction": tuple(makers)}},
    )


def _owning(scope: Scope) -> tuple[Grant, ...]:
    """What a VPC of the stack's own has in it."""
    return (*_creating(scope), _changing(scope), *(_private_names() if scope.endpoints else ()))


def _creating(scope: Scope) -> tuple[Grant, ...]:
    """The statements keep apart what one request makes and what another is made in.

    A new NAT gateway takes the stack's own subnets, and no other subnet because the request carries the tag.
    """
    routed = ("CreateRouteTable", "CreateSubnet")
    placed = (
        *(("CreateFlowLogs",) if _recorded(scope) else ()),
        "CreateNatGateway",
        *(("CreateVpcEndpoint",) if scope.endpoints else ()),
    )
    alone = ("AllocateAddress", "CreateInternetGateway")
    new = (
        "natgateway",
        *((ENDPOINT,) if scope.endpoints else ()),
        *((FLOW_LOG,) if _recorded(scope) else ()),
    )
    groups = ("security-group",) if scope.endpoints else ()
    return (
        Grant(
            sid="NetworkCreate",
            actions=_ec2(*alone, *routed),
            resources=_of(scope, "elastic-ip", "internet-gateway", "route-table", "subnet"),
            when=scope.tagging,
        ),
        Grant(sid="NetworkPlace", actions=_ec2(*placed), resources=_of(scope, *new), when=scope.tagging),
        Grant(
            sid="NetworkCreateWithin",
            actions=_ec2(*routed, *placed),
            resources=_of(scope, "vpc", "subnet", "elastic-ip", *(("route-table",) if groups else ()), *groups),
            when=scope.tagged,
        ),
        _tagging_what_is_created(
            scope,
            "NetworkTagNew",
            ("elastic-ip", "internet-gateway", "route-table", "subnet", *new),
            (*alone, *placed, *routed),
        ),
    )


def _changing(scope: Scope) -> Grant:
    endpoints = ("DeleteVpcEndpoints", "ModifyVpcEndpoint") if scope.endpoints else ()
    records = ("DeleteFlowLogs",) if _recorded(scope) else ()
    kinds = ((ENDPOINT,) if endpoints else ()) + ((FLOW_LOG,) if records else ())
    return Grant(
        sid="NetworkChange",
        actions=_ec2(
            "AssociateRouteTable",
            "AttachInternetGateway",
            "CreateRoute",
            "CreateTags",
            "DeleteInternetGateway",
            "DeleteNatGateway",
            "DeleteRoute",
            "DeleteRouteTable",
            "DeleteSubnet",
            "DeleteTags",
            "DeleteVpc",
            "DetachInternetGateway",
            "DisassociateAddress",
            "DisassociateRouteTable",
            "ModifySubnetAttribute",
            "ModifyVpcAttribute",
            "ReleaseAddress",
            "ReplaceRoute",
            "ReplaceRouteTableAssociation",
            *endpoints,
            *records,
        ),
        # ModifyVpcEndpoint and DisassociateAddress also ask for what they take away or add.
        resources=_of(scope, *OWNED, *kinds),
        when=scope.tagged,
    )


def _private_names() -> tuple[Grant, ...]:
    """The private name of an endpoint is a zone that AWS itself keeps, so it has no name or tag of ours."""
    zones = (arn("route53", "hostedzone/*"),)
    return (Grant(sid="NetworkPrivateNames", actions=("route53:AssociateVPCWithHostedZone",), resources=zones),)
