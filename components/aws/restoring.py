"""The snapshot that a database is made from, judged before the database that exists is given up for it.

A database is restored by making it anew. The one that exists goes first, because both bear the same name: a snapshot
that is not there, or that RDS cannot restore with our settings, would leave nothing.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.contracts import DeploymentError

ENGINE = "postgres"
ONCE_RESTORED = (
    "nothing was changed. If the database has been restored from it already, remove database.restore_from: that "
    "changes nothing"
)
KINDS = {"rds": "automated", "awsbackup": "awsbackup"}
"""By what its name begins with before a colon: who took a snapshot. People's own have no such beginning."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What RDS says of one; `version` is PostgreSQL's (`17.6`), `storage_gb` what its database had allocated."""

    name: str
    engine: str
    version: str
    encrypted: bool
    status: str
    storage_gb: int


def find_snapshot(name: str, opts: pulumi.InvokeOutputOptions) -> pulumi.Output[Snapshot]:
    """Asks RDS for a snapshot by identifier or ARN. One that does not exist fails here, in previews too."""
    found = aws.rds.get_snapshot_output(
        db_snapshot_identifier=name,
        # RDS shows those of others only by their ARN, and those that it took itself only by their kind.
        include_shared=name.startswith("arn:"),
        snapshot_type=kind_of(name),
        opts=opts,
    )
    return found.apply(
        lambda one: Snapshot(
            name=name,
            engine=one.engine,
            version=one.engine_version,
            encrypted=one.encrypted,
            status=one.status,
            storage_gb=int(one.allocated_storage),
        )
    )


def kind_of(name: str) -> str | None:
    """How RDS calls snapshots of this kind; None for those that people took."""
    beginning, separator, _ = name.rpartition(":snapshot:")[-1].partition(":")
    return KINDS.get(beginning) if separator else None


def storage_for(snapshot: Snapshot, storage_gb: int) -> int:
    """The disk of a database that is made from it: RDS makes none smaller than the one that the snapshot is of."""
    return max(snapshot.storage_gb, storage_gb)


def require_restorable(snapshot: Snapshot, *, major_version: int) -> None:
    """Raises DeploymentError for a snapshot that RDS could not restore as this database, with what to do."""
    name = snapshot.name
    if snapshot.engine != ENGINE:
        raise DeploymentError(
            f"database.restore_from {name} is a snapshot of {snapshot.engine}, and the service needs PostgreSQL; "
            f"{ONCE_RESTORED}. Name a snapshot of a database that this program made"
        )
    if snapshot.status != "available":
        raise DeploymentError(
            f"database.restore_from {name} is {snapshot.status}, so RDS would not restore it after the present "
            f"database has gone; {ONCE_RESTORED}. Wait for it: `aws rds wait db-snapshot-available "
            f"--db-snapshot-identifier {name}`"
        )
    if not snapshot.encrypted:
        raise DeploymentError(
            f"database.restore_from {name} is not encrypted, so the restored database would not be either, and the "
            f"next update would make it anew; {ONCE_RESTORED}. Name an encrypted copy: `aws rds copy-db-snapshot "
            f"--source-db-snapshot-identifier {name} --target-db-snapshot-identifier NAME --kms-key-id alias/aws/rds`"
        )
    if snapshot.version.split(".")[0] != str(major_version):
        raise DeploymentError(
            f"database.restore_from {name} holds PostgreSQL {snapshot.version}, and database.major_version is "
            f"{major_version}, whose parameters RDS refuses for it after the present database has gone; "
            f"{ONCE_RESTORED}. Set database.major_version to that of the snapshot and raise it afterwards, or lift the "
            f"snapshot: `aws rds modify-db-snapshot --db-snapshot-identifier {name} --engine-version VERSION`"
        )
