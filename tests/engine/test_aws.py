"""The AWS target through the real engine: its own program, doubles of the providers, and a server that plays ECS."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.aws.fake_ecs import Ending
from tests.engine.aws_account import DEFINITION, DEV, SERVICE, SHARED, account_of
from tests.engine.doubles.tables.aws import ACCOUNT, AWS, REGION
from tests.engine.doubles.tables.docker_build import DOCKER_BUILD
from tests.engine.doubles.tables.random import RANDOM
from tests.engine.doubles.wire import plain
from tests.judges.cloudformation_types import made_types

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.aws_account import Account
    from tests.engine.harness import Result

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

IMAGE = "docker-build:index:Image"
PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
PROD = {
    **SHARED,
    "rag:profile": "prod",
    "rag:aws": {
        "region": REGION,
        "account_id": ACCOUNT,
        "domain": "rag.example.com",
        "hosted_zone": "Z0123456789ABC",
    },
    "rag:oidc": {"repository": "acme/rag", "environment": "production"},
    "rag:observability": {"alarm_email": "ops@example.com"},
    "rag:secrets": {"kms_key": "create"},
    "rag:waf": True,
}


@pytest.fixture(scope="module")
def dev(pulumi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A stack with the defaults of dev; each test leaves a healthy release, or nothing."""
    with account_of(tmp_path_factory.mktemp("dev"), pulumi, "dev", DEV) as account:
        yield account


@pytest.fixture(scope="module")
def prod(pulumi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A stack with the defaults of prod, and all that can be asked for beside."""
    with account_of(tmp_path_factory.mktemp("prod"), pulumi, "prod", PROD) as account:
        yield account


def types(result: Result, *operations: str) -> Counter[str]:
    return Counter(step.type for step in result.changes if step.op in operations and not step.is_implicit)


def no_secret_in(account: Account) -> None:
    """Holds everything that people read of a stack against everything that is secret in it."""
    objects = account.world.objects().values()
    made = [str(plain(one["state"]["result"])) for one in objects if one["type"].startswith("random:index/randomPass")]
    values = [str(plain(one["inputs"]["secretString"])) for one in objects if "secretString" in one["inputs"]]
    assert len(made) == 3
    assert len(values) == 2
    # Eight letters find a key; they are no secret by themselves, but part of one.
    shown = [account.engine.export(), json.dumps(account.world.calls()), json.dumps(account.engine.outputs())]
    for text in shown:
        for secret in (*made, *values):
            assert secret not in text


@pytest.mark.unit
def test_every_type_that_the_components_make_has_a_rule() -> None:
    known = {*AWS.resources, *RANDOM.resources, *DOCKER_BUILD.resources}
    assert made_types() <= known


def test_a_stack_goes_up_and_a_preview_after_it_changes_nothing(dev: Account) -> None:
    dev.settle()
    assert dev.engine.preview().require().changes == ()
    assert dev.serves() == dev.digest()
    assert dev.ecs.calls.count("RunTask") >= 1


def test_no_secret_stands_in_the_state_the_outputs_or_any_call(dev: Account) -> None:
    dev.settle()
    no_secret_in(dev)


def test_a_new_release_changes_the_release_and_what_runs_it_and_nothing_else(dev: Account) -> None:
    dev.settle()
    before = dev.digest()
    dev.release("another release")
    result = dev.up().require()
    assert dev.serves() == dev.digest() != before
    changed = types(result, "create", "update", "replace", "delete")
    assert changed == {
        IMAGE: 1,
        "random:index/randomId:RandomId": 1,
        "pulumi-python:dynamic/aws:DockerLogin": 1,
        DEFINITION: 2,
        "pulumi-python:dynamic/aws:FargateMigration": 1,
        SERVICE: 1,
        "pulumi-python:dynamic/aws:EcsRollout": 1,
        "pulumi-python:dynamic/release:Check": 1,
    }


def test_a_migration_that_fails_leaves_the_service_as_it_was_and_is_tried_again(dev: Account) -> None:
    dev.settle()
    before, runs = dev.serves(), dev.ecs.calls.count("RunTask")
    dev.release("a release whose migration fails")
    dev.ecs.migrations.append(Ending(code=1, log=("ERROR relation documents is locked",)))
    failed = dev.up().require_failure()
    assert "relation documents is locked" in failed.output
    assert types(failed, "update", "replace")[SERVICE] == 0
    assert dev.serves() == before

    dev.up().require()
    assert dev.serves() == dev.digest() != before
    assert dev.ecs.calls.count("RunTask") == runs + 2


def test_a_release_that_ecs_takes_back_fails_the_update_and_the_next_one_deploys_it_again(dev: Account) -> None:
    dev.settle()
    before = dev.serves()
    dev.release("a release that never gets healthy")
    dev.ecs.services.rollbacks.append("tasks failed to start.")
    failed = dev.up().require_failure()
    assert "tasks failed to start." in failed.output
    assert dev.serves() == before

    dev.up().require()
    assert dev.serves() == dev.digest() != before


def test_dev_is_destroyed_without_help_and_leaves_only_images(dev: Account) -> None:
    dev.settle()
    dev.destroy().require()
    assert dev.engine.resources() == []
    assert {found["type"] for found in dev.world.objects().values()} <= {IMAGE}


def test_prod_goes_up_and_refuses_to_be_destroyed_until_one_key_takes_the_protection_off(prod: Account) -> None:
    prod.settle()
    assert prod.engine.preview().require().changes == ()
    no_secret_in(prod)

    before = prod.world.objects()
    refused = prod.destroy().require_failure()
    assert "protect" in refused.output
    assert prod.world.objects() == before

    # Other stacks' workflows log in by the account's provider: it stays when this one adopts it, and when it goes.
    prod.engine.config["rag:database"] = {"protect": False}
    prod.engine.config["rag:oidc"] = {"repository": "acme/rag", "environment": "production", "provider": "adopt"}
    prod.up().require()
    assert PROVIDER in {found["type"] for found in prod.world.objects().values()}
    prod.destroy().require()
    assert prod.engine.resources() == []
    left = {found["type"] for found in prod.world.objects().values()}
    assert PROVIDER in left <= {IMAGE, PROVIDER}
