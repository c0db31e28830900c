"""PostgreSQL: a cluster that CloudNativePG's operator runs, or one that exists already.

Either way what leaves is the name of a Secret whose key `DATABASE_URL` is the URL.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core import v1 as core

from components.contracts import DatabaseHandle
from components.kubernetes.handles import CertificateAuthority, DatabaseRoute, Place
from components.kubernetes.labels import DATABASE, metadata, name_of
from components.kubernetes.requirements import BARMAN, CNPG, api_version
from components.workload import DATABASE_URL

APPLICATION = "rag"
"""The database, and the role that owns it."""
EXTENSIONS = ("vector", "pg_trgm")
"""What the migrations expect; only a superuser may create the first."""
PLUGIN = "barman-cloud.cloudnative-pg.io"
PORT = 5432
READY_SECONDS = 900
"""How long new servers may take: the volumes, the image, initdb, and one replica after the other."""


def cluster_name(place: Place) -> str:
    """What the operator calls the cluster; its Services and Secrets begin with it."""
    return f"{place.name}-database"


def authority_of(place: Place) -> CertificateAuthority:
    """Where the operator keeps the certificate of the authority that signed the servers' own."""
    return CertificateAuthority(secret=f"{cluster_name(place)}-ca", key="ca.crt", folder="/etc/rag/database")


def route_of(place: Place) -> DatabaseRoute:
    """The servers, as a NetworkPolicy finds them."""
    return DatabaseRoute(port=PORT, pods={"cnpg.io/cluster": cluster_name(place)})


@dataclass(frozen=True, kw_only=True)
class Backups:
    """Where the operator's plugin writes to; without `credentials` (a Secret's name) the pods' own identity is used."""

    destination: str
    endpoint: str | None
    credentials: str | None
    retention_days: int
    schedule: str


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """`image` must hold pgvector. Memory and CPU are promised and bounded alike: a database that is starved stalls."""

    place: Place
    image: str
    instances: int
    max_connections: int
    storage: str
    storage_class: str | None
    memory: str
    cpu: str
    backups: Backups | None = None
    protect: bool = False


class Database(pulumi.ComponentResource):
    """A CloudNativePG cluster for the service alone. Waiting on `handle.url` waits until it takes connections."""

    handle: DatabaseHandle

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Database", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        # Letters and digits alone: it stands in a URL, and a percent sign would break alembic.ini.
        password = random.RandomPassword(f"{name}-password", length=32, special=False, opts=own)
        owner = _owner(f"{name}-owner", args.place, password.result, own)
        store = _object_store(f"{name}-store", args.place, args.backups, own) if args.backups else None
        cluster = CustomResource(
            f"{name}-cluster",
            api_version=api_version(CNPG),
            kind="Cluster",
            metadata=metadata(
                args.place,
                DATABASE,
                cluster_name(args.place),
                {"pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": str(READY_SECONDS)},
            ),
            spec=_cluster_spec(args, owner=name_of(owner), backed_up=args.backups is not None),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect, depends_on=[store] if store else None),
        )
        if args.backups:
            after = pulumi.ResourceOptions(parent=self, depends_on=[cluster])
            _schedule(f"{name}-schedule", args.place, args.backups.schedule, after)
        url = _url_secret(
            f"{name}-url",
            args.place,
            _url(args.place, password.result),
            pulumi.ResourceOptions(parent=self, depends_on=[cluster]),
        )
        self.handle = DatabaseHandle(url=name_of(url), max_connections=args.max_connections)
        self.register_outputs({"url_secret": self.handle.url})


def _url(place: Place, password: pulumi.Input[str]) -> pulumi.Output[str]:
    """The primary's URL: its certificate must be signed by the operator's authority and name this host."""
    return pulumi.Output.format(
        "postgresql://{}:{}@{}-rw.{}.svc:{}/{}?sslmode=verify-full&sslrootcert={}",
        APPLICATION,
        password,
        cluster_name(place),
        place.namespace,
        PORT,
        APPLICATION,
        authority_of(place).file,
    )


@dataclass(frozen=True, kw_only=True)
class ExternalDatabaseArgs:
    """`url` is a secret: a PostgreSQL URL with its password."""

    place: Place
    url: pulumi.Input[str]
    max_connections: int


class ExternalDatabase(pulumi.ComponentResource):
    """A database that somebody else runs: its URL in a Secret, as the processes read it."""

    handle: DatabaseHandle

    def __init__(self, name: str, args: ExternalDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:ExternalDatabase", name, None, opts)
        url = _url_secret(f"{name}-url", args.place, args.url, pulumi.ResourceOptions(parent=self))
        self.handle = DatabaseHandle(url=name_of(url), max_connections=args.max_connections)
        self.register_outputs({"url_secret": self.handle.url})


def _url_secret(name: str, place: Place, url: pulumi.Input[str], opts: pulumi.ResourceOptions) -> core.Secret:
    """Immutable and named by the provider: another URL is another Secret, whose name rolls the pods."""
    return core.Secret(
        name,
        metadata=metadata(place, DATABASE, None),
        immutable=True,
        string_data={DATABASE_URL: pulumi.Output.secret(url)},
        opts=opts,
    )


def _owner(name: str, place: Place, password: pulumi.Input[str], opts: pulumi.ResourceOptions) -> core.Secret:
    """The owner's login, as the operator takes it: it sets the role's password to what stands here."""
    return core.Secret(
        name,
        metadata=metadata(place, DATABASE, f"{cluster_name(place)}-owner"),
        type="kubernetes.io/basic-auth",
        string_data={"username": APPLICATION, "password": pulumi.Output.secret(password)},
        opts=opts,
    )


def _cluster_spec(args: DatabaseArgs, *, owner: pulumi.Input[str], backed_up: bool) -> Mapping[str, object]:
    sizes = {"cpu": args.cpu, "memory": args.memory}
    storage = {"size": args.storage, **({"storageClass": args.storage_class} if args.storage_class else {})}
    spec: dict[str, object] = {
        "instances": args.instances,
        "imageName": args.image,
        "storage": storage,
        "resources": {"requests": sizes, "limits": sizes},
        # With a single server the operator's budget would forbid every drain of its node.
        "enablePDB": args.instances > 1,
        "affinity": {"enablePodAntiAffinity": True, "topologyKey": "kubernetes.io/hostname"},
        "postgresql": {"parameters": {"max_connections": str(args.max_connections)}},
        "bootstrap": {
            "initdb": {
                "database": APPLICATION,
                "owner": APPLICATION,
                "secret": {"name": owner},
                "postInitApplicationSQL": [f"CREATE EXTENSION IF NOT EXISTS {name}" for name in EXTENSIONS],
            }
        },
    }
    if backed_up:
        spec["plugins"] = [
            {"name": PLUGIN, "isWALArchiver": True, "parameters": {"barmanObjectName": _store_name(args.place)}}
        ]
    return spec


def _store_name(place: Place) -> str:
    return f"{cluster_name(place)}-backups"


def _object_store(name: str, place: Place, backups: Backups, opts: pulumi.ResourceOptions) -> CustomResource:
    if backups.credentials:
        login: dict[str, object] = {
            "accessKeyId": {"name": backups.credentials, "key": "ACCESS_KEY_ID"},
            "secretAccessKey": {"name": backups.credentials, "key": "ACCESS_SECRET_KEY"},
        }
    else:
        login = {"inheritFromIAMRole": True}
    return CustomResource(
        name,
        api_version=api_version(BARMAN),
        kind="ObjectStore",
        metadata=metadata(place, DATABASE, _store_name(place)),
        spec={
            "retentionPolicy": f"{backups.retention_days}d",
            "configuration": {
                "destinationPath": backups.destination,
                **({"endpointURL": backups.endpoint} if backups.endpoint else {}),
                "s3Credentials": login,
                "wal": {"compression": "gzip"},
                "data": {"compression": "gzip"},
            },
        },
        opts=opts,
    )


def _schedule(name: str, place: Place, schedule: str, opts: pulumi.ResourceOptions) -> None:
    CustomResource(
        name,
        api_version=api_version(CNPG),
        kind="ScheduledBackup",
        metadata=metadata(place, DATABASE, f"{cluster_name(place)}-daily"),
        spec={
            "schedule": schedule,
            "immediate": True,
            "backupOwnerReference": "cluster",
            "cluster": {"name": cluster_name(place)},
            "method": "plugin",
            "pluginConfiguration": {"name": PLUGIN},
        },
        opts=opts,
    )
