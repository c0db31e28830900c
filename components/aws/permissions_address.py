"""What the way in needs of IAM: the load balancer, its certificate, the domain's records and the firewall."""

from components.aws.arns import arn
from components.aws.policies import Condition, Grant, Scope


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
        *(_firewall(scope, balancers) if scope.waf else ()),
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
    """The certificate, and the service's records in the one hosted zone that holds its domain."""
    if scope.domain is None or scope.zone is None:
        return ()
    return (*_certificate(scope), *_records(scope.domain, scope.zone))


def _certificate(scope: Scope) -> tuple[Grant, ...]:
    certificates = scope.arns("acm", "certificate/*")
    return (
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


def _records(domain: str, zone: str) -> tuple[Grant, ...]:
    """The domain's own record, and those below it by which ACM sees that it is ours: their names begin with `_`."""
    found, prefix = arn("route53", f"hostedzone/{zone}"), "route53:ChangeResourceRecordSets"
    names = f"{prefix}NormalizedRecordNames"
    own: Condition = {
        "ForAllValues:StringLike": {names: (domain, f"_*.{domain}"), f"{prefix}RecordTypes": ("A", "CNAME")},
        # All values of none would fit as well.
        "Null": {names: "false"},
    }
    return (
        Grant(sid="ZoneFind", reads=True, actions=("route53:ListHostedZones",), resources=("*",)),
        Grant(
            sid="ZoneRead",
            reads=True,
            actions=("route53:GetHostedZone", "route53:ListResourceRecordSets"),
            resources=(found,),
        ),
        Grant(sid="ZoneWrite", actions=(prefix,), resources=(found,), when=own),
        Grant(sid="ZoneFollow", actions=("route53:GetChange",), resources=(arn("route53", "change/*"),)),
    )
