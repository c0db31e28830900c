"""PostgreSQL with pgvector on one machine: initialized once, kept by supervisord, its URL in a file of mode 0600."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.contracts import DatabaseHandle, DeploymentError
from components.dynamic import plain_errors
from components.local.files import port_is_free, remove_secret, remove_tree, tail, write_file, write_secret_once
from components.local.paths import LocalPaths
from components.local.postgres import Server
from components.local.programs import postgres_program
from components.local.supervisorctl import Supervisorctl, wait_until
from components.workload import DATABASE_URL

ADMIN_PASSWORD = "POSTGRES_PASSWORD"  # noqa: S105  # why: the secret's name, not the secret
APPLICATION = "rag"
START_SECONDS = 60


class _DatabaseProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="postgres", outs=_ensure(props))

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A server that supervisord does not keep running is a difference, and so is a data folder that is gone."""
        if _olds["root"] != _news["root"]:
            return DiffResult(changes=True, replaces=["root"], delete_before_replace=True)
        paths = LocalPaths(Path(_olds["root"]))
        lost = not (_server(_olds).data / "PG_VERSION").exists() or not (paths.secrets / DATABASE_URL).exists()
        running = Supervisorctl(paths.control_socket).state("postgres") == "RUNNING"
        changed = any(_olds[key] != _news[key] for key in ("port", "max_connections"))
        return DiffResult(changes=changed or lost or not running)

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_ensure(_news))

    @plain_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        paths, server = LocalPaths(Path(_props["root"])), _server(_props)
        control = Supervisorctl(paths.control_socket)
        _program_file(paths).unlink(missing_ok=True)
        if control.running():
            control.stop("postgres")
            control.reload()
        if server.programs.is_dir():
            server.stop_orphan()
        remove_tree(server.folder)
        paths.identity.unlink(missing_ok=True)
        for name in (DATABASE_URL, ADMIN_PASSWORD):
            remove_secret(paths.secrets / name)


def _server(props: dict[str, Any]) -> Server:
    paths = LocalPaths(Path(props["root"]))
    return Server(
        folder=paths.database(identity=_identity(paths)),
        port=int(props["port"]),
        max_connections=int(props["max_connections"]),
    )


def _identity(paths: LocalPaths) -> str | None:
    """What names root's database folder: a random word in the state folder, and not the checkout's path.

    So a checkout that was moved finds its data again, and replacing the resource at the old path removes none of it.
    """
    if os.geteuid() != 0:
        return None
    return write_secret_once(paths.identity, secrets.token_hex(6)) if paths.root.is_dir() else "gone"


def _program_file(paths: LocalPaths) -> Path:
    return paths.supervisor / "programs" / "postgres.conf"


def _ensure(props: dict[str, Any]) -> dict[str, Any]:
    """Brings the server up on its data, with the application's role and database. Safe to repeat."""
    paths, server = LocalPaths(Path(props["root"])), _server(props)
    control = Supervisorctl(paths.control_socket)
    admin_password = write_secret_once(paths.secrets / ADMIN_PASSWORD, secrets.token_hex(24))
    server.make_folder()
    server.install()
    if control.state("postgres") != "RUNNING":
        server.stop_orphan()
        _require_free_port(server.port)
    server.initialize(admin_password)

    program = postgres_program(
        command=server.command, folder=server.folder, log=paths.log("postgres"), user=server.user
    )
    write_file(_program_file(paths), program)
    control.reload()
    control.start("postgres")
    admin = server.url(user="postgres", password=admin_password, database="postgres")
    _wait(control, server, admin, log=paths.log("postgres"))
    url = _application_url(paths, server)
    server.create_application(admin, user=APPLICATION, password=url.password, database=APPLICATION)
    return {**props, "url_file": str(url.file)}


@dataclass(frozen=True)
class _ApplicationUrl:
    file: Path
    password: str


def _application_url(paths: LocalPaths, server: Server) -> _ApplicationUrl:
    """The application's URL in its file: the password is made once, the port follows the configuration."""
    file = paths.secrets / DATABASE_URL
    password = file.read_text().split(":")[2].split("@")[0] if file.exists() else secrets.token_hex(24)
    write_file(file, server.url(user=APPLICATION, password=password, database=APPLICATION))
    return _ApplicationUrl(file, password)


def _require_free_port(port: int) -> None:
    if not port_is_free(port):
        raise DeploymentError(
            f"port {port} of 127.0.0.1 is in use by another program, so the database could not listen there; nothing "
            f"was changed. Stop that program, or set local.database_port in Pulumi.local.yaml to a free one"
        )


def _wait(control: Supervisorctl, server: Server, url: str, *, log: Path) -> None:
    def ready() -> bool:
        return control.state("postgres") == "RUNNING" and server.answers(url)

    if not wait_until(ready, seconds=START_SECONDS, every=0.1):
        raise DeploymentError(
            f"PostgreSQL did not take connections on port {server.port} within {START_SECONDS} s, so nothing was "
            f"deployed; its data is untouched. The end of its log ({log}):\n{tail(log)}"
        )


class _Postgres(Resource, module="local", name="Postgres"):
    url_file: pulumi.Output[str]

    def __init__(self, name: str, *, args: "DatabaseArgs", opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {
            "root": args.root,
            "port": args.port,
            "max_connections": args.max_connections,
            "url_file": None,
        }
        super().__init__(_DatabaseProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """`root` is the state folder, `port` a free loopback port, `protect` keeps `destroy` from taking the data."""

    root: pulumi.Input[str]
    port: int
    max_connections: int
    protect: bool = False


class Database(pulumi.ComponentResource):
    """A PostgreSQL server for the service alone. `handle.url` is the path of the file that holds `DATABASE_URL`."""

    handle: DatabaseHandle

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:local:Database", name, None, opts)
        server = _Postgres(f"{name}-server", args=args, opts=pulumi.ResourceOptions(parent=self, protect=args.protect))
        self.handle = DatabaseHandle(url=server.url_file, max_connections=args.max_connections)
        self.register_outputs({"url_file": server.url_file})
