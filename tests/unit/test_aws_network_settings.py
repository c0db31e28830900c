"""Which networks a stack on AWS may ask for, and what it is told when AWS would refuse one halfway through."""

import pytest

from stacks.settings import SettingsError
from tests.aws_settings import DEV, parse_aws

pytestmark = pytest.mark.unit

VPC = {
    "id": "vpc-0123456789abcdef0",
    "public_subnets": ["subnet-00000000000000001", "subnet-00000000000000002"],
    "private_subnets": ["subnet-00000000000000003", "subnet-00000000000000004"],
}


def refusal(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_aws(**keys)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cidr", "words"),
    [
        ("10.0.0.0/8", "is a /8: AWS refuses more than a /16"),
        ("10.0.0.0/21", "is a /21: AWS refuses more than a /16, and in less than a /20"),
        ("8.8.0.0/16", "is not private"),
        ("172.32.0.0/16", "is not private"),
        ("10.0.0.1/16", "is no block of addresses"),
        ("ten", "is no block of addresses"),
    ],
)
def test_a_block_that_aws_would_refuse_or_that_is_too_small_is_refused(cidr: str, words: str) -> None:
    message = refusal(network={"cidr": cidr})
    assert message.startswith("rag:network.cidr:")
    assert words in message


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.31.0.0/18", "192.168.0.0/16", "10.255.240.0/20"])
def test_private_blocks_of_every_size_that_works_are_taken(cidr: str) -> None:
    assert parse_aws(network={"cidr": cidr}).network.cidr == cidr


@pytest.mark.parametrize("zones", [1, 5])
def test_a_load_balancer_needs_two_zones_and_the_addresses_are_cut_for_four(zones: int) -> None:
    assert refusal(network={"zones": zones}).startswith("rag:network.zones:")


def test_more_zones_than_the_region_offers_are_refused() -> None:
    message = refusal(aws={**DEV, "region": "us-west-1"}, network={"zones": 3})
    assert "network.zones is 3, but us-west-1 offers an account 2 availability zones" in message
    assert "set network.zones: 2" in message
    assert "network.zones is 4" in refusal(network={"zones": 4})
    assert parse_aws(aws={**DEV, "region": "us-east-1"}, network={"zones": 4}).network.zones_of("dev") == 4


def test_zones_by_name_lie_in_the_region() -> None:
    names = ["eu-central-1a", "eu-central-1b"]
    assert parse_aws(network={"zone_names": names}).network.zones_of("prod") == 2
    assert "eu-west-1a is no zone of aws.region" in refusal(network={"zone_names": ["eu-west-1a", "eu-central-1b"]})
    assert "different zones" in refusal(network={"zone_names": ["eu-central-1a", "eu-central-1a"]})
    assert "different zones" in refusal(network={"zone_names": ["eu-central-1a"]})
    assert "zones and zone_names both say where" in refusal(network={"zone_names": names, "zones": 2})


def test_an_existing_vpc_is_taken_as_it_is() -> None:
    settings = parse_aws(network={"vpc": VPC})
    assert settings.network.vpc is not None
    assert settings.network.vpc.id == VPC["id"]


@pytest.mark.parametrize(
    "more", [{"nat": "single"}, {"zones": 2}, {"cidr": "10.0.0.0/16"}, {"endpoints": True}, {"flow_logs": True}]
)
def test_what_shapes_a_new_network_does_nothing_in_an_existing_one_and_is_refused(more: dict[str, object]) -> None:
    message = refusal(network={"vpc": VPC, **more})
    assert f"{next(iter(more))} shape a network that is created" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"public_subnets": ["subnet-00000000000000001"]}, "public_subnets needs two different subnets"),
        ({"private_subnets": ["subnet-00000000000000003"] * 2}, "private_subnets needs two different subnets"),
        ({"private_subnets": VPC["public_subnets"]}, "stands among public_subnets and private_subnets"),
        ({"id": "my-vpc"}, "rag:network.vpc.id"),
    ],
)
def test_an_existing_vpc_has_two_subnets_of_each_kind_and_none_of_both(change: dict[str, object], words: str) -> None:
    assert words in refusal(network={"vpc": {**VPC, **change}})
