"""PostgreSQL on RDS: encrypted, reachable from the tasks alone, with a URL that makes clients prove whom they talk to.

The service uses the instance's first user, `rag`, which owns the database. A user with fewer rights would need SQL, and
the machine that runs Pulumi cannot reach the database; the migration, which can, needs the owner's rights. On RDS that
user is no superuser. Its password is ours: one that RDS manages changes every seven days, and ECS hands a password to
a task only when it starts.

pgvector comes with RDS: a migration that needs it runs `CREATE EXTENSION vector`, which this user may.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components.aws.database_parameters import parameter_group
from components.aws.handles import NetworkHandle
from components.aws.restoring import ENGINE, Snapshot, find_snapshot, require_restorable, storage_for
from components.contracts import DeploymentError

PORT = 5432
USER, DATABASE = "rag", "rag"
PASSWORD_CHARACTERS = 40
AUTHORITY = "rds-ca-rsa2048-g1"
"""Who signs the server's certificate. Its roots for all regions lie in certificates/aws-rds.pem."""
AUTHORITY_FILE = "/srv/rag/certificates/aws-rds.pem"
"""Where the image holds them."""
LOGS = ("postgresql", "upgrade")
CREATE_TIME = "2h"
"""The provider gives up after 40 minutes, and then makes the database anew: too early for a large snapshot."""
INSIGHTS_DAYS = 7
"""What Performance Insights keeps without a charge."""


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """What the stack decides of the database.

    `major_version` is PostgreSQL's; RDS adds the newest minor one and keeps it new. `storage_gb` may grow by itself up
    to `max_storage_gb`. `max_connections` is what the connection budget counts on, and what the server is told; a
    changed one counts from the next reboot on. `backup_days` is how far back it can be restored, to the second.
    `restore_from` is the snapshot (identifier or ARN) that it is made from; another one makes it anew. `kms_key` is a
    key's ARN, or None for the key that AWS keeps for RDS.

    `protect` refuses to delete it, in Pulumi and at AWS alike. `final_snapshot` takes a last snapshot, and keeps the
    backups, when it is deleted after all; it is a knob of its own, because whoever wants to delete a protected
    database must take the protection off first, and would lose the snapshot with it. `apply_immediately` is whether a
    change that interrupts the service (another instance class) comes with the deployment, or in the maintenance
    window; both windows are UTC. `log_days` is how long logs are kept, `insights` whether Performance Insights watches
    the queries.
    """

    prefix: str
    network: NetworkHandle
    instance_class: str
    major_version: int
    storage_gb: int
    max_storage_gb: int
    multi_az: bool
    backup_days: int
    max_connections: int
    protect: bool
    final_snapshot: bool
    apply_immediately: bool
    backup_window: str
    maintenance_window: str
    restore_from: str | None
    kms_key: pulumi.Input[str] | None
    log_days: int
    insights: bool


class Database(pulumi.ComponentResource):
    """One instance for the service alone. `url` is the URL itself: a secret, to be handed to Secrets and nobody else.

    `identifier` names it in CloudWatch and stays when the database is restored; `resource_id` is this very database's
    and no other's. Waiting on any of these waits for the database.
    """

    url: pulumi.Output[str]
    max_connections: int
    identifier: pulumi.Output[str]
    resource_id: pulumi.Output[str]
    instance: aws.rds.Instance

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Database", name, None, opts)
        require_room_to_grow(args.storage_gb, args.max_storage_gb)
        child = pulumi.ResourceOptions(parent=self)
        password = pulumi.Output.secret(
            random.RandomPassword(f"{name}-password", length=PASSWORD_CHARACTERS, special=False, opts=child).result
        )
        self.instance = _instance(name, args, password, self)
        self.identifier, self.resource_id = self.instance.identifier, self.instance.resource_id
        self.max_connections = args.max_connections
        self.url = database_url(password, self.instance.endpoint)
        self.register_outputs({"identifier": self.identifier})


def database_url(password: pulumi.Output[str], endpoint: pulumi.Output[str]) -> pulumi.Output[str]:
    """The URL with the password: encrypted, and only to a server whose certificate names the endpoint's host."""
    return pulumi.Output.secret(
        pulumi.Output.concat(
            f"postgresql://{USER}:",
            password,
            "@",
            endpoint,
            f"/{DATABASE}?sslmode=verify-full&sslrootcert={AUTHORITY_FILE}",
        )
    )


def require_room_to_grow(storage_gb: int, max_storage_gb: int, *, what: str = "database.storage_gb") -> None:
    """Raises DeploymentError when RDS would refuse the ceiling, which must lie at least 10 % above the start.

    `what` is where the start comes from.
    """
    if max_storage_gb * 10 < storage_gb * 11:
        raise DeploymentError(
            f"database.max_storage_gb {max_storage_gb} is less than 10 % above {what} {storage_gb}: RDS would refuse "
            f"the instance in the middle of the deployment; set it to {-(-storage_gb * 11 // 10)} or more"
        )


def _instance(name: str, args: DatabaseArgs, password: pulumi.Output[str], parent: pulumi.Resource) -> aws.rds.Instance:
    child = pulumi.ResourceOptions(parent=parent)
    return aws.rds.Instance(
        f"{name}-instance",
        identifier=identifier_of(args),
        snapshot_identifier=args.restore_from,
        engine=ENGINE,
        engine_version=str(args.major_version),
        auto_minor_version_upgrade=True,
        # Whoever raises the version in the settings means it; without this RDS refuses every step of a major one.
        allow_major_version_upgrade=True,
        instance_class=args.instance_class,
        multi_az=args.multi_az,
        allocated_storage=_storage(args, parent),
        max_allocated_storage=args.max_storage_gb,
        storage_type="gp3",
        storage_encrypted=True,
        kms_key_id=args.kms_key,
        db_name=DATABASE,
        username=USER,
        password=password,
        iam_database_authentication_enabled=False,
        port=PORT,
        publicly_accessible=False,
        db_subnet_group_name=_subnets(name, args, child).name,
        vpc_security_group_ids=[args.network.database_group],
        ca_cert_identifier=AUTHORITY,
        parameter_group_name=parameter_group(
            f"{name}-parameters",
            prefix=args.prefix,
            major_version=args.major_version,
            max_connections=args.max_connections,
            opts=child,
        ).name,
        enabled_cloudwatch_logs_exports=list(LOGS),
        performance_insights_enabled=args.insights,
        performance_insights_retention_period=INSIGHTS_DAYS if args.insights else None,
        backup_retention_period=args.backup_days,
        backup_window=args.backup_window,
        maintenance_window=args.maintenance_window,
        copy_tags_to_snapshot=True,
        delete_automated_backups=not args.final_snapshot,
        skip_final_snapshot=not args.final_snapshot,
        final_snapshot_identifier=_snapshot_name(name, args, child),
        deletion_protection=args.protect,
        apply_immediately=args.apply_immediately,
        # The identifier is fixed, so a replacement (of an unprotected one) has to wait until it is free.
        opts=pulumi.ResourceOptions(
            parent=parent,
            protect=args.protect,
            delete_before_replace=True,
            custom_timeouts=pulumi.CustomTimeouts(create=CREATE_TIME),
            depends_on=_logs(name, args, child),
        ),
    )


def identifier_of(args: DatabaseArgs) -> str:
    """The instance's name at AWS: known before it exists, because its log groups come before it."""
    return f"{args.prefix}-database"


def _subnets(name: str, args: DatabaseArgs, child: pulumi.ResourceOptions) -> aws.rds.SubnetGroup:
    return aws.rds.SubnetGroup(
        f"{name}-subnets", name=identifier_of(args), subnet_ids=args.network.database_subnets, opts=child
    )


def _logs(name: str, args: DatabaseArgs, child: pulumi.ResourceOptions) -> list[aws.cloudwatch.LogGroup]:
    """The log groups, with an end to what they keep: those that RDS would create itself keep everything for ever."""
    return [
        aws.cloudwatch.LogGroup(
            f"{name}-log-{log}",
            name=f"/aws/rds/instance/{identifier_of(args)}/{log}",
            retention_in_days=args.log_days,
            opts=child,
        )
        for log in LOGS
    ]


def _storage(args: DatabaseArgs, parent: pulumi.Resource) -> pulumi.Output[int] | int:
    """The size of its disk. A snapshot that could not be restored ends here, before the present database goes."""
    name = args.restore_from
    if name is None:
        return args.storage_gb

    def judged(snapshot: Snapshot) -> int:
        require_restorable(snapshot, major_version=args.major_version)
        needed = storage_for(snapshot, args.storage_gb)
        require_room_to_grow(needed, args.max_storage_gb, what=f"the disk of database.restore_from {name},")
        return needed

    return find_snapshot(name, pulumi.InvokeOutputOptions(parent=parent)).apply(judged)


def _snapshot_name(name: str, args: DatabaseArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A last snapshot's name: the same at every deployment, and new for each database that bears this identifier.

    What makes a database anew makes a new name: the next one's last snapshot would meet this one's otherwise.
    """
    identifier = identifier_of(args)
    makes = {"identifier": identifier, "restored_from": args.restore_from, "key": args.kms_key}
    mark = random.RandomId(
        f"{name}-snapshot",
        byte_length=4,
        keepers={key: value for key, value in makes.items() if value is not None},
        opts=child,
    )
    return pulumi.Output.concat(identifier, "-final-", mark.hex)
