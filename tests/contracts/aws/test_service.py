"""The service and the way to it: how it is rolled out, judged and reached."""

import pytest

from tests.aws_settings import DOMAIN, REGION, parse_aws, parse_production
from tests.contracts.aws.recording import containers, of_type, recorded
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


def test_the_service_depends_on_the_listener_or_ecs_refuses_its_target_group(
    dev: Recording, production: Recording
) -> None:
    for recording in (dev, production):
        listeners = {resource.name for resource in of_type(recording, "Listener")}
        assert listeners & recording.needed_by("service-service")


def test_the_autoscaler_owns_the_number_of_tasks_so_the_service_ignores_changes_of_it(production: Recording) -> None:
    assert production.one("service-service").ignore_changes == ("desiredCount",)


@pytest.mark.parametrize("strategy", ["rolling", "canary", "blue-green"])
def test_ecs_goes_back_by_itself_on_failed_tasks_and_on_alarms(strategy: str) -> None:
    inputs = recorded(parse_production(rollout={"strategy": strategy})).one("service-service").inputs
    assert inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (inputs["alarms"]["enable"], inputs["alarms"]["rollback"]) == (True, True)
    assert inputs["alarms"]["alarmNames"]


def test_a_silent_rollback_is_seen_because_the_check_is_told_what_ecs_really_serves(production: Recording) -> None:
    assert production.one("service-service").inputs.get("waitForSteadyState") is not True
    check = production.one("rollout-check").inputs
    assert check["serving"] == "<service-rollout.serving>"
    assert check["evidence"] == "<service-rollout.evidence>"


def test_the_load_balancer_asks_every_five_seconds_and_lets_tasks_leave_within_half_a_minute(dev: Recording) -> None:
    (group,) = of_type(dev, "TargetGroup")
    assert (group.inputs["healthCheck"]["interval"], group.inputs["healthCheck"]["healthyThreshold"]) == (5, 2)
    assert group.inputs["deregistrationDelay"] == 30


def test_the_time_to_stop_is_longer_than_the_longest_request_and_within_fargates_limit(dev: Recording) -> None:
    for container in containers(dev, "service-definition"):
        assert parse_aws().rollout.graceful_seconds < container["stopTimeout"] <= 120


def test_every_log_group_exists_before_a_task_writes_to_it(production: Recording) -> None:
    for name in ("service-definition", "migration-definition"):
        for container in containers(production, name):
            (group,) = [
                resource
                for resource in of_type(production, "LogGroup")
                if resource.inputs["name"] == container["logConfiguration"]["options"]["awslogs-group"]
            ]
            assert group.name in production.needed_by(name)


def test_with_a_domain_users_come_by_tls_and_port_80_only_redirects(production: Recording) -> None:
    by_port = {listener.inputs["port"]: listener.inputs for listener in of_type(production, "Listener")}
    assert set(by_port) == {80, 443}
    assert by_port[443]["protocol"] == "HTTPS"
    assert by_port[80]["defaultActions"][0]["type"] == "redirect"
    assert production.one("rollout-check").inputs["url"] == f"https://{DOMAIN}"


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
def test_with_a_new_domain_port_80_leads_to_tls_only_when_that_is_there(strategy: str) -> None:
    made = recorded(parse_production(rollout={"strategy": strategy}))
    first = {"balancer-https", "balancer-certificate-issued", "balancer-address"}
    assert first <= made.needed_by("balancer-http")


@pytest.mark.parametrize("strategy", ["rolling", "canary"])
def test_what_would_lead_users_to_an_empty_group_is_refused_before_the_service_changes(strategy: str) -> None:
    made = recorded(parse_production(rollout={"strategy": strategy}))
    assert "balancer-guard" in made.needed_by("service-service")
    assert made.one("balancer-guard").inputs["again"] == (
        f"aws ecs update-service --region {REGION} --cluster rag-test --service rag-test-service --force-new-deployment"
    )


def test_users_are_asked_again_after_each_rollout_and_a_database_made_anew_is_migrated(production: Recording) -> None:
    assert production.one("rollout-check").inputs["rollout"] == "<service-rollout.deployment>"
    assert production.one("migration-run").inputs["database"] == "<database-instance.resourceId>"


def test_where_the_address_cannot_be_reached_from_here_the_platforms_word_is_taken() -> None:
    assert recorded(parse_aws()).one("rollout-check").inputs["ask"] is True
    assert recorded(parse_aws(rollout={"evidence": "platform"})).one("rollout-check").inputs["ask"] is False
