"""An optional firewall before the load balancer, with the rules that AWS maintains.

The SDK's module of it is the largest of all and loads when it is first used: only a stack with a firewall pays for it.
"""

# Else the annotations below would be such a use.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

VENDOR = "AWS"
GROUPS: Mapping[str, Sequence[str]] = {
    "AWSManagedRulesAmazonIpReputationList": (),
    "AWSManagedRulesKnownBadInputsRuleSet": (
        "JavaDeserializationRCE_BODY",
        "Log4JRCE_BODY",
        "ReactJSRCE_BODY",
    ),
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
    ),
}
"""The groups in the order in which they judge, and of each the rules that only count.

What they count are bodies, and bodies are documents here. The first blocks everything beyond 8 KB, and uploads have
up to 200 MB. The others look for the marks of attacks in the first 8 KB: a guide to security is full of them, and a
service that refused to take it in would be broken. It never runs what it is sent; it parses it in a process of its own.
Their rules for headers, cookies, paths and queries block as AWS ships them.
"""


@dataclass(frozen=True, kw_only=True)
class WafArgs:
    """`prefix` names it; `load_balancer` is the ARN of what it stands before."""

    prefix: str
    load_balancer: pulumi.Input[str]


class Waf(pulumi.ComponentResource):
    """A web ACL before the load balancer. It lets through what no rule blocks."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: WafArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Waf", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        acl = aws.wafv2.WebAcl(
            f"{name}-acl",
            name=args.prefix,
            description=f"Before the load balancer of {args.prefix}",
            scope="REGIONAL",
            default_action=aws.wafv2.WebAclDefaultActionArgs(allow=aws.wafv2.WebAclDefaultActionAllowArgs()),
            rules=[_rule(priority, group, counting) for priority, (group, counting) in enumerate(GROUPS.items())],
            visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(
                cloudwatch_metrics_enabled=True, metric_name=args.prefix, sampled_requests_enabled=True
            ),
            opts=child,
        )
        aws.wafv2.WebAclAssociation(
            f"{name}-association", resource_arn=args.load_balancer, web_acl_arn=acl.arn, opts=child
        )
        self.arn = acl.arn
        self.register_outputs({"arn": self.arn})


def _rule(priority: int, group: str, counting: Sequence[str]) -> aws.wafv2.WebAclRuleArgs:
    overrides = [
        aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs(
            name=rule,
            action_to_use=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs(
                count=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs()
            ),
        )
        for rule in counting
    ]
    statement = aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
        name=group, vendor_name=VENDOR, rule_action_overrides=overrides
    )
    return aws.wafv2.WebAclRuleArgs(
        name=group,
        priority=priority,
        override_action=aws.wafv2.WebAclRuleOverrideActionArgs(none=aws.wafv2.WebAclRuleOverrideActionNoneArgs()),
        statement=aws.wafv2.WebAclRuleStatementArgs(managed_rule_group_statement=statement),
        visibility_config=aws.wafv2.WebAclRuleVisibilityConfigArgs(
            cloudwatch_metrics_enabled=True, metric_name=group, sampled_requests_enabled=True
        ),
    )
