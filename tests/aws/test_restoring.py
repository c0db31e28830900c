"""A database made from a snapshot: what is asked of RDS, what is refused in time, and the commands of the guide."""

import re
from dataclasses import replace
from typing import Any

import botocore.session
import pulumi
import pytest
from botocore.model import StructureShape

from components.aws.database import Database, DatabaseArgs, require_room_to_grow
from components.aws.restoring import Snapshot, kind_of, require_restorable, storage_for
from components.contracts import DeploymentError
from stacks.aws import compose
from stacks.settings import PROJECT
from tests.aws_settings import parse_production
from tests.contracts.aws.recording import USUAL
from tests.contracts.cases.aws_b2 import CASES
from tests.contracts.conftest import event_loop_of_its_own as event_loop_of_its_own  # noqa: PLC0414  # why: a fixture
from tests.contracts.recorder import Recording, record

pytestmark = pytest.mark.unit

SNAPSHOT = "aws:rds/getSnapshot:getSnapshot"
FOUND = {
    "id": "before",
    "allocatedStorage": 20,
    "encrypted": True,
    "engine": "postgres",
    "engineVersion": "17.6",
    "status": "available",
}
"""What RDS says of a snapshot of a database that this program made."""
GOOD = Snapshot(name="before", engine="postgres", version="17.6", encrypted=True, status="available", storage_gb=20)


def arguments(**changes: Any) -> DatabaseArgs:
    given = CASES[Database](pulumi.Output.from_input)
    assert isinstance(given, DatabaseArgs)
    return replace(given, **changes)


def recorded(*, found: dict[str, object] | None = None, preview: bool = False, **changes: Any) -> Recording:
    calls = {SNAPSHOT: FOUND | (found or {})}
    return record(lambda: Database("database", arguments(**changes)), preview=preview, calls=calls)


def instance(*, found: dict[str, object] | None = None, **changes: Any) -> dict[str, Any]:
    return dict(recorded(found=found, **changes).one("database-instance").inputs)


def keepers(**changes: Any) -> dict[str, str]:
    return dict(recorded(kms_key=None, **changes).one("database-snapshot").inputs["keepers"])


def test_it_is_made_from_a_snapshot_when_the_stack_names_one_with_the_same_name_user_and_password() -> None:
    made, usual = instance(restore_from="before"), instance()
    assert made["snapshotIdentifier"] == "before"
    assert "snapshotIdentifier" not in usual
    same = ("identifier", "username", "dbName", "password", "storageEncrypted", "parameterGroupName", "port")
    assert [made[key] for key in same] == [usual[key] for key in same]


def test_who_it_is_changes_with_the_database_so_that_a_restored_one_is_migrated_again() -> None:
    found: list[str] = []
    record(lambda: Database("database", arguments()).resource_id.apply(found.append))
    assert found == ["<database-instance.resourceId>"]


@pytest.mark.parametrize(("held", "asked", "made"), [(20, 50, 50), (80, 50, 80)])
def test_its_disk_is_never_smaller_than_the_one_that_the_snapshot_is_of(held: int, asked: int, made: int) -> None:
    found: dict[str, object] = {"allocatedStorage": held}
    assert instance(found=found, restore_from="before", storage_gb=asked)["allocatedStorage"] == made


def test_a_last_snapshots_name_changes_with_the_database_it_is_of_and_at_no_other_time() -> None:
    """The next database of this identifier leaves a snapshot too, and RDS refuses a name that is taken."""
    first = {"identifier": "rag-prod-database"}
    assert keepers() == first
    assert keepers(storage_gb=60, multi_az=False, instance_class="db.r7g.large") == first
    assert keepers(restore_from="before") == {**first, "restored_from": "before"}
    assert keepers(restore_from="later") == {**first, "restored_from": "later"}
    another = recorded(kms_key="another").one("database-snapshot").inputs["keepers"]
    assert another == {**first, "key": "another"}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"status": "creating"}, "before is creating, so RDS would not restore it"),
        ({"encrypted": False}, "before is not encrypted, so the restored database would not be either"),
        ({"engine": "mysql"}, "before is a snapshot of mysql"),
        ({"version": "16.4"}, "before holds PostgreSQL 16.4, and database.major_version is 17"),
        ({"version": "18.1"}, "before holds PostgreSQL 18.1, and database.major_version is 17"),
    ],
)
def test_a_snapshot_that_rds_could_not_restore_is_refused_with_what_to_do(found: dict[str, Any], words: str) -> None:
    require_restorable(GOOD, major_version=17)
    with pytest.raises(DeploymentError, match=re.escape(words)) as caught:
        require_restorable(replace(GOOD, **found), major_version=17)
    assert "remove database.restore_from: that changes nothing" in str(caught.value)


def test_a_limit_below_the_disk_that_the_snapshot_needs_is_refused_with_that_disk() -> None:
    with pytest.raises(DeploymentError, match=r"less than 10 % above the disk of database.restore_from before, 182"):
        require_room_to_grow(
            storage_for(replace(GOOD, storage_gb=182), 50), 200, what="the disk of database.restore_from before,"
        )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rag-prod-database-final-0a1b2c3d", None),
        ("rds:rag-prod-database-2026-01-31-03-10", "automated"),
        ("arn:aws:rds:eu-central-1:123456789012:snapshot:shared", None),
        ("arn:aws:rds:eu-central-1:123456789012:snapshot:rds:rag-prod-database-2026-01-31-03-10", "automated"),
        ("awsbackup:job-0a1b2c3d", "awsbackup"),
    ],
)
def test_rds_shows_a_snapshot_that_it_took_itself_only_when_asked_for_that_kind(name: str, kind: str | None) -> None:
    assert kind_of(name) == kind


def test_what_a_stack_says_of_its_database_reaches_it() -> None:
    settings = parse_production(
        database={
            "major_version": 18,
            "restore_from": "before",
            "apply_immediately": True,
            "backup_window": "01:00-02:00",
            "maintenance_window": "tue:02:00-tue:03:00",
        }
    )
    calls = {**USUAL, SNAPSHOT: {**FOUND, "engineVersion": "18.3"}}
    made = record(lambda: compose(settings), calls=calls).one("database-instance").inputs
    assert (made["engineVersion"], made["snapshotIdentifier"], made["applyImmediately"]) == ("18", "before", True)
    assert (made["backupWindow"], made["maintenanceWindow"]) == ("01:00-02:00", "tue:02:00-tue:03:00")


GUIDE = (PROJECT / "docs" / "aws.md").read_text()
OF_THE_COMMAND_LINE = {"query", "region", "output"}


def commands(text: str) -> list[tuple[str, list[str]]]:
    """The commands of `aws rds` in a text, each with its options."""
    found = re.findall(r"aws rds ([a-z-]+)([^\n`|]*)", text.replace("\\\n", " "))
    return [(verb, re.findall(r"--([a-z-]+)", options)) for verb, options in found]


def parameter(option: str) -> str:
    """An option of the command line as the API's parameter."""
    words = option.removeprefix("no-").split("-")
    return "".join({"db": "DB", "az": "AZ"}.get(word, word.capitalize()) for word in words)


def test_every_command_of_the_guide_is_one_of_awss_own_with_options_that_it_has() -> None:
    session = botocore.session.get_session()
    client = session.create_client("rds", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
    model = session.get_service_model("rds")
    operations = {"-".join(re.findall(r"DB|[A-Z][a-z]*", name)).lower(): name for name in model.operation_names}
    waiters = {name.replace("_", "-") for name in client.waiter_names}
    found = commands(GUIDE)
    assert {"restore-db-instance-to-point-in-time", "create-db-snapshot", "wait", "delete-db-instance"} <= {
        verb for verb, _ in found
    }
    for verb, options in found:
        if verb == "wait":
            continue
        shape = model.operation_model(operations[verb]).input_shape
        assert isinstance(shape, StructureShape)
        known = set(shape.members)
        assert {parameter(option) for option in options if option not in OF_THE_COMMAND_LINE} <= known, verb
    assert set(re.findall(r"aws rds wait ([a-z-]+)", GUIDE)) <= waiters
