"""The database of the AWS target through the real engine: made from a snapshot, and anew from another one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.engine.doubles.tables.aws import AWS
from tests.engine.doubles.tables.random import RANDOM
from tests.engine.doubles.wire import plain

if TYPE_CHECKING:
    from tests.engine.harness import Engine, MakeEngine

pytestmark = [pytest.mark.engine, pytest.mark.cloud]

ROOT = Path(__file__).resolve().parents[2]
INSTANCE = "aws:rds/instance:Instance"
LOOKUP = "aws:rds/getSnapshot:getSnapshot"

PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import pulumi
from components.aws.database import Database, DatabaseArgs
from components.aws.handles import NetworkHandle
from components.aws.secrets import Secrets, SecretsArgs

network = NetworkHandle(
    vpc_id="vpc-1", public_subnets=["a"], task_subnets=["b"], database_subnets=["c", "d"], load_balancer_group="sg-1",
    service_group="sg-2", database_group="sg-3", assign_public_ip=False,
)
told = dict(
    prefix="rag-test", network=network, instance_class="db.t4g.micro", major_version=17, storage_gb=20,
    max_storage_gb=100, multi_az=False, backup_days=1, max_connections=112, protect=False, final_snapshot=True,
    apply_immediately=True, backup_window="03:00-04:00", maintenance_window="sun:04:30-sun:05:30", restore_from=None,
    kms_key=None, log_days=14, insights=False,
)
database = Database("database", DatabaseArgs(**{{**told, **pulumi.Config().require_object("database")}}))
Secrets("secrets", SecretsArgs(
    prefix="rag-test", database_url=database.url, kms_key="aws", recovery_days=0, account="123456789012",
))
pulumi.export("resource", database.resource_id)
"""


@pytest.fixture
def engine(inline_engine: MakeEngine) -> Engine:
    made = inline_engine(PROGRAM, {"inline:database": {}})
    made.doubles.install("aws", AWS)
    made.doubles.install("random", RANDOM)
    return made


def told(engine: Engine, **database: object) -> None:
    """What the next run is told of the database, where it differs from the usual."""
    engine.config["inline:database"] = database


def answer(engine: Engine, **snapshot: object) -> None:
    """What RDS says of every snapshot from now on."""
    found = {**AWS.functions[LOOKUP], **snapshot}
    engine.doubles.install("aws", dataclasses.replace(AWS, functions={**AWS.functions, LOOKUP: found}))


def database(engine: Engine) -> dict[str, object]:
    """The database that exists, as RDS was asked for it."""
    (found,) = [one for one in engine.doubles.world.objects().values() if one["type"] == INSTANCE]
    return {key: plain(value) for key, value in found["inputs"].items()}


def last_snapshots(engine: Engine) -> list[str]:
    """The names of the last snapshots of the databases that were deleted, in their order."""
    deleted = [call for call in engine.doubles.world.calls() if (call["method"], call["token"]) == ("Delete", INSTANCE)]
    told_then = [call["inputs"] for call in deleted]
    return [str(inputs["finalSnapshotIdentifier"]) for inputs in told_then if isinstance(inputs, dict)]


def test_a_stack_begins_with_the_data_of_a_snapshot_and_keeps_them_when_the_key_goes(engine: Engine) -> None:
    told(engine, restore_from="before")
    engine.up().require()
    first = engine.outputs()["resource"]
    assert database(engine)["snapshotIdentifier"] == "before"
    assert engine.preview().require().changes == ()

    told(engine)
    assert INSTANCE not in {step.type for step in engine.up().require().changes if step.op not in {"update", "same"}}
    assert engine.outputs()["resource"] == first
    assert last_snapshots(engine) == []


def test_another_snapshot_makes_a_live_database_anew_under_its_name_and_password_and_keeps_what_was_there(
    engine: Engine,
) -> None:
    engine.up().require()
    before, first = database(engine), engine.outputs()["resource"]

    told(engine, restore_from="yesterday")
    shown = engine.preview().require()
    assert "database-instance" in shown.changed("replace")
    engine.up().require()
    after = database(engine)
    assert after["snapshotIdentifier"] == "yesterday"
    same = ("identifier", "username", "password", "dbName")
    assert [after[key] for key in same] == [before[key] for key in same]
    assert engine.outputs()["resource"] != first
    assert last_snapshots(engine) == [before["finalSnapshotIdentifier"]]

    told(engine, restore_from="the day before")
    engine.up().require()
    engine.destroy().require()
    names = last_snapshots(engine)
    assert len(names) == len(set(names)) == 3


def test_a_protected_database_is_not_made_anew_until_its_one_key_lifts_the_protection(engine: Engine) -> None:
    told(engine, protect=True)
    engine.up().require()
    there = engine.doubles.world.objects()

    told(engine, protect=True, restore_from="yesterday")
    for refused in (engine.preview(), engine.up()):
        assert "protect" in refused.require_failure().output
    # Taken off and used in one update, AWS itself still refuses: its own protection ends with the update before.
    told(engine, protect=False, restore_from="yesterday")
    assert "protected by deletionProtection" in engine.up().require_failure().output
    assert {key for key, one in there.items() if one["type"] == INSTANCE} <= set(engine.doubles.world.objects())

    # Lifted in an update of its own, it may come back together with the snapshot.
    told(engine, protect=False)
    engine.up().require()
    told(engine, protect=True, restore_from="yesterday")
    engine.up().require()
    made = database(engine)
    assert (made["snapshotIdentifier"], made["deletionProtection"]) == ("yesterday", True)


def test_a_snapshot_that_cannot_be_restored_leaves_the_present_database_alone(engine: Engine) -> None:
    """It is made anew by deleting first: refused any later, nothing would be left."""
    engine.up().require()
    before = database(engine)
    told(engine, restore_from="yesterday")
    for snapshot, words in (
        ({"engineVersion": "16.4"}, "yesterday holds PostgreSQL 16.4"),
        ({"allocatedStorage": 95}, "less than 10 % above the disk of database.restore_from yesterday, 95"),
        ({"status": "creating"}, "yesterday is creating, so RDS would not restore it"),
    ):
        answer(engine, **snapshot)
        assert words in engine.preview().require_failure().output
    assert words in engine.up().require_failure().output
    assert database(engine) == before
    assert last_snapshots(engine) == []


def test_the_next_major_version_comes_with_its_parameters_beside_the_present_ones_and_keeps_the_database(
    engine: Engine,
) -> None:
    engine.up().require()
    first = engine.outputs()["resource"]
    told(engine, major_version=18)
    changed = engine.up().require()
    assert changed.changed("update") == ["database-instance"]
    assert changed.changed("replace") == ["database-parameters"]
    made = database(engine)
    assert (made["engineVersion"], made["parameterGroupName"]) == ("18", "rag-test-postgres18")
    assert engine.outputs()["resource"] == first
    assert engine.preview().require().changes == ()
