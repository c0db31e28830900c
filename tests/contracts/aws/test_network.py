"""The network of an AWS stack against the strict recorder: who reaches whom, and by which way."""

import pytest

from components.contracts import DeploymentError
from stacks.aws_place import zone_at
from tests.aws_settings import REGION, parse_production
from tests.contracts.aws.recording import of_type, recorded
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit

EVERYBODY = "0.0.0.0/0"
VPC_ID = "vpc-0123456789abcdef0"
PUBLIC = ["subnet-00000000000000001", "subnet-00000000000000002"]
PRIVATE = ["subnet-00000000000000003", "subnet-00000000000000004"]


@pytest.mark.parametrize("later", ["migration-run", "service-service", "balancer-balancer"])
def test_nothing_runs_before_the_network_has_its_way_out_and_its_rules(production: Recording, later: str) -> None:
    ways = {"network-public-out", "network-public-use-0", "network-tasks-0-out", "network-tasks-0-use-0"}
    rules = {
        "network-service-to-https",
        "network-service-to-database-out",
        "network-service-to-database-in",
        "network-endpoint-ecr-dkr",
    }
    assert ways | rules <= production.needed_by(later)


def test_a_gateway_of_nat_comes_after_the_networks_own(production: Recording) -> None:
    for name in ("network-nat-0", "network-nat-0-address", "network-nat-2"):
        assert "network-gateway" in production.needed_by(name)


def test_the_whole_internet_may_connect_to_443_and_80_of_the_load_balancer_and_to_nothing_else(
    production: Recording,
) -> None:
    open_rules = [
        rule.inputs for rule in of_type(production, "SecurityGroupIngressRule") if rule.inputs.get("cidrIpv4")
    ]
    assert {(rule["fromPort"], rule["toPort"]) for rule in open_rules} == {(80, 80), (443, 443)}
    assert {rule["securityGroupId"] for rule in open_rules} == {"network-load-balancer-id"}
    assert {rule["cidrIpv4"] for rule in open_rules} == {EVERYBODY}


def test_plain_http_opens_port_80_alone(dev: Recording) -> None:
    ports = {
        rule.inputs["fromPort"]
        for rule in of_type(dev, "SecurityGroupIngressRule")
        if rule.inputs.get("cidrIpv4") == EVERYBODY
    }
    assert ports == {80}


def test_the_database_lets_in_the_tasks_alone_and_the_tasks_the_load_balancer_alone(production: Recording) -> None:
    entries = {
        (rule.inputs["securityGroupId"], rule.inputs["referencedSecurityGroupId"], rule.inputs["fromPort"])
        for rule in of_type(production, "SecurityGroupIngressRule")
        if rule.inputs.get("referencedSecurityGroupId")
    }
    assert entries == {
        ("network-service-id", "network-load-balancer-id", 8000),
        ("network-database-id", "network-service-id", 5432),
        ("network-endpoints-id", "network-service-id", 443),
    }


def test_the_tasks_ask_out_on_443_and_the_database_asks_nobody(production: Recording) -> None:
    exits = {
        (
            rule.inputs["securityGroupId"],
            rule.inputs.get("referencedSecurityGroupId") or rule.inputs["cidrIpv4"],
            rule.inputs["fromPort"],
        )
        for rule in of_type(production, "SecurityGroupEgressRule")
    }
    assert exits == {
        ("network-load-balancer-id", "network-service-id", 8000),
        ("network-service-id", "network-database-id", 5432),
        ("network-service-id", EVERYBODY, 443),
    }


def test_no_security_group_carries_rules_of_its_own_and_the_default_one_is_closed(production: Recording) -> None:
    for group in [*of_type(production, "SecurityGroup"), *of_type(production, "DefaultSecurityGroup")]:
        assert not group.inputs.get("ingress")
        assert not group.inputs.get("egress")
    (closed,) = of_type(production, "DefaultSecurityGroup")
    assert closed.inputs["vpcId"] == "network-vpc-id"


def test_without_nat_tasks_have_public_addresses_and_still_nothing_but_the_load_balancer_gets_in(
    dev: Recording,
) -> None:
    configuration = dev.one("service-service").inputs["networkConfiguration"]
    assert configuration["assignPublicIp"] is True
    assert configuration["subnets"] == ["network-public-0-id", "network-public-1-id"]
    assert configuration["securityGroups"] == ["network-service-id"]
    assert not of_type(dev, "NatGateway")
    assert dev.one("database-subnets").inputs["subnetIds"] == ["network-database-0-id", "network-database-1-id"]


@pytest.mark.parametrize(("nat", "gateways"), [("single", 1), ("per-zone", 3)])
def test_nat_gives_tasks_private_addresses_and_each_zone_its_way_out(nat: str, gateways: int) -> None:
    made = recorded(parse_production(network={"nat": nat}))
    configuration = made.one("service-service").inputs["networkConfiguration"]
    assert configuration["assignPublicIp"] is False
    assert configuration["subnets"] == [f"network-tasks-{at}-id" for at in range(3)]
    assert len(of_type(made, "NatGateway")) == gateways
    for at in range(3):
        through = made.one(f"network-tasks-{at}-out").inputs["natGatewayId"]
        assert through == f"network-nat-{at if nat == 'per-zone' else 0}-id"


def test_the_databases_subnets_have_no_way_out_at_all(production: Recording) -> None:
    tables = {route.inputs["routeTableId"] for route in of_type(production, "Route")}
    assert "network-database-routes-id" not in tables
    uses = [use.inputs for use in of_type(production, "RouteTableAssociation")]
    isolated = {use["subnetId"] for use in uses if use["routeTableId"] == "network-database-routes-id"}
    assert isolated == {f"network-database-{at}-id" for at in range(3)}


def test_a_zone_that_aws_opens_later_replaces_no_subnet(production: Recording) -> None:
    for subnet in of_type(production, "Subnet"):
        assert subnet.ignore_changes == ("availabilityZone",)
        assert subnet.inputs["mapPublicIpOnLaunch"] is False


def test_zones_are_taken_by_name_whatever_order_aws_lists_them_in(production: Recording) -> None:
    zones = [production.one(f"network-public-{at}").inputs["availabilityZone"] for at in range(3)]
    assert zones == [f"{REGION}a", f"{REGION}b", f"{REGION}c"]


def test_an_account_that_sees_too_few_zones_is_told_so() -> None:
    with pytest.raises(DeploymentError, match=r"sees 1 availability zones there .* and network\.zones wants 2"):
        zone_at(0, wanted=2)([f"{REGION}a"])
    assert zone_at(1, wanted=2)([f"{REGION}b", f"{REGION}a"]) == f"{REGION}b"


def test_an_existing_vpc_is_used_as_it_is_with_groups_of_our_own() -> None:
    made = recorded(
        parse_production(network={"vpc": {"id": VPC_ID, "public_subnets": PUBLIC, "private_subnets": PRIVATE}})
    )
    assert not of_type(made, "Vpc")
    assert not of_type(made, "Subnet")
    assert {group.inputs["vpcId"] for group in of_type(made, "SecurityGroup")} == {VPC_ID}
    assert made.one("service-service").inputs["networkConfiguration"]["subnets"] == PRIVATE
    assert made.one("balancer-balancer").inputs["subnets"] == PUBLIC


def test_in_an_existing_vpc_the_tasks_may_ask_its_own_servers_for_names_and_nobody_beyond_it() -> None:
    made = recorded(
        parse_production(network={"vpc": {"id": VPC_ID, "public_subnets": PUBLIC, "private_subnets": PRIVATE}})
    )
    asked = [rule.inputs for rule in of_type(made, "SecurityGroupEgressRule") if rule.inputs["fromPort"] == 53]
    private = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"}
    assert {(rule["ipProtocol"], rule["cidrIpv4"]) for rule in asked} == {
        (protocol, block) for protocol in ("udp", "tcp") for block in private
    }
    assert {(rule["securityGroupId"], rule["toPort"]) for rule in asked} == {("network-service-id", 53)}
