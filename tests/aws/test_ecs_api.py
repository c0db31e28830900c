"""The way to ECS: where it goes, and what is said when AWS refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from botocore.stub import Stubber

from components.aws.ecs_api import balancing_client, clients
from tests.aws.moto_account import REGION, World

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("action", ["list_tasks", "run_task", "describe_tasks"])
def test_what_aws_refuses_is_an_error_for_people_that_names_the_permission(world: World, action: str) -> None:
    answers: Sequence[tuple[str, Mapping[str, Any]]] = [
        ("list_tasks", {"taskArns": []}),
        ("run_task", {"tasks": [{"taskArn": "arn:task/1"}], "failures": []}),
        ("describe_tasks", {"tasks": [], "failures": []}),
    ]
    with Stubber(world.ecs) as stub:
        for name, answer in answers:
            if name == action:
                stub.add_client_error(name, "AccessDeniedException", "is not authorized", http_status_code=400)
                break
            stub.add_response(name, dict(answer))
        stub.add_response("stop_task", {"task": {}})
        said = world.fails()
    permission = "ecs:" + "".join(word.capitalize() for word in action.split("_"))
    assert said.startswith(f"AWS refused {permission} (AccessDeniedException: is not authorized)")


def test_a_client_has_a_region_of_its_own_and_repeats_what_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for client in (*clients(REGION), balancing_client(REGION)):
        meta = cast(Any, client).meta
        assert meta.region_name == REGION
        retries = meta.config.retries
        assert (retries["mode"], retries["total_max_attempts"]) == ("standard", 8)
