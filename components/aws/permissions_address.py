"""What the way in needs of IAM: the load balancer, its certificate, the domain's records and the firewall."""

from components.aws.policies import Grant, Scope


def address(scope: Scope) -> tuple[Grant, ...]:
    """LoadBalancer with its certificate and records, and Waf."""
    return (*_front_door(scope), *_address(scope))


def _front_door(scope: Scope) -> tuple[Grant, ...]:
    """Load balancer, target groups, listeners and rules. Their names are short or made up, so it goes by the tag."""
    balancers, groups = scope.arns("elasticloadbalancing", "loadbalancer/app/*", "targetgroup/*")
    listeners, rules = scope.arns("elasticloadbalancing", "listener/app/*", "listener-rule/app/*")
    prefix = "elasticloadbalancing"
    makers = ("CreateListener", "CreateLoadBalancer", "CreateRule", "CreateTargetGroup")
    return (
        Grant(
            sid="FrontDoorRead",
            reads=True,
            actions=tuple(
                f"{prefix}:Describe{what}"
                for what in (
                    "CapacityReservation",
                    "ListenerAttributes",
                    "Listeners",
                    "LoadBalancerAttributes",
                    "LoadBalancers",
                    "Rules",
                    "Tags",
                    "TargetGroupAttributes",
                    "TargetGroups",
                    "TargetHealth",
                )
            ),
            resources=("*",),
        ),
        Grant(
            sid="FrontDoorCreate",
            actions=(f"{prefix}:CreateLoadBalancer", f"{prefix}:CreateTargetGroup"),
            resources=(balancers, groups),
            when=scope.tagging,
        ),
        Grant(
            sid="FrontDoorTagNew",
            actions=(f"{prefix}:AddTags",),
            resources=(balancers, groups, listeners, rules),
            when={"StringEquals": {**scope.tagging["StringEquals"], f"{prefix}:CreateAction": makers}},
        ),
        Grant(
            sid="FrontDoorWrite",
            actions=tuple(
                f"{prefix}:{what}"
                for what in (
                    "AddTags",
                    "CreateListener",
                    "CreateRule",
                    "DeleteListener",
                    "DeleteLoadBalancer",
                    "DeleteRule",
                    "DeleteTargetGroup",
                    "ModifyListener",
                    "ModifyListenerAttributes",
                    "ModifyLoadBalancerAttributes",
                    "ModifyRule",
                    "ModifyTargetGroup",
                    "ModifyTargetGroupAttributes",
                    "RemoveTags",
                    "SetIpAddressType",
                    "SetRulePriorities",
                    "SetSecurityGroups",
                    "SetSubnets",
                )
            ),
            resources=(balancers, groups, listeners, rules),
            when=scope.tagged,
        ),
        *_firewall(scope, balancers),
    )


def _firewall(scope: Scope, balancers: str) -> tuple[Grant, ...]:
    own = scope.named("wafv2", "regional/webacl/", "/*")
    named = scope.named("elasticloadbalancing", "loadbalancer/app/", "/*")
    return (
        Grant(
            sid="FirewallRead",
            reads=True,
            actions=("wafv2:GetWebACL", "wafv2:GetWebACLForResource", "wafv2:ListTagsForResource"),
            resources=(*own, *named),
        ),
        Grant(
            sid="FirewallRules",
            actions=("wafv2:CreateWebACL", "wafv2:UpdateWebACL"),
            resources=scope.arns("wafv2", "regional/managedruleset/*"),
        ),
        Grant(
            sid="FirewallWrite",
            actions=(
                "wafv2:AssociateWebACL",
                "wafv2:CreateWebACL",
                "wafv2:DeleteWebACL",
                "wafv2:DisassociateWebACL",
                "wafv2:TagResource",
                "wafv2:UntagResource",
                "wafv2:UpdateWebACL",
            ),
            resources=(*own, *named),
        ),
        Grant(
            sid="FirewallPlace",
            actions=(
                "elasticloadbalancing:CreateWebACLAssociation",
                "elasticloadbalancing:DeleteWebACLAssociation",
                "elasticloadbalancing:GetLoadBalancerWebACL",
            ),
            resources=(balancers,),
            when=scope.tagged,
        ),
        Grant(sid="FirewallSet", actions=("elasticloadbalancing:SetWebACL",), resources=("*",)),
    )


def _address(scope: Scope) -> tuple[Grant, ...]:
    """The certificate, and the records in the one hosted zone that holds the service's domain."""
    certificates = scope.arns("acm", "certificate/*")
    own = (
        Grant(
            sid="CertificateRead",
            reads=True,
            actions=("acm:DescribeCertificate", "acm:ListTagsForCertificate"),
            resources=certificates,
            when=scope.tagged,
        ),
        Grant(sid="CertificateRequest", actions=("acm:RequestCertificate",), resources=("*",), when=scope.tagging),
        Grant(
            sid="CertificateTag",
            actions=("acm:AddTagsToCertificate",),
            resources=certificates,
            when=scope.adopting,
        ),
        Grant(
            sid="CertificateWrite",
            actions=("acm:DeleteCertificate", "acm:RemoveTagsFromCertificate", "acm:UpdateCertificateOptions"),
            resources=certificates,
            when=scope.tagged,
        ),
    )
    if scope.zone is None:
        return own
    zone = f"arn:{scope.partition}:route53:::hostedzone/{scope.zone}"
    change = f"arn:{scope.partition}:route53:::change/*"
    return (
        *own,
        Grant(sid="ZoneFind", reads=True, actions=("route53:ListHostedZones",), resources=("*",)),
        Grant(
            sid="ZoneRead",
            reads=True,
            actions=("route53:GetHostedZone", "route53:ListResourceRecordSets"),
            resources=(zone,),
        ),
        Grant(sid="ZoneWrite", actions=("route53:ChangeResourceRecordSets",), resources=(zone,)),
        Grant(sid="ZoneFollow", actions=("route53:GetChange",), resources=(change,)),
    )
