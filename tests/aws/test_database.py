"""PostgreSQL on RDS: what the server is told, what its URL demands of clients, and what happens to the data."""

from dataclasses import replace
from typing import Any

import psycopg.conninfo
import pulumi
import pytest

from app.settings_rules import check_database_url
from components.aws.database import AUTHORITY_FILE, LOGS, Database, DatabaseArgs, require_room_to_grow
from components.aws.secrets import Secrets, SecretsArgs
from components.contracts import DeploymentError
from stacks.settings import PROJECT
from tests.contracts.cases.aws_b2 import CASES
from tests.contracts.conftest import event_loop_of_its_own as event_loop_of_its_own  # noqa: PLC0414  # why: a fixture
from tests.contracts.recorder import SECRET, SIGNATURE, Recording, record
from tests.judges.cloudformation import lint, template

pytestmark = pytest.mark.unit


def arguments(**changes: Any) -> DatabaseArgs:
    given = CASES[Database](pulumi.Output.from_input)
    assert isinstance(given, DatabaseArgs)
    return replace(given, **changes)


def recorded(**changes: Any) -> Recording:
    return record(lambda: Database("database", arguments(**changes)))


def instance(**changes: Any) -> dict[str, Any]:
    return dict(recorded(**changes).one("database-instance").inputs)


def parameters(**changes: Any) -> dict[str, tuple[str, str]]:
    listed = recorded(**changes).one("database-parameters").inputs["parameters"]
    return {one["name"]: (one["value"], one["applyMethod"]) for one in listed}


def url() -> str:
    """The URL as the application gets it, with a password in the generated one's place."""
    found: list[str] = []
    record(lambda: Database("database", arguments()).url.apply(found.append))
    return found[0].replace("<database-password.result>", "a" * 40).replace("<database-instance.endpoint>", "host:5432")


@pytest.mark.parametrize("major_version", [17, 18])
def test_it_is_the_major_version_that_the_stack_asks_for_with_its_newest_minor_one(major_version: int) -> None:
    made = instance(major_version=major_version)
    assert (made["engine"], made["engineVersion"]) == ("postgres", str(major_version))
    assert made["autoMinorVersionUpgrade"] is True
    assert (
        recorded(major_version=major_version).one("database-parameters").inputs["family"] == f"postgres{major_version}"
    )


def test_raising_the_major_version_is_allowed_because_rds_refuses_it_otherwise() -> None:
    assert instance()["allowMajorVersionUpgrade"] is True


def test_the_parameters_of_two_major_versions_stand_side_by_side_while_one_becomes_the_other() -> None:
    names = [recorded(major_version=version).one("database-parameters").inputs["name"] for version in (17, 18)]
    assert names == ["rag-prod-postgres17", "rag-prod-postgres18"]


def test_nobody_outside_of_its_own_group_and_subnets_can_reach_it() -> None:
    made = instance()
    assert made["publiclyAccessible"] is False
    assert made["vpcSecurityGroupIds"] == ["sg-database"]
    assert recorded().one("database-subnets").inputs["subnetIds"] == ["data-a", "data-b"]


@pytest.mark.parametrize("key", [None, "a-key"])
def test_what_it_stores_is_encrypted_with_aws_key_or_with_the_one_that_is_named(key: str | None) -> None:
    made = instance(kms_key=key)
    assert made["storageEncrypted"] is True
    assert made.get("kmsKeyId") == key


def test_its_disk_grows_by_itself_up_to_a_limit() -> None:
    made = instance(storage_gb=50, max_storage_gb=200)
    assert (made["storageType"], made["allocatedStorage"], made["maxAllocatedStorage"]) == ("gp3", 50, 200)


@pytest.mark.parametrize(("start", "most"), [(20, 22), (50, 55), (101, 112)])
def test_a_limit_a_tenth_above_the_start_is_room_enough(start: int, most: int) -> None:
    require_room_to_grow(start, most)
    with pytest.raises(DeploymentError, match=f"set it to {most} or more"):
        require_room_to_grow(start, most - 1)


def test_a_disk_without_room_to_grow_is_refused_before_anything_exists() -> None:
    with pytest.raises(DeploymentError, match=r"database\.max_storage_gb 50 is less than 10 % above"):
        recorded(storage_gb=50, max_storage_gb=50)


DYNAMIC, STATIC = "dynamic", "static"
PARAMETERS = {
    # By name: what AWS says of it in the families postgres17 and postgres18. A value of its own comes with a method.
    "rds.force_ssl": (DYNAMIC, ("1", "pending-reboot")),
    "max_connections": (STATIC, ("LEAST({DBInstanceClassMemory/9531392},5000)", "pending-reboot")),
    "log_min_duration_statement": (DYNAMIC, None),
    "log_parameter_max_length": (DYNAMIC, None),
}


@pytest.mark.parametrize("major_version", [17, 18])
def test_each_parameter_has_the_method_that_aws_answers_or_every_preview_would_show_it_again(
    major_version: int,
) -> None:
    told = parameters(major_version=major_version)
    assert set(told) == set(PARAMETERS), "say in PARAMETERS what AWS answers for a new one"
    for name, (value, method) in told.items():
        kind, own = PARAMETERS[name]
        # A change of the method alone is ignored: what equals the family's value keeps the family's method.
        same = own is not None and own[0] == value
        assert method == ("pending-reboot" if kind == STATIC or same else "immediate"), name


def test_it_takes_as_many_connections_as_the_budget_counts_on() -> None:
    assert parameters(max_connections=451)["max_connections"] == ("451", "pending-reboot")


def test_it_refuses_whoever_comes_without_tls() -> None:
    assert parameters()["rds.force_ssl"][0] == "1"


def test_slow_statements_are_logged_without_the_questions_and_documents_in_them() -> None:
    told = parameters()
    assert told["log_min_duration_statement"][0] == "500"
    assert told["log_parameter_max_length"][0] == "0"


def test_every_log_has_a_group_with_an_end_before_rds_would_make_one_without() -> None:
    recording = recorded(log_days=14)
    made = recording.one("database-instance").inputs
    assert made["enabledCloudwatchLogsExports"] == list(LOGS)
    for log in LOGS:
        group = recording.one(f"database-log-{log}")
        assert group.inputs["name"] == f"/aws/rds/instance/{made['identifier']}/{log}"
        assert group.inputs["retentionInDays"] == 14
        assert group.name in recording.needed_by("database-instance")


def test_the_url_demands_a_server_that_proves_its_name_by_amazons_own_authorities() -> None:
    check_database_url(url())
    known = psycopg.conninfo.conninfo_to_dict(url())
    assert known["sslmode"] == "verify-full"
    assert known["sslrootcert"] == AUTHORITY_FILE
    assert (known["host"], known["port"], known["user"], known["dbname"]) == ("host", "5432", "rag", "rag")
    image, _, name = AUTHORITY_FILE.rpartition("/certificates/")
    assert (PROJECT / "certificates" / name).is_file()
    assert f"WORKDIR {image}\n" in (PROJECT / "Dockerfile").read_text()
    assert "COPY certificates/ certificates/" in (PROJECT / "Dockerfile").read_text()


def test_the_password_has_no_character_that_a_url_or_a_configuration_file_would_read_as_its_own() -> None:
    made = recorded().one("database-password").inputs
    assert (made["special"], made["length"]) == (False, 40)


def test_the_password_is_ours_and_does_not_change_behind_the_services_back() -> None:
    made = instance()
    assert "manageMasterUserPassword" not in made
    assert made["password"][SIGNATURE] == SECRET
    assert made["iamDatabaseAuthenticationEnabled"] is False


def test_the_url_is_a_secret_on_its_whole_way_to_the_store() -> None:
    def program() -> None:
        secrets = CASES[Secrets](pulumi.Output.from_input)
        assert isinstance(secrets, SecretsArgs)
        Secrets("secrets", replace(secrets, database_url=Database("database", arguments()).url))

    recording = record(program)
    texts = {text for resource in recording.resources for text in resource.plain_texts} | recording.plain_outputs
    assert not {text for text in texts if "postgresql://" in text or "database-password.result" in text}
    kept = recording.one("secrets-database-url-value").inputs["secretString"]
    assert kept["value"].startswith("postgresql://rag:<database-password.result>@<database-instance.endpoint>/rag?")
    assert "database-instance" in recording.needed_by("secrets-database-url-value")


@pytest.mark.parametrize("protect", [True, False])
def test_one_knob_protects_it_in_pulumi_and_at_aws(protect: bool) -> None:
    recording = recorded(protect=protect)
    assert recording.one("database-instance").protect is protect
    assert recording.one("database-instance").inputs["deletionProtection"] is protect
    assert {resource.name for resource in recording.resources if resource.protect} <= {"database-instance"}


def test_a_last_snapshot_is_taken_also_when_the_protection_had_to_come_off_first() -> None:
    made = instance(protect=False, final_snapshot=True)
    assert made["skipFinalSnapshot"] is False
    assert made["deleteAutomatedBackups"] is False
    assert made["finalSnapshotIdentifier"] == "rag-prod-database-final-<database-snapshot.hex>"


def test_where_nobody_needs_the_data_nothing_is_left_of_it() -> None:
    made = instance(protect=False, final_snapshot=False)
    assert (made["skipFinalSnapshot"], made["deleteAutomatedBackups"]) == (True, True)


def test_a_replacement_waits_until_the_identifier_is_free() -> None:
    assert "delete_before_replace" in recorded(protect=False).one("database-instance").options


def test_backups_and_maintenance_follow_the_stack() -> None:
    windows = {"backup_window": "01:00-02:00", "maintenance_window": "tue:02:00-tue:03:00"}
    made = instance(backup_days=14, multi_az=True, apply_immediately=False, **windows)
    assert (made["backupRetentionPeriod"], made["multiAz"], made["applyImmediately"]) == (14, True, False)
    assert (made["backupWindow"], made["maintenanceWindow"]) == ("01:00-02:00", "tue:02:00-tue:03:00")
    assert made["copyTagsToSnapshot"] is True


@pytest.mark.parametrize("insights", [True, False])
def test_queries_are_watched_where_the_stack_says_so(insights: bool) -> None:
    made = instance(insights=insights)
    assert made["performanceInsightsEnabled"] is insights
    assert made.get("performanceInsightsRetentionPeriod") == (7 if insights else None)


def judged(**changes: Any) -> list[str]:
    """What AWS's own rules, by cfn-lint, say of it.

    All but W3691, which knows minor versions alone (of a major one, as here, RDS takes the newest), and W2501, which
    cannot see that the password is a secret: here stands what the test made up.
    """
    place = replace(
        arguments().network,
        database_subnets=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        database_group="sg-0123456789abcdef0",
    )
    found = lint(template(recorded(network=place, kms_key=None, **changes).resources))
    return [str(finding) for finding in found if finding.rule not in {"W3691", "W2501"}]


@pytest.mark.parametrize("instance_class", ["db.t4g.micro", "db.m7g.large", "db.r7g.4xlarge"])
@pytest.mark.parametrize("major_version", [17, 18])
def test_aws_own_rules_find_no_fault_with_it(instance_class: str, major_version: int) -> None:
    assert judged(instance_class=instance_class, major_version=major_version) == []


def test_those_rules_would_speak_up() -> None:
    assert any("E3025" in finding for finding in judged(instance_class="db.t99.tiny"))
    assert any("36" in finding for finding in judged(backup_days=36))
