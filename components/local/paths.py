"""Where the local target keeps its things: one folder, with a rule for the two that cannot always live in it."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from components.naming import SOCKET_PATH_BYTES, fingerprint


@dataclass(frozen=True)
class LocalPaths:
    """The files under one state folder (`.local` in the checkout). Pure: nothing here touches the disk."""

    root: Path

    @property
    def releases(self) -> Path:
        """Content-addressed releases, one folder each, named by the digest's hexadecimal digits."""
        return self.root / "releases"

    @property
    def environments(self) -> Path:
        """Python environments, one per lock file, shared by the releases that pin the same packages."""
        return self.root / "environments"

    @property
    def secrets(self) -> Path:
        """One file per secret, mode 0600, in a folder of mode 0700."""
        return self.root / "secrets"

    @property
    def slots(self) -> Path:
        """What each process runs now: the blue and the green web slot, and the worker."""
        return self.root / "slots"

    @property
    def logs(self) -> Path:
        """One log per process, rotated by supervisord."""
        return self.root / "logs"

    @property
    def supervisor(self) -> Path:
        """supervisord's own configuration, one file per program, and its process id."""
        return self.root / "supervisor"

    @property
    def sockets(self) -> Path:
        """Unix sockets. The kernel bounds their paths, so a deep checkout keeps them in the temporary folder."""
        inside = self.root / "run"
        if len(os.fsencode(inside / "supervisor.sock")) <= SOCKET_PATH_BYTES:
            return inside
        return Path(tempfile.gettempdir()) / f"rag-{fingerprint(str(self.root))}"

    @property
    def control_socket(self) -> Path:
        """supervisord's control interface, for this user only."""
        return self.sockets / "supervisor.sock"

    def slot_socket(self, slot: int) -> Path:
        """The private socket on which one web slot can be asked while both share the public port."""
        return self.sockets / f"web-{slot}.sock"

    @property
    def identity(self) -> Path:
        """Where the name of root's database folder is kept: it must follow the checkout when that is moved."""
        return self.root / "identity"

    def database(self, *, identity: str | None) -> Path:
        """The database's folder: its programs, its data.

        PostgreSQL refuses to run as root, and another user cannot enter root's own folders; so where the deployment
        runs as root, the database lives under /var/lib, named by `identity`, and runs as an unprivileged user.
        """
        return Path("/var/lib") / f"rag-{identity}" if identity else self.root / "database"

    def log(self, program: str) -> Path:
        """One program's log."""
        return self.logs / f"{program}.log"

    def release(self, digest: str) -> Path:
        """One release's folder."""
        return self.releases / digest.removeprefix("sha256:")
