"""The service on ECS as the engine is asked for it: what it waits for, how it is replaced, who may read what."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.aws.app_service import SLACK_SECONDS, AppService, AppServiceArgs
from components.contracts import DeploymentError
from tests.contracts.cases.aws_b1 import ACCOUNT, REGION, TIMES, a_load_balancer, service_args
from tests.contracts.cases.shared import DIGEST, Given
from tests.contracts.recorder import Recording, record, unknown
from tests.judges.botocore_shapes import findings

pytestmark = pytest.mark.unit


def known(text: str) -> pulumi.Output[str]:
    return pulumi.Output.from_input(text)


def recorded(given: Given = known, *, preview: bool = False, two_groups: bool = True, **changed: Any) -> Recording:
    def program() -> None:
        listener = pulumi.CustomResource("test:balancer:Listener", "listener", {})
        balancer = dataclasses.replace(a_load_balancer(given, two_groups=two_groups), listener=listener)
        args: AppServiceArgs = dataclasses.replace(service_args(given), load_balancer=balancer, **changed)
        AppService("service", args)

    return record(program, preview=preview)


@pytest.fixture(scope="module")
def rolling() -> Recording:
    return recorded(strategy="rolling", two_groups=False)


@pytest.fixture(scope="module")
def canary() -> Recording:
    return recorded()


def service_of(recording: Recording) -> Mapping[str, Any]:
    return recording.one("service-service").inputs


def test_the_service_waits_for_the_listener_without_which_ecs_refuses_its_target_group(rolling: Recording) -> None:
    assert "listener" in rolling.needed_by("service-service")


def test_no_task_starts_before_its_role_may_fetch_what_starting_takes(rolling: Recording) -> None:
    assert "service-execution-policy" in rolling.needed_by("service-definition")


def test_the_rollout_is_followed_after_the_service_has_been_told(rolling: Recording) -> None:
    assert {"service-service", "service-definition"} <= rolling.needed_by("service-rollout")


def test_how_many_tasks_run_is_the_autoscalers_business(rolling: Recording) -> None:
    assert service_of(rolling)["desiredCount"] == 2
    assert rolling.one("service-service").ignore_changes == ("desiredCount",)


def test_ecs_goes_back_by_itself_for_failed_tasks_and_for_alarms(rolling: Recording) -> None:
    service = service_of(rolling)
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert service["alarms"] == {
        "enable": True,
        "rollback": True,
        "alarmNames": ["rag-test-errors", "rag-test-latency"],
    }


def test_a_service_without_alarms_is_one_that_ecs_takes() -> None:
    assert "alarms" not in service_of(recorded(alarms=[]))


def test_no_old_task_leaves_before_a_new_one_is_healthy(rolling: Recording) -> None:
    service = service_of(rolling)
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (100, 200)
    assert service["healthCheckGracePeriodSeconds"] == TIMES.startup
    assert service["availabilityZoneRebalancing"] == "ENABLED"


def test_the_provider_does_not_wait_for_a_steady_state_that_would_call_a_rollback_a_success(
    rolling: Recording,
) -> None:
    assert service_of(rolling)["waitForSteadyState"] is False
    rollout = rolling.one("service-rollout").inputs
    assert (rollout["seconds"], rollout["back_seconds"]) == (TIMES.rollout + SLACK_SECONDS, TIMES.rollback)
    assert rollout["digest"] == DIGEST
    assert rollout["revision"]["task_definition"] == "<service-definition.arn>"
    assert rollout["service"] == "<service-service.arn>"


def test_the_service_can_be_destroyed_and_nobody_gets_a_shell_in_it(rolling: Recording) -> None:
    service = service_of(rolling)
    assert service["forceDelete"] is True
    assert service["enableExecuteCommand"] is False


def test_an_old_task_definition_stays_registered_because_ecs_goes_back_to_it(rolling: Recording) -> None:
    assert rolling.one("service-definition").inputs["skipDestroy"] is True


def test_tasks_run_where_the_network_says_and_without_a_public_address_behind_nat(rolling: Recording) -> None:
    assert service_of(rolling)["networkConfiguration"] == {
        "subnets": ["subnet-3", "subnet-4"],
        "securityGroups": ["sg-2"],
        "assignPublicIp": False,
    }


def test_a_rolling_release_needs_one_target_group_and_no_role(rolling: Recording) -> None:
    service = service_of(rolling)
    assert service["deploymentConfiguration"] == {"strategy": "ROLLING"}
    (balancer,) = service["loadBalancers"]
    assert "advancedConfiguration" not in balancer
    assert (balancer["containerName"], balancer["containerPort"]) == ("web", 8000)
    assert not [one.name for one in rolling.resources if "balancer" in one.name]


def test_a_canary_shows_a_few_requests_first_and_is_judged_twice(canary: Recording) -> None:
    assert service_of(canary)["deploymentConfiguration"] == {
        "strategy": "CANARY",
        "bakeTimeInMinutes": "5",
        "canaryConfiguration": {"canaryPercent": 10, "canaryBakeTimeInMinutes": "5"},
    }


def test_a_blue_green_release_moves_all_requests_at_once_and_keeps_the_old_tasks_for_a_while() -> None:
    made = recorded(strategy="blue-green")
    assert service_of(made)["deploymentConfiguration"] == {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "5"}


def test_ecs_moves_traffic_between_two_groups_with_a_role_that_it_has_before_it_needs_it(canary: Recording) -> None:
    (balancer,) = service_of(canary)["loadBalancers"]
    group = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup"
    assert balancer["targetGroupArn"] == f"{group}/one/1"
    assert balancer["advancedConfiguration"] == {
        "alternateTargetGroupArn": f"{group}/two/1",
        "productionListenerRule": "listener-rule",
        "roleArn": "<service-balancer.arn>",
    }
    assert "service-balancer-policy" in canary.needed_by("service-service")
    trust = json.loads(canary.one("service-balancer").inputs["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"Service": "ecs.amazonaws.com"}


def test_what_is_followed_is_all_that_ecs_deploys_the_way_included(rolling: Recording, canary: Recording) -> None:
    group = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup"
    alike = {
        "task_definition": "<service-definition.arn>",
        "subnets": ["subnet-3", "subnet-4"],
        "groups": ["sg-2"],
        "public_address": False,
        "container": "web",
        "port": 8000,
        "primary": f"{group}/one/1",
    }
    shifting = {"alternate": f"{group}/two/1", "rule": "listener-rule", "role": "<service-balancer.arn>"}
    told = [made.one("service-rollout").inputs for made in (rolling, canary)]
    assert told[0]["revision"] == {**alike, "alternate": "", "rule": "", "role": ""}
    assert told[1]["revision"] == {**alike, **shifting}
    assert [one["strategy"] for one in told] == ["ROLLING", "CANARY"]


@pytest.mark.parametrize("strategy", ["canary", "blue-green"])
def test_a_strategy_that_needs_two_groups_is_refused_with_one_and_says_what_to_do(strategy: str) -> None:
    with pytest.raises(DeploymentError, match=rf"rollout\.strategy {strategy} moves traffic between two target groups"):
        recorded(strategy=strategy, two_groups=False)


def test_the_task_is_one_that_aws_takes_with_every_volume_that_its_containers_mount(canary: Recording) -> None:
    definition = canary.one("service-definition").inputs
    containers = json.loads(definition["containerDefinitions"])
    request = {
        "family": definition["family"],
        "containerDefinitions": containers,
        "volumes": [{"name": one["name"]} for one in definition["volumes"]],
        "cpu": definition["cpu"],
        "memory": definition["memory"],
        "networkMode": definition["networkMode"],
        "requiresCompatibilities": definition["requiresCompatibilities"],
        "runtimePlatform": definition["runtimePlatform"],
    }
    assert findings("ecs", "RegisterTaskDefinition", request) == []
    mounted = {mount["sourceVolume"] for one in containers for mount in one["mountPoints"]}
    assert mounted == {one["name"] for one in definition["volumes"]}
    assert sum(one["memory"] for one in containers) <= int(definition["memory"])
    assert sum(one["cpu"] for one in containers) <= int(definition["cpu"])


def test_the_services_role_reads_the_database_url_and_never_the_first_api_key(canary: Recording) -> None:
    policy = json.loads(canary.one("service-execution-policy").inputs["policy"])
    (secrets,) = [one for one in policy["Statement"] if one["Action"] == ["secretsmanager:GetSecretValue"]]
    assert secrets["Resource"] == ["database-url-reference"]


def test_the_tasks_own_role_may_do_nothing(canary: Recording) -> None:
    granted = [
        one.inputs["role"] for one in canary.resources if "role" in one.inputs and one.type.startswith("aws:iam")
    ]
    assert sorted(granted) == ["rag-test-service-balancer", "rag-test-service-execution"]
    assert canary.one("service-definition").inputs["taskRoleArn"] == "<service-task.arn>"


def test_every_name_begins_with_the_prefix_so_that_permissions_can_go_by_it(canary: Recording) -> None:
    names = {one.inputs[key] for one in canary.resources for key in ("name", "family") if key in one.inputs}
    assert names - {"start"} == {
        "rag-test-service",
        "rag-test-service-execution",
        "rag-test-service-task",
        "rag-test-service-balancer",
    }


def test_a_first_preview_in_which_nothing_is_known_shows_the_same_resources(canary: Recording) -> None:
    preview = recorded(lambda _text: unknown(), preview=True)
    assert {one.urn for one in preview.resources} == {one.urn for one in canary.resources}
