"""The double of AWS's provider: a rule for every type that the stack makes.

Inputs and which of them must be given are the SDK's own. What replaces a resource, what protects it and the forms of
ids and addresses are what AWS and its provider document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.doubles.rules import Rule, Table
from tests.engine.doubles.tables.sdk import with_inputs_of_sdk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.engine.doubles.wire import Json

ACCOUNT, REGION = "210987654321", "eu-central-1"
ZONES = [f"{REGION}{letter}" for letter in "abc"]


def arn(service: str, resource: str, region: str = REGION) -> str:
    """An ARN of the account, of the region unless told otherwise."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def _ec2(kind: str, mark: str, *immutable: str, outputs: Mapping[str, Json] | None = None) -> Rule:
    """A type of EC2: known by an id, and by no name."""
    return Rule(
        immutable=immutable,
        outputs={"arn": arn("ec2", f"{kind}/${{id}}"), "ownerId": ACCOUNT, **(outputs or {})},
        id=f"{mark}-${{short}}",
    )


_NETWORK = {
    "aws:ec2/vpc:Vpc": _ec2(
        "vpc",
        "vpc",
        "cidrBlock",
        "instanceTenancy",
        outputs={"defaultSecurityGroupId": "sg-${short}", "mainRouteTableId": "rtb-${short}"},
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": _ec2("security-group", "sg", "vpcId"),
    "aws:ec2/subnet:Subnet": _ec2("subnet", "subnet", "vpcId", "cidrBlock", "availabilityZone"),
    "aws:ec2/internetGateway:InternetGateway": _ec2("internet-gateway", "igw"),
    "aws:ec2/routeTable:RouteTable": _ec2("route-table", "rtb", "vpcId"),
    "aws:ec2/route:Route": Rule(
        immutable=("routeTableId", "destinationCidrBlock"),
        outputs={"state": "active", "origin": "CreateRoute"},
        id="r-${inputs.routeTableId}-${short}",
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Rule(immutable=("subnetId",), id="rtbassoc-${short}"),
    "aws:ec2/eip:Eip": _ec2(
        "elastic-ip", "eipalloc", "domain", outputs={"allocationId": "${id}", "publicIp": "198.51.100.7"}
    ),
    "aws:ec2/natGateway:NatGateway": Rule(
        immutable=("subnetId", "allocationId"), outputs={"publicIp": "198.51.100.7"}, id="nat-${short}"
    ),
    "aws:ec2/securityGroup:SecurityGroup": Rule(
        immutable=("vpcId", "description", "name", "namePrefix"),
        outputs={"arn": arn("ec2", "security-group/${id}"), "ownerId": ACCOUNT},
        autoname="name",
        unique="name",
        id="sg-${short}",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _ec2("vpc-endpoint", "vpce", "vpcId", "serviceName", "vpcEndpointType"),
    "aws:ec2/flowLog:FlowLog": _ec2("vpc-flow-log", "fl", "vpcId", "trafficType", "logDestination", "iamRoleArn"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _ec2("security-group-rule", "sgr", "securityGroupId"),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ec2("security-group-rule", "sgr", "securityGroupId"),
}

_DATA = {
    "aws:ecr/repository:Repository": Rule(
        immutable=("name", "encryptionConfigurations"),
        outputs={
            "arn": arn("ecr", "repository/${inputs.name}"),
            "registryId": ACCOUNT,
            "repositoryUrl": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/${{inputs.name}}",
        },
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id="${inputs.name}",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Rule(
        immutable=("repository",), outputs={"registryId": ACCOUNT}, unique="repository", id="${inputs.repository}"
    ),
    "aws:rds/subnetGroup:SubnetGroup": Rule(
        immutable=("name", "namePrefix"),
        outputs={"arn": arn("rds", "subgrp:${inputs.name}"), "vpcId": "vpc-${short}"},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id="${inputs.name}",
    ),
    "aws:rds/parameterGroup:ParameterGroup": Rule(
        immutable=("name", "namePrefix", "family", "description"),
        outputs={"arn": arn("rds", "pg:${inputs.name}")},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id="${inputs.name}",
    ),
    "aws:rds/instance:Instance": Rule(
        immutable=(
            "availabilityZone",
            "dbName",
            "engine",
            "identifierPrefix",
            "kmsKeyId",
            "snapshotIdentifier",
            "storageEncrypted",
            "username",
        ),
        # Optional and computed: a database that was restored stays as it is when nobody names its snapshot any more.
        kept=("snapshotIdentifier",),
        outputs={
            "arn": arn("rds", "db:${inputs.identifier}"),
            "address": f"${{inputs.identifier}}.abcdefghijkl.{REGION}.rds.amazonaws.com",
            "endpoint": f"${{inputs.identifier}}.abcdefghijkl.{REGION}.rds.amazonaws.com:5432",
            "engineVersionActual": "17.6",
            "hostedZoneId": "Z1RLNUO7B9Q6NB",
            "resourceId": "${id}",
            "status": "available",
        },
        secret=("password",),
        unique="identifier",
        guarded_by="deletionProtection",
        id="db-${short}",
    ),
    "aws:secretsmanager/secret:Secret": Rule(
        immutable=("name", "namePrefix"),
        outputs={
            "name": "${inputs.namePrefix}${short}",
            "arn": arn("secretsmanager", "secret:${inputs.namePrefix}${short}"),
        },
        # The provider knows a secret by its ARN.
        id=arn("secretsmanager", "secret:${inputs.namePrefix}${short}"),
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": Rule(
        immutable=("secretId", "secretString", "secretBinary"),
        outputs={"arn": "${inputs.secretId}", "secretArn": "${inputs.secretId}", "versionId": "${short}"},
        secret=("secretString", "secretBinary"),
        id="${inputs.secretId}|${short}",
    ),
    "aws:kms/key:Key": Rule(
        immutable=("keyUsage", "customerMasterKeySpec"),
        outputs={"arn": arn("kms", "key/${id}"), "keyId": "${id}"},
        id="${short}",
    ),
}

_BALANCER = "app/${inputs.name}/${short}"
_GROUP = "targetgroup/${inputs.name}/${short}"

_SERVICE = {
    "aws:ecs/cluster:Cluster": Rule(
        immutable=("name",),
        outputs={"arn": arn("ecs", "cluster/${inputs.name}")},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id=arn("ecs", "cluster/${inputs.name}"),
    ),
    # A task definition is never changed: each change is a revision of its own.
    "aws:ecs/taskDefinition:TaskDefinition": Rule(
        immutable=(
            "containerDefinitions",
            "cpu",
            "executionRoleArn",
            "family",
            "memory",
            "networkMode",
            "requiresCompatibilities",
            "runtimePlatform",
            "taskRoleArn",
            "volumes",
        ),
        outputs={
            "arn": arn("ecs", "task-definition/${inputs.family}:${number}"),
            "arnWithoutRevision": arn("ecs", "task-definition/${inputs.family}"),
            "revision": "${number}",
        },
        id="${inputs.family}-${short}",
    ),
    "aws:ecs/service:Service": Rule(
        immutable=("cluster", "launchType", "name", "schedulingStrategy"),
        outputs={"arn": arn("ecs", "service/${inputs.cluster|name}/${inputs.name}")},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id=arn("ecs", "service/${inputs.cluster|name}/${inputs.name}"),
    ),
    "aws:appautoscaling/target:Target": Rule(
        immutable=("resourceId", "scalableDimension", "serviceNamespace"),
        outputs={"arn": arn("application-autoscaling", "scalable-target/${short}")},
        unique="resourceId",
        id="${inputs.resourceId}",
    ),
    "aws:appautoscaling/policy:Policy": Rule(
        immutable=("name", "resourceId", "scalableDimension", "serviceNamespace"),
        outputs={"arn": arn("autoscaling", "scalingPolicy:${digest}"), "alarmArns": []},
        autoname="name",
        unique="name",
        id="${inputs.name}",
    ),
    "aws:lb/loadBalancer:LoadBalancer": Rule(
        immutable=("internal", "loadBalancerType", "name", "namePrefix"),
        outputs={
            "arn": arn("elasticloadbalancing", f"loadbalancer/{_BALANCER}"),
            "arnSuffix": _BALANCER,
            "dnsName": f"${{inputs.name}}-1234567890.{REGION}.elb.amazonaws.com",
            "vpcId": "vpc-${short}",
            "zoneId": "Z215JYRZR1TBD5",
        },
        autoname="name",
        unique="name",
        guarded_by="enableDeletionProtection",
        delete_before_replace=True,
        id=arn("elasticloadbalancing", f"loadbalancer/{_BALANCER}"),
    ),
    "aws:lb/targetGroup:TargetGroup": Rule(
        immutable=("name", "namePrefix", "port", "protocol", "protocolVersion", "targetType", "vpcId"),
        outputs={"arn": arn("elasticloadbalancing", _GROUP), "arnSuffix": _GROUP, "loadBalancerArns": []},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id=arn("elasticloadbalancing", _GROUP),
    ),
    "aws:lb/listener:Listener": Rule(
        immutable=("loadBalancerArn",),
        outputs={"arn": arn("elasticloadbalancing", "listener/app/${inputs.loadBalancerArn|name}/${short}")},
        id=arn("elasticloadbalancing", "listener/app/${inputs.loadBalancerArn|name}/${short}"),
    ),
    "aws:lb/listenerRule:ListenerRule": Rule(
        immutable=("listenerArn",),
        outputs={"arn": arn("elasticloadbalancing", "listener-rule/app/${inputs.listenerArn|name}/${short}")},
        id=arn("elasticloadbalancing", "listener-rule/app/${inputs.listenerArn|name}/${short}"),
    ),
    "aws:acm/certificate:Certificate": Rule(
        immutable=("domainName", "keyAlgorithm", "validationMethod", "subjectAlternativeNames"),
        outputs={
            "arn": arn("acm", "certificate/${short}"),
            "domainValidationOptions": [
                {
                    "domainName": "${inputs.domainName}",
                    "resourceRecordName": "_${short}.${inputs.domainName}.",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": "_${short}.acm-validations.aws.",
                }
            ],
            "status": "PENDING_VALIDATION",
        },
        id=arn("acm", "certificate/${short}"),
    ),
    "aws:acm/certificateValidation:CertificateValidation": Rule(
        immutable=("certificateArn", "validationRecordFqdns"), id="${short}"
    ),
    "aws:route53/record:Record": Rule(
        immutable=("name", "type", "zoneId", "setIdentifier"),
        outputs={"fqdn": "${inputs.name}"},
        id="${inputs.zoneId}_${inputs.name}_${inputs.type}",
    ),
    "aws:wafv2/webAcl:WebAcl": Rule(
        immutable=("name", "scope", "namePrefix"),
        outputs={"arn": arn("wafv2", "regional/webacl/${inputs.name}/${short}"), "capacity": 925, "lockToken": "l"},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id="${short}",
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Rule(
        immutable=("resourceArn", "webAclArn"), unique="resourceArn", id="${inputs.webAclArn},${inputs.resourceArn}"
    ),
}

_WATCHING = {
    "aws:cloudwatch/logGroup:LogGroup": Rule(
        immutable=("name", "namePrefix", "logGroupClass"),
        outputs={"arn": arn("logs", "log-group:${inputs.name}")},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id="${inputs.name}",
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Rule(
        required=("comparisonOperator", "evaluationPeriods"),
        immutable=("name",),
        outputs={"arn": arn("cloudwatch", "alarm:${inputs.name}")},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id="${inputs.name}",
    ),
    "aws:cloudwatch/dashboard:Dashboard": Rule(
        immutable=("dashboardName",),
        outputs={"dashboardArn": arn("cloudwatch", "dashboard/${inputs.dashboardName}", region="")},
        unique="dashboardName",
        id="${inputs.dashboardName}",
    ),
    "aws:cloudwatch/eventRule:EventRule": Rule(
        immutable=("name", "namePrefix", "eventBusName"),
        outputs={"arn": arn("events", "rule/${inputs.name}")},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id="${inputs.name}",
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Rule(
        immutable=("rule", "targetId", "eventBusName"), id="${inputs.rule}-${inputs.targetId}"
    ),
    "aws:sns/topic:Topic": Rule(
        immutable=("name", "namePrefix", "fifoTopic"),
        outputs={"arn": arn("sns", "${inputs.name}"), "owner": ACCOUNT},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id=arn("sns", "${inputs.name}"),
    ),
    "aws:sns/topicPolicy:TopicPolicy": Rule(
        immutable=("arn",), outputs={"owner": ACCOUNT}, unique="arn", id="${inputs.arn}-policy"
    ),
    "aws:sns/topicSubscription:TopicSubscription": Rule(
        immutable=("endpoint", "protocol", "topic"),
        outputs={"arn": "${inputs.topic}:${short}", "pendingConfirmation": True, "ownerId": ACCOUNT},
        id="${inputs.topic}:${short}",
    ),
}

_IDENTITY = {
    "aws:iam/role:Role": Rule(
        immutable=("name", "namePrefix", "path"),
        defaults={"path": "/"},
        outputs={"arn": arn("iam", "role${inputs.path}${inputs.name}", region=""), "uniqueId": "AROA${short}"},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id="role-${inputs.name}",
    ),
    "aws:iam/rolePolicy:RolePolicy": Rule(
        immutable=("name", "namePrefix", "role"), autoname="name", id="${inputs.role}:${inputs.name}"
    ),
    "aws:iam/policy:Policy": Rule(
        defaults={"path": "/"},
        immutable=("name", "namePrefix", "path", "description"),
        outputs={"arn": arn("iam", "policy${inputs.path}${inputs.name}", region=""), "policyId": "ANPA${short}"},
        autoname="name",
        unique="name",
        delete_before_replace=True,
        id=arn("iam", "policy${inputs.path}${inputs.name}", region=""),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Rule(
        immutable=("policyArn", "role"), id="${inputs.role}-${short}"
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Rule(
        immutable=("url",),
        outputs={"arn": arn("iam", "oidc-provider/${inputs.url|name}", region="")},
        unique="url",
        id=arn("iam", "oidc-provider/${inputs.url|name}", region=""),
    ),
}

FUNCTIONS: Mapping[str, Mapping[str, Json]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {
        "accountId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:user/somebody",
        "userId": "AIDAEXAMPLE",
        "id": ACCOUNT,
    },
    "aws:index/getAvailabilityZones:getAvailabilityZones": {
        "id": REGION,
        "names": [*ZONES],
        "zoneIds": ["euc1-az2", "euc1-az3", "euc1-az1"],
        "groupNames": [REGION],
        "region": REGION,
    },
    "aws:rds/getSnapshot:getSnapshot": {
        "id": "${args.dbSnapshotIdentifier}",
        "allocatedStorage": 20,
        "dbSnapshotIdentifier": "${args.dbSnapshotIdentifier}",
        "encrypted": True,
        "engine": "postgres",
        "engineVersion": "17.6",
        "status": "available",
    },
}

AWS = Table(
    resources={
        token: with_inputs_of_sdk(token, rule)
        for token, rule in {**_NETWORK, **_DATA, **_SERVICE, **_WATCHING, **_IDENTITY}.items()
    },
    functions=FUNCTIONS,
)
