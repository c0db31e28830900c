"""The judge finds what is planted, so that its silence means something."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.judges.botocore_shapes import findings, member_findings

pytestmark = pytest.mark.unit

GOOD: dict[str, Any] = {
    "family": "rag",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
    "containerDefinitions": [
        {
            "name": "web",
            "image": "example",
            "cpu": 256,
            "logConfiguration": {"logDriver": "awslogs", "options": {"mode": "non-blocking"}},
            "portMappings": [{"containerPort": 8000, "protocol": "tcp"}],
            "environment": [{"name": "A", "value": "1"}],
        }
    ],
}


def container(request: dict[str, Any]) -> dict[str, Any]:
    return request["containerDefinitions"][0]


PLANTED: Sequence[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda request: request.update(networkMode="vpc"), "networkMode: 'vpc' is none of"),
    (lambda request: request["runtimePlatform"].update(cpuArchitecture="arm64"), "cpuArchitecture: 'arm64'"),
    (lambda request: request["requiresCompatibilities"].append("fargate"), "[1]: 'fargate' is none of"),
    (lambda request: container(request)["logConfiguration"].update(logDriver="cloudwatch"), "logDriver: "),
    (lambda request: container(request)["portMappings"][0].update(protocol="TCP"), "protocol: 'TCP'"),
    (lambda request: container(request).update(cpu="256"), "containerDefinitions[0].cpu"),
    (lambda request: container(request).update(enviroment=[]), "enviroment"),
    (lambda request: container(request)["environment"][0].update(value=1), "environment[0].value"),
    (lambda request: container(request).update(secrets=[{"name": "A"}]), "valueFrom"),
    (lambda request: container(request)["logConfiguration"]["options"].update(mode=True), "options.mode"),
    (lambda request: request.pop("family"), "family"),
]


def test_a_good_request_has_no_findings() -> None:
    assert findings("ecs", "RegisterTaskDefinition", GOOD) == []


@pytest.mark.parametrize(("plant", "found"), PLANTED, ids=[found for _, found in PLANTED])
def test_a_planted_fault_is_found_where_it_is(plant: Callable[[dict[str, Any]], object], found: str) -> None:
    request = copy.deepcopy(GOOD)
    plant(request)
    (finding,) = findings("ecs", "RegisterTaskDefinition", request)
    assert found in finding


def test_a_bound_and_a_pattern_of_the_model_count_too() -> None:
    group = {"Name": "rag", "Protocol": "HTTP", "Port": 70000, "HealthCheckIntervalSeconds": 999}
    assert len(findings("elbv2", "CreateTargetGroup", group)) == 2
    assert findings("ecr", "CreateRepository", {"repositoryName": "Rag Service"}) != []
    assert findings("ecr", "CreateRepository", {"repositoryName": "rag-service"}) == []


def test_one_member_is_judged_like_the_whole_request() -> None:
    assert member_findings("ecs", "RegisterTaskDefinition", "containerDefinitions", GOOD["containerDefinitions"]) == []
    wrong = [{**container(GOOD), "essential": "yes"}]
    (finding,) = member_findings("ecs", "RegisterTaskDefinition", "containerDefinitions", wrong)
    assert "essential" in finding
