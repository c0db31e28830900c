"""The way in: TLS, the groups of tasks and who decides between them, the domain, the firewall."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from app.settings import Settings
from components.aws.handles import LoadBalancerHandle
from components.aws.load_balancer import IDLE_SECONDS, MOST_NAME, LoadBalancer, LoadBalancerArgs
from components.aws.waf import GROUPS, Waf
from components.contracts import DeploymentError
from components.workload import Probes
from stacks.settings import PROJECT
from stacks.settings.aws import IDLE_SECONDS as REFUSED_UP_TO
from tests.contracts.cases.aws_b2 import CASES, DOMAIN, HEALTH
from tests.contracts.conftest import event_loop_of_its_own as event_loop_of_its_own  # noqa: PLC0414  # why: a fixture
from tests.contracts.recorder import Recording, record

pytestmark = pytest.mark.unit

Change = Callable[[LoadBalancerArgs], LoadBalancerArgs]
PLAIN: Mapping[str, Any] = {"domain": None, "hosted_zone": None, "allow_plain_http": True}


def arguments(**changes: Any) -> LoadBalancerArgs:
    given = CASES[LoadBalancer](pulumi.Output.from_input)
    assert isinstance(given, LoadBalancerArgs)
    return replace(given, **changes)


def recorded(**changes: Any) -> tuple[Recording, LoadBalancerHandle]:
    made: list[LoadBalancer] = []
    recording = record(lambda: made.append(LoadBalancer("balancer", arguments(**changes))))
    return recording, made[0].handle


def inputs(name: str, **changes: Any) -> Mapping[str, Any]:
    return recorded(**changes)[0].one(name).inputs


def names(recording: Recording) -> set[str]:
    return {resource.name for resource in recording.resources}


def values(output: Callable[[LoadBalancerHandle], pulumi.Input[Any]], **changes: Any) -> list[Any]:
    """What an output of the handle is worth once everything exists."""
    found: list[Any] = []

    def program() -> pulumi.Output[None]:
        handle = LoadBalancer("balancer", arguments(**changes)).handle
        return pulumi.Output.from_input(output(handle)).apply(found.append)

    record(program)
    return found


def test_the_application_keeps_connections_for_longer_than_the_load_balancer_or_users_would_see_502() -> None:
    assert inputs("balancer-balancer")["idleTimeout"] == IDLE_SECONDS
    assert Settings.model_fields["keepalive_seconds"].default > IDLE_SECONDS
    assert REFUSED_UP_TO == IDLE_SECONDS, "the settings refuse an operator's own value that is not above it"
    image = re.findall(r"KEEPALIVE_SECONDS=(\d+)", (PROJECT / "Dockerfile").read_text())
    assert image
    assert all(int(seconds) > IDLE_SECONDS for seconds in image)


def test_requests_that_two_servers_could_read_differently_are_refused_at_the_door() -> None:
    made = inputs("balancer-balancer")
    assert made["dropInvalidHeaderFields"] is True
    assert made["desyncMitigationMode"] == "defensive"
    assert made["xffHeaderProcessingMode"] == "append", "the application believes the last address alone"


def test_it_stands_in_the_public_subnets_behind_its_own_group_and_nowhere_else() -> None:
    made = inputs("balancer-balancer")
    assert made["internal"] is False
    assert made["subnets"] == ["public-a", "public-b"]
    assert made["securityGroups"] == ["sg-balancer"]


@pytest.mark.parametrize("protect", [True, False])
def test_its_deletion_is_refused_by_the_same_knob_as_the_databases(protect: bool) -> None:
    assert inputs("balancer-balancer", protect=protect)["enableDeletionProtection"] is protect


@pytest.mark.parametrize("prefix", ["rag-prod", "a" * 32, "rag-" + "b" * 28])
def test_no_name_is_longer_than_aws_allows_and_no_two_are_the_same(prefix: str) -> None:
    recording, _ = recorded(prefix=prefix)
    given = [recording.one(f"balancer-{part}").inputs["name"] for part in ("balancer", "primary", "alternate")]
    assert len(set(given)) == 3
    assert all(len(name) <= MOST_NAME and not name.endswith("-") for name in given)


def test_a_group_for_another_port_can_be_made_before_the_one_that_a_listener_still_uses_goes() -> None:
    assert inputs("balancer-primary", port=8000)["name"] != inputs("balancer-primary", port=9000)["name"]


def test_tasks_are_asked_whether_they_are_ready_and_leave_quickly() -> None:
    group = inputs("balancer-primary", deregistration_seconds=30)
    assert group["healthCheck"] == {
        "enabled": True,
        "protocol": "HTTP",
        "port": "traffic-port",
        "path": Probes().ready,
        "matcher": "200",
        "interval": 5,
        "timeout": 4,
        "healthyThreshold": 2,
        "unhealthyThreshold": 2,
    }
    assert (group["targetType"], group["port"], group["vpcId"]) == ("ip", 8000, "vpc")
    assert group["deregistrationDelay"] == 30
    assert group["loadBalancingAlgorithmType"] == "least_outstanding_requests"
    assert group["slowStart"] == 0, "AWS refuses a slow start together with that algorithm"


def test_both_groups_are_alike_because_each_serves_users_in_its_turn() -> None:
    recording, _ = recorded(two_groups=True)
    primary, alternate = (dict(recording.one(f"balancer-{which}").inputs) for which in ("primary", "alternate"))
    assert primary.pop("name") != alternate.pop("name")
    assert primary == alternate


def test_a_health_check_that_outlasts_its_interval_is_refused_before_anything_exists() -> None:
    with pytest.raises(DeploymentError, match="waits 5 s and comes every 5 s would be refused"):
        recorded(health=replace(HEALTH, timeout=5))


def test_with_a_domain_users_meet_tls_1_3_and_nothing_is_served_without_it() -> None:
    recording, handle = recorded(two_groups=False)
    secure, plain = recording.one("balancer-https").inputs, recording.one("balancer-http").inputs
    assert (secure["port"], secure["protocol"]) == (443, "HTTPS")
    assert secure["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    assert secure["certificateArn"] == "<balancer-certificate.arn>"
    assert [action["type"] for action in secure["defaultActions"]] == ["forward"]
    (action,) = plain["defaultActions"]
    assert (plain["port"], action["type"]) == (80, "redirect")
    assert action["redirect"]["protocol"] == "HTTPS"
    assert action["redirect"]["statusCode"] == "HTTP_301"
    assert isinstance(handle.listener, pulumi.CustomResource)


def test_the_listener_waits_until_the_certificate_is_issued_and_that_until_its_record_exists() -> None:
    recording, _ = recorded()
    assert {"balancer-certificate-issued", "balancer-certificate-proof"} <= recording.needed_by("balancer-https")


def test_the_certificate_and_the_address_are_those_of_the_domain_in_its_zone() -> None:
    recording, _ = recorded()
    certificate, address = recording.one("balancer-certificate").inputs, recording.one("balancer-address").inputs
    assert (certificate["domainName"], certificate["validationMethod"]) == (DOMAIN, "DNS")
    assert (address["name"], address["type"], address["zoneId"]) == (DOMAIN, "A", "Z123456789")
    assert address["aliases"][0]["name"] == "<balancer-balancer.dnsName>"
    assert recording.one("balancer-certificate-proof").inputs["zoneId"] == "Z123456789"


def test_whoever_asks_for_the_address_waits_until_the_domain_leads_to_it() -> None:
    def program() -> None:
        url = LoadBalancer("balancer", arguments()).handle.url
        asking = pulumi.ComponentResource("test:asking:Part", "asking")
        pulumi.CustomResource("test:asking:Child", "child", {"url": url}, pulumi.ResourceOptions(parent=asking))

    assert "balancer-address" in record(program).needed_by("child")
    assert values(lambda handle: handle.url) == [f"https://{DOMAIN}"]


def test_without_a_domain_it_serves_plain_text_only_when_somebody_wrote_that_down() -> None:
    recording, _ = recorded(**PLAIN)
    assert names(recording).isdisjoint({"balancer-https", "balancer-certificate", "balancer-address"})
    (action,) = recording.one("balancer-http").inputs["defaultActions"]
    assert action["type"] == "forward"
    assert values(lambda handle: handle.url, **PLAIN) == ["http://<balancer-balancer.dnsName>"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({**PLAIN, "allow_plain_http": False}, r"no domain, .* Set aws\.domain, or aws\.allow_plain_http"),
        ({"hosted_zone": None}, "has no hosted zone, so no certificate could be proven"),
    ],
)
def test_a_way_in_that_nobody_could_use_safely_is_refused_before_anything_exists(
    changes: Mapping[str, Any], message: str
) -> None:
    made: list[LoadBalancer] = []
    with pytest.raises(DeploymentError, match=message):
        record(lambda: made.append(LoadBalancer("balancer", arguments(**changes))))
    assert not made


@pytest.mark.parametrize("changes", [{}, PLAIN], ids=["domain", "plain"])
def test_a_rolling_service_waits_for_the_listener_that_forwards_to_its_only_group(changes: Mapping[str, Any]) -> None:
    recording, handle = recorded(two_groups=False, **changes)
    assert (handle.alternate, handle.rule) == (None, None)
    serving = recording.one("balancer-https" if not changes else "balancer-http")
    assert serving.inputs["defaultActions"] == [{"type": "forward", "targetGroupArn": "<balancer-primary.arn>"}]
    assert serving.ignore_changes == ()
    assert recording.needed_by("balancer-guard") >= {serving.name}
    assert type(handle.listener).__name__ == "TrafficGuard", "it stands after the listener"
    assert "balancer-alternate" not in names(recording)


def test_with_two_groups_ecs_decides_by_the_rule_and_pulumi_never_sets_it_back() -> None:
    recording, handle = recorded(two_groups=True)
    rule = recording.one("balancer-production")
    ignoring = {made.name: made.ignore_changes for made in recording.resources if made.ignore_changes}
    assert ignoring == {rule.name: ("actions",)}
    assert rule.inputs["conditions"] == [{"pathPattern": {"values": ["/*"]}}]
    (action,) = rule.inputs["actions"]
    assert action["forward"]["targetGroups"] == [
        {"arn": "<balancer-primary.arn>", "weight": 100},
        {"arn": "<balancer-alternate.arn>", "weight": 0},
    ]
    assert type(handle.listener).__name__ == "ListenerRule", "the service waits for what it is going to change"
    assert values(lambda made: made.rule, two_groups=True) == ["<balancer-production.arn>"]


def test_on_the_listener_of_two_groups_everything_forwards_because_ecs_refuses_a_mixture() -> None:
    recording, _ = recorded(two_groups=True)
    secure = recording.one("balancer-https").inputs
    types = {action["type"] for action in secure["defaultActions"]}
    types |= {action["type"] for action in recording.one("balancer-production").inputs["actions"]}
    assert types == {"forward"}
    assert recording.one("balancer-production").inputs["listenerArn"] == "<balancer-https.arn>"


def test_cloudwatch_finds_balancer_and_groups_by_their_suffixes() -> None:
    assert values(lambda handle: handle.suffix) == ["<balancer-balancer.arnSuffix>"]
    assert values(lambda handle: handle.primary.suffix) == ["<balancer-primary.arnSuffix>"]
    assert values(lambda handle: handle.alternate and handle.alternate.suffix) == ["<balancer-alternate.arnSuffix>"]


@pytest.mark.parametrize("two_groups", [False, True])
def test_port_80_serves_until_that_which_it_will_lead_to_is_there(two_groups: bool) -> None:
    recording, _ = recorded(two_groups=two_groups)
    needed = recording.needed_by("balancer-http")
    assert {"balancer-https", "balancer-certificate-issued", "balancer-address", "balancer-guard"} <= needed


def test_the_rule_changes_only_after_it_was_asked_where_users_are() -> None:
    recording, _ = recorded(two_groups=True)
    guard = recording.one("balancer-guard").inputs
    assert guard["listener"] == "<balancer-https.arn>"
    assert (guard["primary"], guard["alternate"]) == ("<balancer-primary.arn>", "<balancer-alternate.arn>")
    assert "balancer-guard" in recording.needed_by("balancer-production")
    assert "balancer-production" not in recording.needed_by("balancer-guard")


def test_a_stack_with_one_group_has_the_guard_too_so_that_it_sees_the_second_go() -> None:
    assert inputs("balancer-guard", two_groups=False)["alternate"] == ""


def firewall() -> list[Mapping[str, Any]]:
    recording = record(lambda: Waf("waf", CASES[Waf](pulumi.Output.from_input)))  # pyright: ignore[reportArgumentType]  # why: cases are objects
    return recording.one("waf-acl").inputs["rules"]


def test_the_firewall_blocks_by_aws_own_rules_and_lets_the_rest_through() -> None:
    rules = firewall()
    assert [rule["name"] for rule in sorted(rules, key=lambda rule: rule["priority"])] == list(GROUPS)
    assert all(rule["overrideAction"] == {"none": {}} for rule in rules)


def test_a_document_is_never_blocked_for_its_size_or_for_what_it_is_about() -> None:
    for rule in firewall():
        group = rule["statement"]["managedRuleGroupStatement"]
        counted = {override["name"] for override in group.get("ruleActionOverrides", [])}
        assert counted == set(GROUPS[group["name"]])
        assert all(name.endswith("_BODY") for name in counted), "headers, paths and queries are still judged"
        assert all(override["actionToUse"] == {"count": {}} for override in group.get("ruleActionOverrides", []))
    assert "SizeRestrictions_BODY" in GROUPS["AWSManagedRulesCommonRuleSet"]
    assert Settings.model_fields["max_upload_size_mb"].default * 2**20 > 8192
