"""What the network of a stack needs of IAM. EC2 gives ids instead of names, so everything here goes by the tag."""

from components.aws.policies import Grant, Scope

OWNED = (
    "vpc",
    "subnet",
    "internet-gateway",
    "route-table",
    "natgateway",
    "elastic-ip",
    "security-group",
    "security-group-rule",
    "vpc-endpoint",
    "vpc-flow-log",
)
"""The kinds of EC2 resources that the stack makes."""


def network(scope: Scope) -> tuple[Grant, ...]:
    """Network and its security groups, or only the groups in a VPC that exists already."""
    return (*_reading(scope), *_creating(scope), *_changing(scope))


def _of(scope: Scope, *kinds: str) -> tuple[str, ...]:
    return scope.arns("ec2", *(f"{kind}/*" for kind in kinds))


def _reading(scope: Scope) -> tuple[Grant, ...]:
    """EC2 knows no permission to describe a single resource, but for a VPC's attributes."""
    attributes = Grant(
        sid="NetworkReadVpc", reads=True, actions=("ec2:DescribeVpcAttribute",), resources=_of(scope, "vpc")
    )
    return (attributes, _describing())


def _describing() -> Grant:
    return Grant(
        sid="NetworkRead",
        reads=True,
        actions=(
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeAddresses",
            "ec2:DescribeAddressesAttribute",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeFlowLogs",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeNatGateways",
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribePrefixLists",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroupRules",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeVpcs",
        ),
        resources=("*",),
    )


def _creating(scope: Scope) -> tuple[Grant, ...]:
    """EC2 asks for each resource that a request touches: the new one by its tag, and those that it is made in.

    The groups keep apart what one request makes and what another is made in: a new NAT gateway takes the stack's own
    subnets, and no other subnet because the request carries the tag.
    """
    within = ("ec2:CreateRouteTable", "ec2:CreateSecurityGroup", "ec2:CreateSubnet", "ec2:CreateVpcEndpoint")
    own = Grant(
        sid="NetworkCreateWithin",
        actions=(*within, "ec2:CreateFlowLogs", "ec2:CreateNatGateway"),
        resources=_of(scope, "vpc", "subnet", "elastic-ip", "route-table", "security-group"),
        when=scope.tagged,
    )
    foreign = Grant(
        sid="NetworkCreateWithinForeignVpc",
        actions=("ec2:CreateSecurityGroup", "ec2:CreateVpcEndpoint"),
        resources=_of_vpc(scope),
    )
    return (
        Grant(
            sid="NetworkCreate",
            actions=("ec2:AllocateAddress", "ec2:CreateVpc"),
            resources=_of(scope, "vpc", "elastic-ip"),
            when=scope.tagging,
        ),
        Grant(
            sid="NetworkCreateInVpc",
            actions=("ec2:CreateInternetGateway", *within[:3]),
            resources=_of(scope, "subnet", "internet-gateway", "route-table", "security-group"),
            when=scope.tagging,
        ),
        Grant(
            sid="NetworkCreateInSubnet",
            actions=("ec2:CreateFlowLogs", "ec2:CreateNatGateway", "ec2:CreateVpcEndpoint"),
            resources=_of(scope, "natgateway", "vpc-endpoint", "vpc-flow-log"),
            when=scope.tagging,
        ),
        own,
        *((foreign,) if scope.vpc else ()),
        # The private name of an endpoint is a zone that AWS itself keeps, so it has no name or tag of ours.
        Grant(
            sid="NetworkPrivateNames",
            actions=("route53:AssociateVPCWithHostedZone",),
            resources=(f"arn:{scope.partition}:route53:::hostedzone/*",),
        ),
        Grant(
            sid="NetworkRule",
            actions=("ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress"),
            resources=_of(scope, "security-group-rule"),
            when=scope.tagging,
        ),
        _tagging_what_is_created(scope),
    )


def _of_vpc(scope: Scope) -> tuple[str, ...]:
    return scope.arns("ec2", f"vpc/{scope.vpc}")


def _tagging_what_is_created(scope: Scope) -> Grant:
    """Tags only come with the request that makes the resource: nothing that exists can be made the stack's."""
    makers = (
        "AllocateAddress",
        "AuthorizeSecurityGroupEgress",
        "AuthorizeSecurityGroupIngress",
        "CreateFlowLogs",
        "CreateInternetGateway",
        "CreateNatGateway",
        "CreateRouteTable",
        "CreateSecurityGroup",
        "CreateSubnet",
        "CreateVpc",
        "CreateVpcEndpoint",
    )
    return Grant(
        sid="NetworkTagNew",
        actions=("ec2:CreateTags",),
        resources=_of(scope, *OWNED),
        when={"StringEquals": {**scope.tagging["StringEquals"], "ec2:CreateAction": makers}},
    )


def _changing(scope: Scope) -> tuple[Grant, ...]:
    return (
        Grant(
            sid="NetworkChange",
            actions=(
                "ec2:AssociateRouteTable",
                "ec2:AttachInternetGateway",
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:CreateRoute",
                "ec2:CreateTags",
                "ec2:DeleteFlowLogs",
                "ec2:DeleteInternetGateway",
                "ec2:DeleteNatGateway",
                "ec2:DeleteRoute",
                "ec2:DeleteRouteTable",
                "ec2:DeleteSecurityGroup",
                "ec2:DeleteSubnet",
                "ec2:DeleteTags",
                "ec2:DeleteVpc",
                "ec2:DeleteVpcEndpoints",
                "ec2:DetachInternetGateway",
                "ec2:DisassociateAddress",
                "ec2:DisassociateRouteTable",
                "ec2:ModifySecurityGroupRules",
                "ec2:ModifySubnetAttribute",
                "ec2:ModifyVpcAttribute",
                "ec2:ModifyVpcEndpoint",
                "ec2:ReleaseAddress",
                "ec2:ReplaceRoute",
                "ec2:ReplaceRouteTableAssociation",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
            ),
            resources=_of(scope, *OWNED),
            when=scope.tagged,
        ),
    )
