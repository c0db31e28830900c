"""The record of connections that the network refused: who tried to reach what."""

import pulumi
from pulumi_aws import cloudwatch, ec2, iam

from components.aws.permissions_network import FLOW_LOGS
from components.aws.roles import trust_policy


def create_flow_log(
    name: str,
    *,
    prefix: str,
    vpc_id: pulumi.Input[str],
    days: int,
    account: pulumi.Input[str],
    boundary: pulumi.Input[str] | None,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """Records what was refused, in a log group of its own that its role alone may write to; returns the role's ARN.

    What was let through is not recorded: it is most of the traffic and of the price, and the application logs it.
    """
    group = cloudwatch.LogGroup(f"{name}-log", name=f"/vpc/{prefix}/flow", retention_in_days=days, opts=opts)
    trust = pulumi.Output.from_input(account).apply(lambda account: trust_policy(FLOW_LOGS, account))
    role = iam.Role(
        f"{name}-role",
        name=f"{prefix}-flow-logs",
        assume_role_policy=pulumi.Output.json_dumps(trust),
        permissions_boundary=boundary,
        opts=opts,
    )
    streams = pulumi.Output.concat(group.arn, ":*")
    policy = iam.RolePolicy(
        f"{name}-policy",
        role=role.name,
        policy=pulumi.Output.json_dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
                        "Resource": streams,
                    },
                    # A listing, which knows no narrower resource; AWS checks at creation that the role may do it.
                    {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"},
                ],
            }
        ),
        opts=opts,
    )
    ec2.FlowLog(
        name,
        vpc_id=vpc_id,
        traffic_type="REJECT",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[policy])),
    )
    return role.arn
