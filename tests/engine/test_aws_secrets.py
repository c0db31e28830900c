"""A secret's value that changes on a live stack, through the real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.aws_account import DEFINITION, DEV, SERVICE, account_of
from tests.engine.doubles.wire import plain

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.aws_account import Account
    from tests.engine.doubles.world import Object

pytestmark = [pytest.mark.engine, pytest.mark.cloud, pytest.mark.timeout(600)]

VERSION = "aws:secretsmanager/secretVersion:SecretVersion"


def kept(account: Account, token: str) -> list[Object]:
    """All objects of this type in the doubled cloud."""
    return [found for found in account.world.objects().values() if found["type"] == token]


def test_another_password_is_another_task_and_is_rolled_out(pulumi: Path, tmp_path: Path) -> None:
    with account_of(tmp_path, pulumi, "dev", DEV) as dev:
        dev.settle()
        before = {str(one["state"]["versionId"]) for one in kept(dev, VERSION)}
        # The command of the guide.
        result = dev.engine.up("--replace", "**::database-password").require()
        assert {VERSION, DEFINITION} <= {step.type for step in result.changes if step.op == "replace"}
        for name in ("database-instance", "service-service", "service-rollout"):
            assert result.step(name).op == "update"
        assert [step.name for step in result.changes if "iam" in step.type] == []

        (present,) = {str(one["state"]["versionId"]) for one in kept(dev, VERSION)} - before
        (service,) = kept(dev, SERVICE)
        (task,) = (one for one in kept(dev, DEFINITION) if one["state"]["arn"] == service["inputs"]["taskDefinition"])
        assert f":::{present}" in str(plain(task["inputs"]["containerDefinitions"]))
        assert dev.engine.preview().require().changes == ()
