"""What is watched, at AWS: the alarms as they are made, whom they tell, and the dashboard."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from cfnlint import api
from cfnlint.config import ManualArgs

from components.aws.alarms import alarms
from components.aws.observability import Observability, ObservabilityArgs
from tests.aws.test_alarms import BOTH, LIMITS
from tests.contracts.cases.aws_b2 import ACCOUNT, CASES, a_load_balancer
from tests.contracts.conftest import event_loop_of_its_own as event_loop_of_its_own  # noqa: PLC0414  # why: a fixture
from tests.contracts.recorder import Recording, Registered, record

pytestmark = pytest.mark.unit


def recorded(*, two_groups: bool = True, **changes: Any) -> tuple[Recording, Observability]:
    given = CASES[Observability](pulumi.Output.from_input)
    assert isinstance(given, ObservabilityArgs)
    made: list[Observability] = []

    def program() -> None:
        balancer = a_load_balancer(pulumi.Output.from_input, two_groups=two_groups)
        made.append(Observability("watch", replace(given, load_balancer=balancer, **changes)))

    return record(program), made[0]


def made_alarms(recording: Recording) -> list[Registered]:
    return [resource for resource in recording.resources if resource.type.endswith(":MetricAlarm")]


def test_every_alarm_is_made_as_it_is_written_and_tells_the_topic_both_ways() -> None:
    recording, _ = recorded(two_groups=True)
    made = {resource.inputs["name"]: resource.inputs for resource in made_alarms(recording)}
    assert set(made) == {f"rag-prod-{alarm.key}" for alarm in alarms(BOTH)}
    for alarm in alarms(BOTH):
        told = made[alarm.named("rag-prod")]
        assert told["alarmDescription"] == alarm.says
        assert (told["threshold"], told["comparisonOperator"]) == (alarm.threshold, alarm.comparison)
        assert (told["evaluationPeriods"], told["datapointsToAlarm"]) == (alarm.periods, alarm.periods)
        assert told["treatMissingData"] == alarm.missing
        assert told["alarmActions"] == told["okActions"] == ["<watch-topic.arn>"]
        returned = [query for query in told["metricQueries"] if query["returnData"]]
        assert len(returned) == 1
        assert returned[0].get("expression") == alarm.expression


def test_each_number_is_that_of_this_stacks_own_things() -> None:
    recording, _ = recorded(two_groups=True)
    balancer = {"LoadBalancer": "app/rag-prod/1"}
    expected = {
        "balancer-errors": balancer,
        "errors-primary": {**balancer, "TargetGroup": "targetgroup/primary/2"},
        "errors-alternate": {**balancer, "TargetGroup": "targetgroup/alternate/3"},
        "latency-alternate": {**balancer, "TargetGroup": "targetgroup/alternate/3"},
        "unhealthy-primary": {**balancer, "TargetGroup": "targetgroup/primary/2"},
        "unhealthy-alternate": {**balancer, "TargetGroup": "targetgroup/alternate/3"},
        "database-cpu": {"DBInstanceIdentifier": "rag-prod-database"},
    }
    for key, dimensions in expected.items():
        for query in recording.one(f"watch-{key}").inputs["metricQueries"]:
            assert "metric" not in query or query["metric"]["dimensions"] == dimensions


@pytest.mark.parametrize("two_groups", [True, False])
def test_ecs_is_given_the_judges_by_their_names_and_waits_until_they_exist(two_groups: bool) -> None:
    def program() -> None:
        given = CASES[Observability](pulumi.Output.from_input)
        assert isinstance(given, ObservabilityArgs)
        balancer = a_load_balancer(pulumi.Output.from_input, two_groups=two_groups)
        watch = Observability("watch", replace(given, load_balancer=balancer))
        pulumi.CustomResource("test:using:Child", "child", {"alarms": list(watch.deployment_alarms)})

    recording = record(program)
    found = list(recording.one("child").inputs["alarms"])
    judges = [alarm for alarm in alarms(BOTH if two_groups else LIMITS) if alarm.judges]
    assert found == [alarm.named("rag-prod") for alarm in judges]
    assert {f"watch-{alarm.key}" for alarm in judges} <= recording.needed_by("child")


def test_only_alarms_of_this_stack_may_use_the_topic_and_its_key() -> None:
    recording, _ = recorded()
    topic, key = recording.one("watch-topic").inputs, recording.one("watch-topic-key").inputs
    assert topic["kmsMasterKeyId"] == "<watch-topic-key.arn>", "with AWS's own key no alarm would get through"
    publish, _ = json.loads(recording.one("watch-topic-policy").inputs["policy"])["Statement"]
    _, decrypt, _ = json.loads(key["policy"])["Statement"]
    ours = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:alarm:rag-prod-*"},
    }
    for statement in (publish, decrypt):
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert statement["Condition"] == ours
    assert publish["Action"] == "sns:Publish"
    assert set(decrypt["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey*"}
    assert all(alarm.named("rag-prod").startswith("rag-prod-") for alarm in alarms(BOTH))


@pytest.mark.parametrize("email", [None, "oncall@example.com"])
def test_a_person_is_told_where_one_is_named(email: str | None) -> None:
    recording, _ = recorded(email=email)
    told = [resource.inputs for resource in recording.resources if resource.type.endswith(":TopicSubscription")]
    assert [(one["protocol"], one["endpoint"]) for one in told] == ([("email", email)] if email else [])


def widgets(recording: Recording) -> list[Mapping[str, Any]]:
    return json.loads(recording.one("watch-dashboard").inputs["dashboardBody"])["widgets"]


def test_the_dashboard_shows_every_number_that_an_alarm_looks_at_with_its_threshold() -> None:
    recording, watch = recorded(two_groups=True)
    shown = {
        (row[0], row[1], tuple(part for part in row[2:] if isinstance(part, str)))
        for widget in widgets(recording)
        for row in widget["properties"]["metrics"]
        if isinstance(row[0], str)
    }
    for resource in made_alarms(recording):
        for query in resource.inputs["metricQueries"]:
            if "metric" in query:
                metric = query["metric"]
                dimensions = sorted(metric["dimensions"].items())
                found = {
                    tuple(sorted(zip(names[::2], names[1::2], strict=True)))
                    for namespace, name, names in shown
                    if (namespace, name) == (metric["namespace"], metric["metricName"])
                }
                assert tuple(dimensions) in found
    lines = {
        line["value"]
        for widget in widgets(recording)
        for line in widget["properties"].get("annotations", {}).get("horizontal", [])
    }
    assert lines == {alarm.threshold for alarm in alarms(BOTH)}
    assert watch.dashboard_url.endswith("region=eu-central-1#dashboards/dashboard/rag-prod")


def test_no_chart_hides_another_and_all_fit_on_the_grid() -> None:
    places = [(w["x"], w["y"], w["width"], w["height"]) for w in widgets(recorded()[0])]
    cells = [(x + dx, y + dy) for x, y, width, height in places for dx in range(width) for dy in range(height)]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def judged(changes: Mapping[str, Any]) -> list[str]:
    """What AWS's own rules, by cfn-lint, say of all alarms, each changed in the same way."""
    resources: dict[str, Any] = {}
    for place, resource in enumerate(made_alarms(recorded()[0])):
        told = resource.inputs
        queries = [
            {"Id": query["id"], "ReturnData": query["returnData"]}
            | ({"Expression": query["expression"], "Label": query["label"]} if "expression" in query else {})
            | ({"MetricStat": _metric_stat(query["metric"])} if "metric" in query else {})
            for query in told["metricQueries"]
        ]
        properties = {
            "AlarmName": told["name"],
            "AlarmDescription": told["alarmDescription"],
            "ComparisonOperator": told["comparisonOperator"],
            "Threshold": told["threshold"],
            "EvaluationPeriods": int(told["evaluationPeriods"]),
            "DatapointsToAlarm": int(told["datapointsToAlarm"]),
            "TreatMissingData": told["treatMissingData"],
            "Metrics": queries,
        }
        resources[f"Alarm{place}"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": properties | dict(changes)}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
    found = api.lint(json.dumps(template), config=ManualArgs(regions=["eu-central-1"]))
    return [f"{match.rule.id} {match.message}" for match in found]


def _metric_stat(metric: Mapping[str, Any]) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric["dimensions"].items()]
    return {
        "Stat": metric["stat"],
        "Period": int(metric["period"]),
        "Metric": {"Namespace": metric["namespace"], "MetricName": metric["metricName"], "Dimensions": dimensions},
    }


def test_aws_own_rules_find_no_fault_with_the_alarms() -> None:
    assert judged({}) == []


def test_those_rules_would_speak_up() -> None:
    assert judged({"TreatMissingData": "perhaps", "ComparisonOperator": "IsOdd"})
