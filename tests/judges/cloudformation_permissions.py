"""Where what the stack needs of IAM differs from what AWS publishes for its handlers, each with its reason.

Pulumi's provider is another program than CloudFormation's handlers: it makes other calls, and of a type's features the
stack uses few. Reasons stand beside the actions; a test fails for an entry that says nothing any more.
"""

from collections.abc import Mapping

Reasons = Mapping[str, tuple[str, ...]]
"""A reason, and the actions that it is given for."""

WITHHELD: Reasons = {
    "IPv6 is not used": ("ec2:AssociateSubnetCidrBlock", "ec2:DisassociateSubnetCidrBlock"),
    "encryption controls of a VPC are not used": (
        "ec2:CreateVpcEncryptionControl",
        "ec2:DescribeVpcEncryptionControls",
    ),
    "gateways lead to the internet, and no VPN": (
        "ec2:AttachVpnGateway",
        "ec2:DescribeVpnGateways",
        "ec2:DetachVpnGateway",
    ),
    "tags come with what carries them": ("autoscaling:DescribeTags", "ec2:DescribeTags"),
    "tenancy stays the default": ("ec2:ModifyVpcTenancy",),
    "the VPC is made by an administrator: its first group has no tag, and no right to empty it would be for it alone": (
        "ec2:CreateVpc",
    ),
    "a NAT gateway has one address for as long as it lives": (
        "ec2:AssignPrivateNatGatewayAddress",
        "ec2:AssociateNatGatewayAddress",
        "ec2:DisassociateNatGatewayAddress",
        "ec2:UnassignPrivateNatGatewayAddress",
    ),
    "addresses are allocated here, for NAT gateways alone": ("ec2:AcceptAddressTransfer", "ec2:AssociateAddress"),
    "the provider looks for network interfaces before it deletes a group, not for instances": (
        "ec2:DescribeInstances",
    ),
    "the provider changes rules by ec2:ModifySecurityGroupRules": (
        "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
        "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
    ),
    "endpoints lead to AWS's own services of the same region": (
        "vpc-lattice:CreateServiceNetworkVpcEndpointAssociation",
        "vpc-lattice:DescribeServiceNetworkVpcEndpointAssociation",
        "vpce:AllowMultiRegion",
    ),
    "logs go to groups of CloudWatch and nowhere else, without data protection, indexes or tokens": (
        "firehose:TagDeliveryStream",
        "logs:CreateLogDelivery",
        "logs:DeleteDataProtectionPolicy",
        "logs:DeleteIndexPolicy",
        "logs:DeleteLogDelivery",
        "logs:DeleteResourcePolicy",
        "logs:DescribeIndexPolicies",
        "logs:DescribeResourcePolicies",
        "logs:GetDataProtectionPolicy",
        "logs:PutBearerTokenAuthentication",
        "logs:PutDataProtectionPolicy",
        "logs:PutIndexPolicy",
        "logs:PutLogGroupDeletionProtection",
        "logs:PutResourcePolicy",
        "s3:GetBucketPolicy",
        "s3:PutBucketPolicy",
        "s3:REST.PUT.OBJECT",
    ),
    "repositories have no policy of their own: IAM decides within the account": (
        "ecr:DeleteRepositoryPolicy",
        "ecr:GetRepositoryPolicy",
        "ecr:SetRepositoryPolicy",
    ),
    "the database and the registry are under AWS's own keys, which need no grants": (
        "kms:CreateGrant",
        "kms:RetireGrant",
    ),
    "replicas, restores to a point in time and roles of a database are not made by the stack": (
        "rds:AddRoleToDBInstance",
        "rds:CreateDBInstanceReadReplica",
        "rds:DescribeDBClusterSnapshots",
        "rds:DescribeDBClusters",
        "rds:DescribeDBEngineVersions",
        "rds:DescribeDBInstanceAutomatedBackups",
        "rds:DescribeEngineDefaultParameters",
        "rds:DescribeEvents",
        "rds:PromoteReadReplica",
        "rds:RemoveRoleFromDBInstance",
        "rds:RestoreDBInstanceToPointInTime",
        "rds:StartDBInstanceAutomatedBackupsReplication",
        "rds:StopDBInstanceAutomatedBackupsReplication",
    ),
    "passwords are made by the program, and secrets stay in their region": (
        "secretsmanager:GetRandomPassword",
        "secretsmanager:RemoveRegionsFromReplication",
        "secretsmanager:ReplicateSecretToRegions",
    ),
    "keys are made, changed and deleted by an administrator: who writes a key's policy reads all that it protects": (
        "kms:CreateKey",
        "kms:DisableKey",
        "kms:DisableKeyRotation",
        "kms:EnableKey",
        "kms:EnableKeyRotation",
        "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion",
        "kms:TagResource",
        "kms:UntagResource",
        "kms:UpdateKeyDescription",
    ),
    "the trust is made and changed by an administrator: a role that could would widen its own rights": (
        "iam:AddClientIDToOpenIDConnectProvider",
        "iam:AttachGroupPolicy",
        "iam:AttachUserPolicy",
        "iam:CreateOpenIDConnectProvider",
        "iam:CreatePolicy",
        "iam:CreatePolicyVersion",
        "iam:DeleteOpenIDConnectProvider",
        "iam:DeletePolicy",
        "iam:DeletePolicyVersion",
        "iam:DetachGroupPolicy",
        "iam:DetachUserPolicy",
        "iam:ListOpenIDConnectProviderTags",
        "iam:ListPolicyVersions",
        "iam:RemoveClientIDFromOpenIDConnectProvider",
        "iam:TagOpenIDConnectProvider",
        "iam:UntagOpenIDConnectProvider",
        "iam:UpdateOpenIDConnectProviderThumbprint",
    ),
    "a role keeps its boundary for life": ("iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"),
    "only listed to find roles, which the provider knows by their names": ("iam:ListRoles",),
    "settings of the account are not the stack's": ("ecs:PutAccountSetting", "ecs:PutAccountSettingDefault"),
    "Fargate needs no capacity provider": ("ecs:PutClusterCapacityProviders",),
    "ECS registers its tasks itself": (
        "elasticloadbalancing:DeregisterTargets",
        "elasticloadbalancing:RegisterTargets",
    ),
    "capacity and pools of addresses are not reserved": (
        "ec2:DescribeIpamPools",
        "elasticloadbalancing:ModifyCapacityReservation",
        "elasticloadbalancing:ModifyIpPools",
    ),
    "the application knows its users by its own keys": ("cognito-idp:DescribeUserPoolClient",),
    "certificates are public ones": ("acm-pca:GetCertificate", "acm-pca:IssueCertificate"),
    "the firewall stands before load balancers alone, without groups of rules that are shared": (
        "amplify:AssociateWebACL",
        "amplify:DisassociateWebACL",
        "amplify:GetWebACLForResource",
        "apigateway:SetWebACL",
        "apprunner:AssociateWebAcl",
        "apprunner:DescribeWebAclForService",
        "apprunner:DisassociateWebAcl",
        "appsync:AssociateWebACL",
        "appsync:DisassociateWebACL",
        "appsync:GetWebACLForResource",
        "appsync:SetWebACL",
        "bedrock-agentcore:GatewayAssociateWebACL",
        "bedrock-agentcore:GatewayDisassociateWebACL",
        "bedrock-agentcore:GatewayGetWebACLForResource",
        "cognito-idp:AssociateWebACL",
        "cognito-idp:DisassociateWebACL",
        "cognito-idp:GetWebACLForResource",
        "ec2:AssociateVerifiedAccessInstanceWebAcl",
        "ec2:DescribeVerifiedAccessInstanceWebAclAssociations",
        "ec2:DisassociateVerifiedAccessInstanceWebAcl",
        "ec2:GetVerifiedAccessInstanceWebAcl",
        "payments:GetConnectedAccount",
        "wafv2:GetPermissionPolicy",
        "wafv2:PutPermissionPolicy",
    ),
    "topics carry no data protection": ("sns:GetDataProtectionPolicy", "sns:PutDataProtectionPolicy"),
    "scaling follows targets: nothing is scheduled or predicted, and nothing is a function of Lambda": (
        "application-autoscaling:DeleteScheduledAction",
        "application-autoscaling:DescribeScheduledActions",
        "application-autoscaling:PutScheduledAction",
        "cloudwatch:GetMetricData",
        "lambda:DeleteProvisionedConcurrencyConfig",
        "lambda:GetProvisionedConcurrencyConfig",
        "lambda:PutProvisionedConcurrencyConfig",
    ),
}
"""What AWS's handlers need and neither role is granted."""

NO_PREVIEW: Reasons = {
    "whoever opens a pull request could print the secret": ("secretsmanager:GetSecretValue",),
    "a role is handed over by whoever makes a rule of events; AWS's list for reading it is the one for making it": (
        "iam:PassRole",
    ),
    "an association is read by asking the firewall; AWS's list for reading it is the one for making it": (
        "elasticloadbalancing:CreateWebACLAssociation",
        "elasticloadbalancing:DeleteWebACLAssociation",
        "elasticloadbalancing:GetLoadBalancerWebACL",
        "elasticloadbalancing:SetWebACL",
        "wafv2:AssociateWebACL",
        "wafv2:DisassociateWebACL",
    ),
}
"""What AWS's handlers need to read, and only `deploy` is granted."""

PROVIDER_READS: Reasons = {
    "the snapshot that a database is to be made from is looked at first": ("rds:DescribeDBSnapshots",),
    "an address's reverse name is read with it": ("ec2:DescribeAddressesAttribute",),
    "the address ranges behind a gateway endpoint are read with it": ("ec2:DescribePrefixLists",),
    "interface endpoints are read with their interfaces, and subnets are searched for left ones": (
        "ec2:DescribeNetworkInterfaces",
    ),
    "a secret's own policy is read with it": ("secretsmanager:GetResourcePolicy",),
    "the image that is deployed is looked at in the registry, and layers are reused from there": (
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetAuthorizationToken",
        "ecr:GetDownloadUrlForLayer",
    ),
    "Pulumi reads the stack's state, and opens its secrets": ("kms:Decrypt", "s3:GetObject", "s3:ListBucket"),
}
"""What reading takes beyond AWS's handlers."""

PROVIDER_WRITES: Reasons = {
    "an endpoint with a private name puts the VPC into a zone of AWS": ("route53:AssociateVPCWithHostedZone",),
    "rules of groups are changed in place": ("ec2:ModifySecurityGroupRules",),
    "a secret's value is a resource of its own": (
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ),
    "a secret under a key that the account runs is written with that key": ("kms:GenerateDataKey",),
    "the provider detaches a role from instance profiles before it deletes it": ("iam:ListInstanceProfilesForRole",),
    "an image is pushed": (
        "ecr:CompleteLayerUpload",
        "ecr:InitiateLayerUpload",
        "ecr:PutImage",
        "ecr:UploadLayerPart",
    ),
    "the migration is a task that is run, followed, and stopped when it takes too long; its log is shown": (
        "ecs:DescribeTasks",
        "ecs:ListTasks",
        "ecs:RunTask",
        "ecs:StopTask",
        "logs:GetLogEvents",
    ),
    "a rollout is followed by its own deployment": ("ecs:DescribeServiceRevisions",),
    "Pulumi writes the stack's state, and closes its secrets": ("kms:Encrypt", "s3:DeleteObject", "s3:PutObject"),
}
"""What writing takes beyond AWS's handlers."""

INDEPENDENT: Reasons = {
    "the firewall stands before load balancers alone, without groups of rules that are shared": (
        "amplify:AssociateWebACL",
        "amplify:DisassociateWebACL",
        "amplify:GetWebACLForResource",
        "apigateway:SetWebACL",
        "apprunner:AssociateWebAcl",
        "apprunner:DescribeWebAclForService",
        "apprunner:DisassociateWebAcl",
        "appsync:AssociateWebACL",
        "appsync:DisassociateWebACL",
        "appsync:GetWebACLForResource",
        "appsync:SetWebACL",
        "cognito-idp:AssociateWebACL",
        "cognito-idp:DisassociateWebACL",
        "cognito-idp:GetWebACLForResource",
        "ec2:AssociateVerifiedAccessInstanceWebAcl",
        "ec2:DisassociateVerifiedAccessInstanceWebAcl",
        "ec2:GetVerifiedAccessInstanceWebAcl",
        "wafv2:GetPermissionPolicy",
        "wafv2:PutPermissionPolicy",
    ),
    "flow logs are of the network, not of tasks": (
        "ecs:ListClusters",
        "ecs:ListContainerInstances",
        "ecs:ListServices",
        "ecs:ListTaskDefinitions",
    ),
    "tenant databases are Oracle's and SQL Server's": ("rds:CreateTenantDatabase", "rds:DeleteTenantDatabase"),
    "the database's password is the program's, and RDS manages none": ("secretsmanager:RotateSecret",),
    "the database is under AWS's own key": ("kms:CreateGrant",),
}
"""What AWS says that a granted action may need besides, and ours does not."""


def actions(reasons: Reasons) -> frozenset[str]:
    """All the actions that a table gives reasons for."""
    return frozenset(action for those in reasons.values() for action in those)
