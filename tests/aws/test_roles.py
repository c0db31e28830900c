"""The roles of a task: exactly what starting it takes, judged by what AWS publishes of its own actions."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import boto3
import pulumi
import pytest
from moto import mock_aws

from components.aws.app_service import AppService, AppServiceArgs
from components.aws.migration import Migration, MigrationArgs
from components.aws.roles import (
    BALANCER_POLICY,
    Needs,
    execution_policy,
    repository_arn,
    trust_policy,
)
from components.contracts import ReleaseHandle
from tests.aws_settings import parse_aws, parse_production
from tests.contracts.aws.recording import EVERYTHING, of_type, recorded
from tests.contracts.cases import CASES
from tests.contracts.cases.shared import DIGEST
from tests.contracts.recorder import Recording, record, unknown
from tests.judges.iam import findings

pytestmark = pytest.mark.unit

REGION, ACCOUNT = "eu-central-1", "123456789012"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/rag@{DIGEST}"
REPOSITORY = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/rag"
SECRETS = [f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rag-test/{name}-AbCdEf" for name in ("B", "A", "B")]
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"


def needs(**changed: Any) -> Needs:
    usual: dict[str, Any] = {
        "repository": REPOSITORY,
        "secrets": SECRETS,
        "kms_key": KEY,
        "log_groups": ["/ecs/rag-test/worker", "/ecs/rag-test/web"],
        "region": REGION,
        "account": ACCOUNT,
    }
    return Needs(**{**usual, **changed})


def statements(document: Mapping[str, object]) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], document["Statement"])


def granted(document: Mapping[str, object]) -> dict[str, list[str]]:
    return {action: one["Resource"] for one in statements(document) for action in one["Action"]}


def test_aws_knows_every_action_with_its_resources_and_conditions() -> None:
    assert findings(execution_policy(needs())) == []


def test_the_judge_would_see_a_misspelt_action_and_a_resource_that_does_not_fit() -> None:
    wrong = execution_policy(needs(secrets=[REPOSITORY]))
    assert findings(wrong) != []
    statements(wrong)[0]["Action"] = ["ecr:GetAuthorisationToken"]
    assert any("GetAuthorisationToken" in finding for finding in findings(wrong))


def test_starting_a_task_takes_its_image_its_secrets_and_its_logs_and_nothing_else() -> None:
    logs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/rag-test"
    streams = [f"{logs}/web:log-stream:*", f"{logs}/worker:log-stream:*"]
    assert granted(execution_policy(needs())) == {
        "ecr:GetAuthorizationToken": ["*"],
        "ecr:BatchCheckLayerAvailability": [REPOSITORY],
        "ecr:BatchGetImage": [REPOSITORY],
        "ecr:GetDownloadUrlForLayer": [REPOSITORY],
        "secretsmanager:GetSecretValue": sorted(set(SECRETS)),
        "kms:Decrypt": [KEY],
        "logs:CreateLogStream": streams,
        "logs:PutLogEvents": streams,
    }


def test_the_token_of_the_registry_is_the_only_thing_granted_on_everything() -> None:
    everywhere = [action for action, resources in granted(execution_policy(needs())).items() if "*" in resources]
    assert everywhere == ["ecr:GetAuthorizationToken"]


def test_a_secrets_key_may_be_used_through_its_store_alone() -> None:
    (key,) = [one for one in statements(execution_policy(needs())) if one["Action"] == ["kms:Decrypt"]]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}


@pytest.mark.parametrize(
    ("changed", "missing"),
    [
        ({"kms_key": None}, {"kms:Decrypt"}),
        ({"secrets": []}, {"kms:Decrypt", "secretsmanager:GetSecretValue"}),
        (
            {"repository": None},
            {
                "ecr:GetAuthorizationToken",
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
            },
        ),
    ],
)
def test_what_a_task_does_without_is_not_granted(changed: Mapping[str, object], missing: set[str]) -> None:
    everything, less = granted(execution_policy(needs())), granted(execution_policy(needs(**changed)))
    assert everything.keys() - less.keys() == missing
    assert findings(execution_policy(needs(**changed))) == []


def test_a_policy_is_the_same_whatever_order_its_parts_come_in() -> None:
    assert execution_policy(needs()) == execution_policy(needs(secrets=SECRETS[::-1]))


@pytest.mark.parametrize(
    ("image", "arn"),
    [
        (IMAGE, REPOSITORY),
        (f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/rag:1.2", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/rag"),
        (
            f"{ACCOUNT}.dkr.ecr-fips.us-east-1.amazonaws.com/rag@{DIGEST}",
            f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/rag",
        ),
        (f"{ACCOUNT}.dkr.ecr.cn-north-1.amazonaws.com.cn/rag@{DIGEST}", None),
        (f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com.example.org/rag@{DIGEST}", None),
        (f"registry.example.com/{IMAGE}", None),
    ],
)
def test_the_repository_is_known_by_the_image_and_only_if_it_is_one_of_ecr(image: str, arn: str | None) -> None:
    assert repository_arn(image) == arn


@pytest.mark.parametrize("service", ["ecs-tasks.amazonaws.com", "vpc-flow-logs.amazonaws.com"])
def test_a_role_is_taken_for_this_account_and_by_nobody_else(service: str) -> None:
    (statement,) = statements(trust_policy(service, ACCOUNT))
    assert statement["Principal"] == {"Service": service}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    assert statement["Action"] == "sts:AssumeRole"


def trusted(recording: Recording) -> dict[str, Any]:
    """By the role's name in AWS, the condition of its trust in a service of AWS."""
    roles = [one for one in of_type(recording, "Role") if not one.name.startswith("trust-")]
    return {
        one.inputs["name"].removeprefix("rag-test-"): json.loads(one.inputs["assumeRolePolicy"])["Statement"][0].get(
            "Condition"
        )
        for one in roles
    }


def test_every_role_of_the_stack_is_taken_on_behalf_of_its_account_but_the_balancers() -> None:
    """AWS documents no such condition for the balancer's; who may hand it to ECS is named by its whole name."""
    found = trusted(recorded(parse_production(**EVERYTHING, rollout={"strategy": "canary"})))
    assert found.pop("service-balancer") is None
    assert set(found) == {"flow-logs", "migrate-execution", "migrate-task", "service-execution", "service-task"}
    assert {json.dumps(condition) for condition in found.values()} == {
        json.dumps({"StringEquals": {"aws:SourceAccount": ACCOUNT}})
    }


@pytest.mark.parametrize("component", [AppService, Migration])
def test_trap_a_preview_of_a_release_shows_changed_rights_because_the_image_is_not_built_yet(
    component: type[AppService | Migration],
) -> None:
    args = cast(AppServiceArgs | MigrationArgs, CASES[component](pulumi.Output.from_input))
    unbuilt = ReleaseHandle(digest=unknown(), location=unknown())
    build = cast(Callable[..., object], component)
    given = dataclasses.replace(args, task=dataclasses.replace(args.task, release=unbuilt))
    made = record(lambda: build("part", given), preview=True)
    policy = made.one("part-execution-policy").inputs["policy"]
    assert "ecr:BatchGetImage" in policy
    assert isinstance(made.one("part-definition").inputs["containerDefinitions"], pulumi.output.Unknown)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (None, "<registry-repository.arn>"),
        (IMAGE, REPOSITORY),
        (f"registry.example.com/rag@{DIGEST}", None),
    ],
)
def test_images_are_pulled_from_the_stacks_registry_or_from_where_the_named_one_lies(
    image: str | None, expected: str | None
) -> None:
    made = recorded(parse_aws(release={"image": image}))
    for name in ("service-execution-policy", "migration-execution-policy"):
        found = granted(json.loads(made.one(name).inputs["policy"]))
        assert found.get("ecr:BatchGetImage") == (None if expected is None else [expected])


def test_the_balancers_policy_is_one_that_aws_has() -> None:
    with mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        iam = cast(Any, boto3).client("iam", region_name="us-east-1")
        arn = f"arn:aws:iam::aws:policy/{BALANCER_POLICY}"
        assert iam.get_policy(PolicyArn=arn)["Policy"]["PolicyName"] == BALANCER_POLICY
