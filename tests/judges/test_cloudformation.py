"""The AWS stack's resources, judged by the rules that cfn-lint has of CloudFormation."""

import dataclasses
import re
from collections.abc import Mapping, Sequence

import pytest

from stacks.aws import compose
from tests.contracts.recorder import Registered, record
from tests.engine.doubles.tables.aws import FUNCTIONS
from tests.judges.cloudformation import Finding, lint, template
from tests.judges.cloudformation_mapping import TYPES, Mapped, Unmapped
from tests.judges.cloudformation_stacks import STACKS, settings_of
from tests.judges.cloudformation_types import made_types, schema

pytestmark = pytest.mark.unit

EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("W2501", r"DatabaseInstance"): "the password is generated, and a secret; here stands what the test made up",
    ("W3010", r"Network\w+"): "zones are looked up, and settings may name them; here stand those that the test made up",
    ("W3691", r"DatabaseInstance"): "`17` is the newest minor version of it at RDS; cfn-lint knows whole versions only",
    ("E3023", r"BalancerCertificateProof"): "what proves the domain is known only when ACM has answered",
}
"""By rule and resource, what cfn-lint says and is not the case."""


def recorded(name: str) -> list[Registered]:
    return record(lambda: compose(settings_of(name)), calls=FUNCTIONS).resources


def excepted(finding: Finding) -> tuple[str, str] | None:
    found = [(rule, name) for rule, name in EXCEPTIONS if rule == finding.rule and re.fullmatch(name, finding.resource)]
    return found[0] if found else None


def objections(resources: Sequence[Registered]) -> list[str]:
    return [str(finding) for finding in lint(template(resources)) if excepted(finding) is None]


@pytest.fixture(scope="module")
def prod() -> list[Registered]:
    return recorded("prod")


def test_every_type_that_the_components_make_has_a_counterpart_or_a_reason() -> None:
    made = {token for token in made_types() if token.startswith("aws:")}
    assert made == set(TYPES), "tests/judges/cloudformation_mapping.py names what is made, and nothing else"
    assert all(found.reason for found in TYPES.values() if isinstance(found, Unmapped))
    assert all(schema(found.kind) for found in TYPES.values() if isinstance(found, Mapped))


@pytest.mark.parametrize("name", STACKS)
def test_cfn_lint_objects_to_nothing_in_the_stack(name: str) -> None:
    resources = recorded(name)
    rendered = template(resources)["Resources"]
    mapped = [one for one in resources if isinstance(TYPES.get(one.type), Mapped)]
    parts = [one for one in mapped if isinstance(found := TYPES[one.type], Mapped) and found.part_of]
    assert len(rendered) == len(mapped) - len(parts) > 40
    assert objections(resources) == []


def test_every_exception_is_still_needed() -> None:
    findings = [finding for name in STACKS for finding in lint(template(recorded(name)))]
    assert {excepted(finding) for finding in findings} >= set(EXCEPTIONS)


def test_nothing_in_a_template_is_left_unresolved(prod: list[Registered]) -> None:
    assert not re.findall(r"<[\w-]+\.\w+>", str(template(prod)))


@pytest.mark.parametrize(
    ("token", "changed", "rule"),
    [
        ("aws:ecs/taskDefinition:TaskDefinition", {"cpu": "256", "memory": "8192"}, "E3047"),
        ("aws:ecs/taskDefinition:TaskDefinition", {"networkMode": "bridge"}, "E3048"),
        ("aws:lb/loadBalancer:LoadBalancer", {"subnets": ["subnet-0123456789abcdef0"]}, "E3680"),
        ("aws:lb/listener:Listener", {"protocol": "HTTPS", "port": 443, "certificateArn": None}, "E3676"),
        ("aws:cloudwatch/logGroup:LogGroup", {"retentionInDays": 13}, "E3030"),
        ("aws:rds/instance:Instance", {"instanceClass": "db.x9.tiny"}, "E3025"),
        ("aws:rds/instance:Instance", {"identifer": "misspelled"}, "E3002"),
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/33"}, "E3002"),
        ("aws:ec2/securityGroup:SecurityGroup", {"description": "somebody's group"}, "E3031"),
        ("aws:ec2/subnet:Subnet", {"vpcId": "vpc of mine"}, "E1151"),
        ("aws:ecs/service:Service", {"launchType": "FARGAT"}, "E3030"),
        ("aws:lb/targetGroup:TargetGroup", {"vpcId": None}, "E3681"),
    ],
)
def test_the_judge_finds_planted_faults(
    prod: list[Registered], token: str, changed: Mapping[str, object], rule: str
) -> None:
    first = next(one for one in prod if one.type == token)
    planted = [dataclasses.replace(one, inputs={**one.inputs, **changed}) if one is first else one for one in prod]
    found = {finding.rule for finding in lint(template(planted)) if excepted(finding) is None}
    assert rule in found
