"""AWS's tables that we hold, against those that others publish: regions, Fargate's sizes, RDS's classes, names."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from ipaddress import IPv4Network
from typing import Any, cast

import botocore.session
import pytest
from botocore.args import LEGACY_GLOBAL_STS_REGIONS
from hypothesis import given
from hypothesis import strategies as st

from components.aws.instance_classes import CLASSES, FAMILIES
from components.aws.naming import MOST_PREFIX, limited, require_names
from components.aws.regions import DEFAULT_REGIONS, OPT_IN_REGIONS, OTHER_ZONES, REGIONS, zones_of
from components.aws.sizes import FARGATE, require_size
from components.aws.subnets import MOST_ZONES, plan_subnets, usable_addresses
from stacks.settings.aws_database import NEWEST_MAJOR_VERSION, OLDEST_MAJOR_VERSION
from stacks.settings.containers import MOST_REPLICAS

pytestmark = pytest.mark.unit

MAJOR_VERSIONS = range(OLDEST_MAJOR_VERSION, NEWEST_MAJOR_VERSION + 1)


def extension(folder: str, name: str) -> Any:
    """Rules that cfn-lint keeps beside AWS's own schemas."""
    return json.loads((resources.files("cfnlint.data.schemas.extensions") / folder / name).read_text())


def test_the_regions_are_those_of_botocores_own_list() -> None:
    endpoints = cast(Mapping[str, Any], botocore.session.Session().get_data("endpoints"))
    (partition,) = [one for one in endpoints["partitions"] if one["partition"] == "aws"]
    assert set(partition["regions"]) == REGIONS


def test_the_regions_that_are_on_in_every_account_include_those_from_before_the_rule() -> None:
    assert set(LEGACY_GLOBAL_STS_REGIONS) - {"aws-global"} <= DEFAULT_REGIONS
    assert DEFAULT_REGIONS.isdisjoint(OPT_IN_REGIONS)


def test_zones_are_known_for_regions_that_exist_and_at_least_two_everywhere() -> None:
    assert set(OTHER_ZONES) <= REGIONS
    assert min(map(zones_of, REGIONS)) >= 2


def fargate_pairs() -> Iterator[tuple[int, set[int]]]:
    """cfn-lint's rule E3047 in numbers."""
    for pair in extension("aws_ecs_taskdefinition", "fargate_cpu_memory.json")["then"]["anyOf"]:
        (cpu,) = pair["properties"]["Cpu"]["then"]["enum"]
        memory = pair["properties"]["Memory"]["then"]
        yield (
            int(cpu),
            set(memory["enum"])
            if "enum" in memory
            else set(range(memory["minimum"], memory["maximum"] + 1, memory["multipleOf"])),
        )


def test_fargates_sizes_are_those_of_cfn_lints_rule() -> None:
    pairs = dict(fargate_pairs())
    assert len(pairs) >= 7
    assert {cpu: set(amounts) for cpu, amounts in FARGATE.items()} == pairs


@given(cpu=st.sampled_from(sorted(FARGATE)), memory=st.integers(1, 300_000))
def test_a_pair_is_taken_when_the_table_has_it_and_refused_otherwise(cpu: int, memory: int) -> None:
    if memory in FARGATE[cpu]:
        require_size(cpu, memory)
    else:
        with pytest.raises(ValueError, match="does not go with cpu"):
            require_size(cpu, memory)


def classes_of_postgres(major_version: int) -> set[str]:
    """The instance classes that RDS offers somewhere for this version of PostgreSQL."""
    found, waiting = set[str](), [extension("aws_rds_dbinstance", "db_instance_class.json")]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += cast(list[Any], part)
        elif isinstance(part, dict):
            rule = cast(dict[str, Any], part)
            condition = rule.get("if", {}).get("properties", {})
            version = str(condition.get("EngineVersion", {}).get("pattern", ""))
            if condition.get("Engine", {}).get("const") == "postgres" and version.startswith(f"^({major_version}\\."):
                found |= set(rule["then"]["properties"]["DBInstanceClass"].get("enum", ()))
            waiting += rule.values()
    return found


@pytest.mark.parametrize("major_version", MAJOR_VERSIONS)
def test_every_instance_class_that_we_know_runs_every_postgresql_that_can_be_asked_for(major_version: int) -> None:
    offered = classes_of_postgres(major_version)
    assert len(offered) > 100
    assert set(CLASSES) <= offered


def test_every_size_up_to_4xlarge_of_a_family_is_known() -> None:
    for name in classes_of_postgres(OLDEST_MAJOR_VERSION):
        family, _, size = name.removeprefix("db.").partition(".")
        if family in FAMILIES and size in {"micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge"}:
            assert name in CLASSES, name


def test_a_size_up_doubles_the_memory() -> None:
    for family in FAMILIES:
        for smaller, larger in (("large", "xlarge"), ("xlarge", "2xlarge")):
            assert CLASSES[f"db.{family}.{larger}"] == 2 * CLASSES[f"db.{family}.{smaller}"]


@given(third=st.integers(0, 15), length=st.integers(16, 20), zones=st.integers(1, MOST_ZONES))
def test_no_two_subnets_of_a_network_overlap_and_all_lie_in_it(third: int, length: int, zones: int) -> None:
    block = IPv4Network(f"10.20.{third * 16}.0/{length}", strict=False)
    plan = plan_subnets(str(block), zones=zones)
    subnets = [IPv4Network(cidr) for cidr in (*plan.public, *plan.tasks, *plan.database)]
    assert len(subnets) == 3 * zones
    assert all(subnet.subnet_of(block) for subnet in subnets)
    assert not any(one.overlaps(other) for at, one in enumerate(subnets) for other in subnets[:at])


@given(zones=st.integers(1, MOST_ZONES - 1))
def test_a_zone_that_is_added_later_moves_no_subnet_that_exists(zones: int) -> None:
    before, after = (plan_subnets("10.20.0.0/16", zones=count) for count in (zones, zones + 1))
    for kind in ("public", "tasks", "database"):
        assert getattr(after, kind)[:zones] == getattr(before, kind)
        assert len(getattr(after, kind)) == zones + 1


def test_the_smallest_network_holds_the_most_replicas_twice_as_a_rollout_needs() -> None:
    plan = plan_subnets("10.20.0.0/20", zones=2)
    assert sum(map(usable_addresses, plan.tasks)) >= 2 * MOST_REPLICAS + 10


@pytest.mark.parametrize("zones", [0, 5])
def test_more_zones_than_the_block_is_cut_for_are_refused(zones: int) -> None:
    with pytest.raises(ValueError, match=r"lower network\.zones"):
        plan_subnets("10.20.0.0/16", zones=zones)


@pytest.mark.parametrize("prefix", ["rag-dev", "rag-prod", "r", "a1-b2-c3", "a" * MOST_PREFIX])
def test_prefixes_that_every_service_takes_pass(prefix: str) -> None:
    require_names(prefix)


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("a" * (MOST_PREFIX + 1), "which has 33 characters: AWS refuses a load balancer's name beyond 32"),
        ("rag-Prod", "lower-case letters, digits and single hyphens"),
        ("rag-my_stack", "lower-case letters, digits and single hyphens"),
        ("rag--dev", "lower-case letters, digits and single hyphens"),
        ("rag-dev-", "lower-case letters, digits and single hyphens"),
        ("internal-dev", "begins with internal-"),
    ],
)
def test_a_prefix_that_some_service_refuses_is_refused_before_anything_is_created(prefix: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        require_names(prefix)
    assert "rag:name" in str(caught.value)


@given(text=st.from_regex(r"[a-z][a-z0-9-]{0,80}", fullmatch=True), most=st.integers(16, 64))
def test_a_limited_name_fits_and_begins_as_the_whole_one_does(text: str, most: int) -> None:
    name = limited(text, most)
    assert len(name) <= most
    assert name[:8] == text[:8] or "-" in text[:9]


def test_two_long_names_that_begin_alike_stay_apart() -> None:
    one, other = limited("a" * 40 + "-one", 32), limited("a" * 40 + "-two", 32)
    assert one != other
    assert limited("a" * 32, 32) == "a" * 32
