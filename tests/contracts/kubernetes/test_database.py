"""The database by CloudNativePG."""

import pytest

from tests.contracts.kubernetes.stack import annotations_of, recorded, settings, spec_of
from tests.contracts.recorder import Recording

pytestmark = pytest.mark.unit


def test_prod_runs_three_servers_that_destroy_does_not_take_and_dev_one(everything: Recording) -> None:
    assert spec_of(everything, "database-cluster")["instances"] == 3
    assert {resource.name for resource in everything.resources if resource.protect} == {"database-cluster"}
    dev = recorded()
    assert spec_of(dev, "database-cluster")["instances"] == 1
    assert not {resource.name for resource in dev.resources if resource.protect}
    assert recorded(database={"protect": True}).one("database-cluster").protect


def test_a_single_servers_node_can_be_drained(everything: Recording, recording: Recording) -> None:
    assert spec_of(recording, "database-cluster")["enablePDB"] is False
    assert spec_of(everything, "database-cluster")["enablePDB"] is True


def test_a_superuser_creates_the_extensions_that_the_migrations_expect(recording: Recording) -> None:
    initdb = spec_of(recording, "database-cluster")["bootstrap"]["initdb"]
    assert initdb["postInitApplicationSQL"] == [
        "CREATE EXTENSION IF NOT EXISTS vector",
        "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    ]
    assert (initdb["database"], initdb["owner"], initdb["secret"]) == ("rag", "rag", {"name": "rag-database-owner"})


def test_the_migration_waits_until_the_database_takes_connections(recording: Recording) -> None:
    assert annotations_of(recording, "database-cluster")["pulumi.com/waitFor"] == "condition=Ready"


def test_the_servers_offer_the_connections_that_the_budget_counted_on(recording: Recording) -> None:
    parameters = spec_of(recording, "database-cluster")["postgresql"]["parameters"]
    assert parameters["max_connections"] == str(settings().database.max_connections)


def test_backups_go_through_the_plugin_and_not_through_what_is_deprecated(everything: Recording) -> None:
    cluster = spec_of(everything, "database-cluster")
    assert "backup" not in cluster
    (plugin,) = cluster["plugins"]
    assert plugin["isWALArchiver"] is True
    store = everything.one("database-store")
    assert plugin["parameters"]["barmanObjectName"] == store.inputs["metadata"]["name"]
    assert "database-store" in everything.needed_by("database-cluster")
    schedule = spec_of(everything, "database-schedule")
    assert (schedule["method"], schedule["pluginConfiguration"]["name"]) == ("plugin", plugin["name"])
    assert schedule["cluster"] == {"name": "rag-database"}


def test_without_a_key_the_servers_own_identity_writes_backups() -> None:
    made = recorded(database={"backups": {"destination": "s3://backups/rag"}})
    configuration = spec_of(made, "database-store")["configuration"]
    assert configuration["s3Credentials"] == {"inheritFromIAMRole": True}
    assert "endpointURL" not in configuration
