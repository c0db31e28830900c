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

from components.aws.handles import NetworkHandle
from components.contracts import DeploymentError

ENGINE, MAJOR_VERSION = "postgres", "17"
"""RDS adds the newest minor version and keeps it new (`auto_minor_version_upgrade`)."""
PORT = 5432
USER, DATABASE = "rag", "rag"
PASSWORD_CHARACTERS = 40
AUTHORITY = "rds-ca-rsa2048-g1"
"""Who signs the server's certificate. Its roots for all regions lie in certificates/aws-rds.pem."""
AUTHORITY_FILE = "/srv/rag/certificates/aws-rds.pem"
"""Where the image holds them."""
LOGS = ("postgresql", "upgrade")
SLOW_MILLISECONDS = 500
INSIGHTS_DAYS = 7
"""What Performance Insights keeps without a charge."""
BACKUP_WINDOW, MAINTENANCE_WINDOW = "03:00-04:00", "sun:04:30-sun:05:30"
"""UTC; AWS refuses windows that overlap."""


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """What the stack decides of the database.

    `storage_gb` may grow by itself up to `max_storage_gb`. `max_connections` is what the connection budget counts on,
    and what the server is told; a changed one counts from the next reboot on. `backup_days` is how far back it can be
    restored, to the second. `kms_key` is a key's ARN, or None for the key that AWS keeps for RDS.

    `protect` refuses to delete it, in Pulumi and at AWS alike. `final_snapshot` takes a last snapshot, and keeps the
    backups, when it is deleted after all; it is a knob of its own, because whoever wants to delete a protected
    database must take the protection off first, and would lose the snapshot with it. `apply_immediately` is whether a
    change that interrupts the service (another instance class) comes with the deployment, or in the maintenance
    window. `log_days` is how long logs are kept, `insights` whether Performance Insights watches the queries.
    """

    prefix: str
    network: NetworkHandle
    instance_class: str
    storage_gb: int
    max_storage_gb: int
    multi_az: bool
    backup_days: int
    max_connections: int
    protect: bool
    final_snapshot: bool
    apply_immediately: bool
    kms_key: pulumi.Input[str] | None
    log_days: int
    insights: bool


class Database(pulumi.ComponentResource):
    """One instance for the service alone. `url` is the URL itself: a secret, to be handed to Secrets and nobody else.

    `identifier` names it in CloudWatch; waiting on either waits for the database.
    """

    url: pulumi.Output[str]
    max_connections: int
    identifier: pulumi.Output[str]
    instance: aws.rds.Instance

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:aws:Database", name, None, opts)
        require_room_to_grow(args.storage_gb, args.max_storage_gb)
        child = pulumi.ResourceOptions(parent=self)
        password = pulumi.Output.secret(
            random.RandomPassword(f"{name}-password", length=PASSWORD_CHARACTERS, special=False, opts=child).result
        )
        self.instance = _instance(name, args, password, self)
        self.identifier = self.instance.identifier
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


def require_room_to_grow(storage_gb: int, max_storage_gb: int) -> None:
    """Raises DeploymentError when RDS would refuse the ceiling, which must lie at least 10 % above the start."""
    if max_storage_gb * 10 < storage_gb * 11:
        raise DeploymentError(
            f"database.max_storage_gb {max_storage_gb} is less than 10 % above database.storage_gb {storage_gb}: RDS "
            f"would refuse the instance in the middle of the deployment; set it to {-(-storage_gb * 11 // 10)} or more"
        )


def _instance(name: str, args: DatabaseArgs, password: pulumi.Output[str], parent: pulumi.Resource) -> aws.rds.Instance:
    child = pulumi.ResourceOptions(parent=parent)
    return aws.rds.Instance(
        f"{name}-instance",
        identifier=identifier_of(args),
        engine=ENGINE,
        engine_version=MAJOR_VERSION,
        auto_minor_version_upgrade=True,
        allow_major_version_upgrade=False,
        instance_class=args.instance_class,
        multi_az=args.multi_az,
        allocated_storage=args.storage_gb,
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
        parameter_group_name=_parameters(name, args, child).name,
        enabled_cloudwatch_logs_exports=list(LOGS),
        performance_insights_enabled=args.insights,
        performance_insights_retention_period=INSIGHTS_DAYS if args.insights else None,
        backup_retention_period=args.backup_days,
        backup_window=BACKUP_WINDOW,
        maintenance_window=MAINTENANCE_WINDOW,
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


def _snapshot_name(name: str, args: DatabaseArgs, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """A last snapshot's name: the same at every deployment, and new for each database that bears this identifier."""
    identifier = identifier_of(args)
    mark = random.RandomId(f"{name}-snapshot", byte_length=4, keepers={"identifier": identifier}, opts=child)
    return pulumi.Output.concat(identifier, "-final-", mark.hex)


def _parameters(name: str, args: DatabaseArgs, child: pulumi.ResourceOptions) -> aws.rds.ParameterGroup:
    """What the server is told. The group's name holds the version: at the next one both exist side by side."""
    family = f"postgres{MAJOR_VERSION}"
    settings = {
        "rds.force_ssl": "1",
        "log_min_duration_statement": str(SLOW_MILLISECONDS),
        # The values of a slow statement are users' questions and documents; they do not belong in a log.
        "log_parameter_max_length": "0",
    }
    parameters = [
        aws.rds.ParameterGroupParameterArgs(name=key, value=value, apply_method="immediate")
        for key, value in settings.items()
    ]
    connections = aws.rds.ParameterGroupParameterArgs(
        name="max_connections", value=str(args.max_connections), apply_method="pending-reboot"
    )
    return aws.rds.ParameterGroup(
        f"{name}-parameters",
        name=f"{args.prefix}-{family}",
        family=family,
        description=f"PostgreSQL {MAJOR_VERSION} of {args.prefix}",
        parameters=[*parameters, connections],
        opts=child,
    )
