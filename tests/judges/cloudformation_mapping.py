"""By Pulumi's type, CloudFormation's: where names and nesting differ, and where there is no counterpart, with reasons.

What is not named here is called alike, but for the capital letter at its beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


def _nothing() -> dict[str, str]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """The counterpart of a type. Keys are paths of Pulumi's inputs (`imageScanningConfiguration.scanOnPush`)."""

    kind: str
    also: tuple[str, ...] = ()
    """Types of CloudFormation that the same resource of Pulumi stands for besides."""
    names: Mapping[str, str] = field(default_factory=_nothing)
    """Other names. At the top level they may lie deeper (`DeploymentConfiguration.Alarms`)."""
    attributes: Mapping[str, str] = field(default_factory=_nothing)
    """Inputs that are entries of a list of keys and values there."""
    attribute_list: str = ""
    documents: tuple[str, ...] = ()
    """Inputs that are JSON as text here and as it is there."""
    translated: tuple[str, ...] = ()
    """Those of them whose keys are written otherwise there."""
    texts: tuple[str, ...] = ()
    """Inputs that are texts there."""
    lists: tuple[str, ...] = ()
    """Inputs that are the only entry of a list there."""
    pairs: Mapping[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    """Inputs that are maps here, and there a list of objects with these two names for key and value."""
    maps: tuple[str, ...] = ()
    """Inputs whose own keys are data."""
    choices: Mapping[str, Mapping[object, str]] = field(default_factory=dict[str, Mapping[object, str]])
    """Inputs that are other words there."""
    always: Mapping[str, str] = field(default_factory=_nothing)
    """What Pulumi's type implies and CloudFormation's must be told; `${name}` is the logical name."""
    part_of: str = ""
    """The property that names the resource of the same type that this one is a part of there."""
    dropped: Mapping[str, str] = field(default_factory=_nothing)
    """Inputs without a counterpart, each with the reason."""


@dataclass(frozen=True, kw_only=True)
class Unmapped:
    """A type that is not rendered, and why. `kinds` are those whose handlers do the same work."""

    reason: str
    kinds: tuple[str, ...] = ()


DELETION = "CloudFormation says by its deletion policy what happens to the data"
YES_OR_NO: Mapping[object, str] = {True: "ENABLED", False: "DISABLED"}
TAGS = ("Key", "Value")

_NETWORK: Mapping[str, Mapped | Unmapped] = {
    "aws:ec2/vpc:Vpc": Mapped(kind="AWS::EC2::VPC"),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Unmapped(
        reason="takes over the group that AWS makes with a VPC; CloudFormation has no type for that",
        kinds=("AWS::EC2::SecurityGroup",),
    ),
    "aws:ec2/subnet:Subnet": Mapped(kind="AWS::EC2::Subnet"),
    "aws:ec2/internetGateway:InternetGateway": Mapped(
        kind="AWS::EC2::InternetGateway",
        also=("AWS::EC2::VPCGatewayAttachment",),
        dropped={"vpcId": "the attachment is a type of its own there, of the two ids alone"},
    ),
    "aws:ec2/routeTable:RouteTable": Mapped(kind="AWS::EC2::RouteTable"),
    "aws:ec2/route:Route": Mapped(kind="AWS::EC2::Route"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Mapped(kind="AWS::EC2::SubnetRouteTableAssociation"),
    "aws:ec2/eip:Eip": Mapped(kind="AWS::EC2::EIP"),
    "aws:ec2/natGateway:NatGateway": Mapped(kind="AWS::EC2::NatGateway"),
    "aws:ec2/securityGroup:SecurityGroup": Mapped(
        kind="AWS::EC2::SecurityGroup", names={"description": "GroupDescription", "name": "GroupName"}
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Mapped(
        kind="AWS::EC2::SecurityGroupIngress",
        names={
            "securityGroupId": "GroupId",
            "cidrIpv4": "CidrIp",
            "referencedSecurityGroupId": "SourceSecurityGroupId",
        },
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Mapped(
        kind="AWS::EC2::SecurityGroupEgress",
        names={
            "securityGroupId": "GroupId",
            "cidrIpv4": "CidrIp",
            "referencedSecurityGroupId": "DestinationSecurityGroupId",
        },
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Mapped(kind="AWS::EC2::VPCEndpoint"),
    "aws:ec2/flowLog:FlowLog": Mapped(
        kind="AWS::EC2::FlowLog",
        names={"vpcId": "ResourceId", "iamRoleArn": "DeliverLogsPermissionArn"},
        always={"ResourceType": "VPC"},
    ),
}

_DATA: Mapping[str, Mapped | Unmapped] = {
    "aws:ecr/repository:Repository": Mapped(
        kind="AWS::ECR::Repository",
        names={
            "name": "RepositoryName",
            "forceDelete": "EmptyOnDelete",
            "imageTagMutabilityExclusionFilters.filter": "ImageTagMutabilityExclusionFilterValue",
            "imageTagMutabilityExclusionFilters.filterType": "ImageTagMutabilityExclusionFilterType",
        },
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Mapped(
        kind="AWS::ECR::Repository",
        names={"repository": "RepositoryName", "policy": "LifecyclePolicy.LifecyclePolicyText"},
        part_of="RepositoryName",
    ),
    "aws:rds/subnetGroup:SubnetGroup": Mapped(
        kind="AWS::RDS::DBSubnetGroup",
        names={"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"},
        always={"DBSubnetGroupDescription": "Managed by Pulumi"},
    ),
    "aws:rds/parameterGroup:ParameterGroup": Mapped(
        kind="AWS::RDS::DBParameterGroup", names={"name": "DBParameterGroupName"}
    ),
    "aws:rds/instance:Instance": Mapped(
        kind="AWS::RDS::DBInstance",
        names={
            "identifier": "DBInstanceIdentifier",
            "snapshotIdentifier": "DBSnapshotIdentifier",
            "instanceClass": "DBInstanceClass",
            "multiAz": "MultiAZ",
            "dbName": "DBName",
            "username": "MasterUsername",
            "password": "MasterUserPassword",
            "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
            "dbSubnetGroupName": "DBSubnetGroupName",
            "vpcSecurityGroupIds": "VPCSecurityGroups",
            "caCertIdentifier": "CACertificateIdentifier",
            "parameterGroupName": "DBParameterGroupName",
            "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
            "performanceInsightsEnabled": "EnablePerformanceInsights",
            "backupWindow": "PreferredBackupWindow",
            "maintenanceWindow": "PreferredMaintenanceWindow",
        },
        texts=("allocatedStorage", "port"),
        dropped={"skipFinalSnapshot": DELETION, "finalSnapshotIdentifier": DELETION},
    ),
    "aws:secretsmanager/secret:Secret": Mapped(
        kind="AWS::SecretsManager::Secret",
        names={"namePrefix": "Name"},
        dropped={"recoveryWindowInDays": DELETION, "forceOverwriteReplicaSecret": DELETION},
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Unmapped(
        reason="a value and nothing else; CloudFormation keeps it in the secret",
        kinds=("AWS::SecretsManager::Secret",),
    ),
    "aws:kms/key:Key": Mapped(
        kind="AWS::KMS::Key",
        names={"deletionWindowInDays": "PendingWindowInDays", "policy": "KeyPolicy"},
        documents=("policy",),
    ),
}

_CONTAINERS: Mapping[str, Mapped | Unmapped] = {
    "aws:ecs/cluster:Cluster": Mapped(
        kind="AWS::ECS::Cluster", names={"name": "ClusterName", "settings": "ClusterSettings"}
    ),
    "aws:ecs/taskDefinition:TaskDefinition": Mapped(
        kind="AWS::ECS::TaskDefinition",
        documents=("containerDefinitions",),
        translated=("containerDefinitions",),
        maps=("containerDefinitions.logConfiguration.options", "containerDefinitions.dockerLabels"),
        dropped={"skipDestroy": "definitions that are replaced stay, which CloudFormation says by its own policy"},
    ),
    "aws:ecs/service:Service": Mapped(
        kind="AWS::ECS::Service",
        names={
            "name": "ServiceName",
            "networkConfiguration": "NetworkConfiguration.AwsvpcConfiguration",
            "deploymentMinimumHealthyPercent": "DeploymentConfiguration.MinimumHealthyPercent",
            "deploymentMaximumPercent": "DeploymentConfiguration.MaximumPercent",
            "deploymentCircuitBreaker": "DeploymentConfiguration.DeploymentCircuitBreaker",
            "alarms": "DeploymentConfiguration.Alarms",
            "enableEcsManagedTags": "EnableECSManagedTags",
        },
        choices={"networkConfiguration.assignPublicIp": YES_OR_NO},
        dropped={
            "forceDelete": DELETION,
            "waitForSteadyState": "whether the provider waits says nothing about the service",
        },
    ),
    "aws:appautoscaling/target:Target": Mapped(kind="AWS::ApplicationAutoScaling::ScalableTarget"),
    "aws:appautoscaling/policy:Policy": Mapped(
        kind="AWS::ApplicationAutoScaling::ScalingPolicy",
        names={"name": "PolicyName"},
        always={"PolicyName": "${name}"},
    ),
}

_ADDRESS: Mapping[str, Mapped | Unmapped] = {
    "aws:lb/loadBalancer:LoadBalancer": Mapped(
        kind="AWS::ElasticLoadBalancingV2::LoadBalancer",
        names={"loadBalancerType": "Type", "internal": "Scheme"},
        choices={"internal": {True: "internal", False: "internet-facing"}},
        attribute_list="LoadBalancerAttributes",
        attributes={
            "clientKeepAlive": "client_keep_alive.seconds",
            "desyncMitigationMode": "routing.http.desync_mitigation_mode",
            "dropInvalidHeaderFields": "routing.http.drop_invalid_header_fields.enabled",
            "enableDeletionProtection": "deletion_protection.enabled",
            "enableHttp2": "routing.http2.enabled",
            "idleTimeout": "idle_timeout.timeout_seconds",
            "xffHeaderProcessingMode": "routing.http.xff_header_processing.mode",
        },
    ),
    "aws:lb/targetGroup:TargetGroup": Mapped(
        kind="AWS::ElasticLoadBalancingV2::TargetGroup",
        names={
            "healthCheck.enabled": "HealthCheckEnabled",
            "healthCheck.protocol": "HealthCheckProtocol",
            "healthCheck.port": "HealthCheckPort",
            "healthCheck.path": "HealthCheckPath",
            "healthCheck.matcher": "Matcher.HttpCode",
            "healthCheck.interval": "HealthCheckIntervalSeconds",
            "healthCheck.timeout": "HealthCheckTimeoutSeconds",
            "healthCheck.healthyThreshold": "HealthyThresholdCount",
            "healthCheck.unhealthyThreshold": "UnhealthyThresholdCount",
        },
        attribute_list="TargetGroupAttributes",
        attributes={
            "deregistrationDelay": "deregistration_delay.timeout_seconds",
            "loadBalancingAlgorithmType": "load_balancing.algorithm.type",
            "slowStart": "slow_start.duration_seconds",
        },
    ),
    "aws:lb/listener:Listener": Mapped(
        kind="AWS::ElasticLoadBalancingV2::Listener",
        names={"certificateArn": "Certificates", "defaultActions.redirect": "RedirectConfig"},
        pairs={"certificateArn": ("CertificateArn", "")},
    ),
    "aws:lb/listenerRule:ListenerRule": Mapped(
        kind="AWS::ElasticLoadBalancingV2::ListenerRule",
        names={
            "actions.forward": "ForwardConfig",
            "actions.forward.targetGroups.arn": "TargetGroupArn",
            "conditions.pathPattern": "PathPatternConfig",
        },
        always={"Conditions.Field": "path-pattern"},
    ),
    "aws:acm/certificate:Certificate": Mapped(kind="AWS::CertificateManager::Certificate"),
    "aws:acm/certificateValidation:CertificateValidation": Unmapped(
        reason="waits until the certificate is issued; CloudFormation does that by itself"
    ),
    "aws:route53/record:Record": Mapped(
        kind="AWS::Route53::RecordSet",
        names={
            "zoneId": "HostedZoneId",
            "records": "ResourceRecords",
            "ttl": "TTL",
            "aliases": "AliasTarget",
            "aliases.name": "DNSName",
            "aliases.zoneId": "HostedZoneId",
        },
        texts=("ttl",),
        dropped={"allowOverwrite": "CloudFormation overwrites no record that it did not make"},
    ),
    "aws:wafv2/webAcl:WebAcl": Mapped(
        kind="AWS::WAFv2::WebACL",
        names={
            "visibilityConfig.cloudwatchMetricsEnabled": "CloudWatchMetricsEnabled",
            "rules.visibilityConfig.cloudwatchMetricsEnabled": "CloudWatchMetricsEnabled",
        },
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Mapped(
        kind="AWS::WAFv2::WebACLAssociation", names={"webAclArn": "WebACLArn"}
    ),
}

_WATCHING: Mapping[str, Mapped | Unmapped] = {
    "aws:cloudwatch/logGroup:LogGroup": Mapped(kind="AWS::Logs::LogGroup", names={"name": "LogGroupName"}),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Mapped(
        kind="AWS::CloudWatch::Alarm",
        names={
            "name": "AlarmName",
            "okActions": "OKActions",
            "metricQueries": "Metrics",
            "metricQueries.metric": "MetricStat",
            "metricQueries.metric.namespace": "Metric.Namespace",
            "metricQueries.metric.metricName": "Metric.MetricName",
            "metricQueries.metric.dimensions": "Metric.Dimensions",
        },
        pairs={"metricQueries.metric.dimensions": ("Name", "Value")},
    ),
    "aws:cloudwatch/dashboard:Dashboard": Mapped(kind="AWS::CloudWatch::Dashboard"),
    "aws:cloudwatch/eventRule:EventRule": Mapped(kind="AWS::Events::Rule", documents=("eventPattern",)),
    "aws:cloudwatch/eventTarget:EventTarget": Mapped(
        kind="AWS::Events::Rule",
        names={
            "rule": "Name",
            "targetId": "Targets.Id",
            "arn": "Targets.Arn",
            "inputTransformer": "Targets.InputTransformer",
            "inputTransformer.inputPaths": "InputPathsMap",
        },
        maps=("inputTransformer.inputPaths",),
        part_of="Name",
    ),
    "aws:sns/topic:Topic": Mapped(kind="AWS::SNS::Topic", names={"name": "TopicName"}),
    "aws:sns/topicPolicy:TopicPolicy": Mapped(
        kind="AWS::SNS::TopicPolicy",
        names={"arn": "Topics", "policy": "PolicyDocument"},
        lists=("arn",),
        documents=("policy",),
    ),
    "aws:sns/topicSubscription:TopicSubscription": Mapped(kind="AWS::SNS::Subscription", names={"topic": "TopicArn"}),
}

_IDENTITY: Mapping[str, Mapped | Unmapped] = {
    "aws:iam/role:Role": Mapped(
        kind="AWS::IAM::Role",
        names={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
        documents=("assumeRolePolicy",),
    ),
    "aws:iam/rolePolicy:RolePolicy": Mapped(
        kind="AWS::IAM::RolePolicy",
        names={"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"},
        documents=("policy",),
        always={"PolicyName": "${name}"},
    ),
    "aws:iam/policy:Policy": Mapped(
        kind="AWS::IAM::ManagedPolicy",
        names={"name": "ManagedPolicyName", "policy": "PolicyDocument"},
        documents=("policy",),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Unmapped(
        reason="two names; CloudFormation lists the policies in the role", kinds=("AWS::IAM::Role",)
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Mapped(
        kind="AWS::IAM::OIDCProvider", names={"clientIdLists": "ClientIdList"}
    ),
}

TYPES: Mapping[str, Mapped | Unmapped] = {
    **_NETWORK,
    **_DATA,
    **_CONTAINERS,
    **_ADDRESS,
    **_WATCHING,
    **_IDENTITY,
}


def kinds_of(token: str) -> tuple[str, ...]:
    """CloudFormation's types whose handlers do what Pulumi's provider does with a type; raises KeyError for another."""
    found = TYPES[token]
    return (found.kind, *found.also) if isinstance(found, Mapped) else found.kinds
