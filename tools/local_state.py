"""Where the local stack's engine keeps its state: folder, passphrase, generated configuration, locks.

Everything lies under `.local/pulumi` of the checkout, readable by its owner alone, and no tracked file is written.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import yaml

from tools.configuration import ConfigDocument, ConfigError, load_document, overlaid

if TYPE_CHECKING:
    from collections.abc import Mapping

# Configuration that the user's shell may hold for another backend; here it would only mislead the engine.
_FOREIGN_VARIABLES: Final = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN", "PULUMI_STACK", "PULUMI_PROJECT")
_SALT: Final = "encryptionsalt"


class StateError(Exception):
    """The local state cannot be used; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A run of the engine that says it is working on the stack."""

    path: Path
    pid: int
    host: str

    def is_stale(self) -> bool:
        """Say whether the run is surely over: it was on this machine, and its process is gone."""
        if self.host != socket.gethostname():
            return False
        with contextlib.suppress(OSError):
            # A process id may be given to a program that is no Pulumi. Without /proc the id alone decides.
            return "pulumi" not in Path(f"/proc/{self.pid}/comm").read_text()
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


@dataclass(frozen=True, kw_only=True)
class LocalState:
    """The engine's state of one stack of the project in `root`."""

    root: Path
    stack: str

    @property
    def folder(self) -> Path:
        """The folder that holds all of it."""
        return self.root / ".local" / "pulumi"

    @property
    def passphrase_file(self) -> Path:
        """The generated passphrase that encrypts secrets in the state."""
        return self.folder / "passphrase"

    @property
    def tracked_config(self) -> Path:
        """The stack's configuration in the repository; read, never written."""
        return self.root / f"Pulumi.{self.stack}.yaml"

    def config_file(self, purpose: str = "") -> Path:
        """Return the generated configuration that the engine reads and may write; `purpose` names a variant."""
        return self.folder / f"Pulumi.{self.stack}{'.' + purpose if purpose else ''}.yaml"

    @property
    def exists(self) -> bool:
        """Whether the backend knows the stack."""
        return any(self._stacks_folder.glob(f"*/{self.stack}.json"))

    @property
    def _stacks_folder(self) -> Path:
        return self.folder / ".pulumi" / "stacks"

    def prepare(self) -> None:
        """Create folder and passphrase; raises StateError when the state was encrypted with one that is gone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        if self.passphrase_file.is_file():
            self.passphrase_file.chmod(0o600)
            return
        if self.exists:
            raise StateError(
                f"{self.passphrase_file} is missing, and the stack's secrets cannot be read without it. Restore the "
                f"file from a backup. When that is impossible, remove {self.folder} and the running service "
                "(`make down` first) and begin anew with `make up`: database passwords and keys are lost with it."
            )
        descriptor = os.open(self.passphrase_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))

    def environment(self, pulumi: Path, python: str, base: Mapping[str, str]) -> dict[str, str]:
        """Return the environment in which the engine works on this state and on nothing else."""
        result = {name: value for name, value in base.items() if name not in _FOREIGN_VARIABLES}
        result |= {
            "PATH": f"{pulumi}{os.pathsep}{base.get('PATH', '')}",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase_file),
            "PULUMI_PYTHON_CMD": python,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_ERROR_OUTPUT_STRING": "true",
            "PULUMI_SUPPRESS_NEO_LINK": "true",
        }
        return result

    def generate_config(self, overrides: Mapping[str, str], purpose: str = "") -> Path:
        """Write the configuration for the next run: the tracked file plus overrides, with the stack's own salt.

        Raises StateError when the tracked file is missing or an override does not fit it.
        """
        if not self.tracked_config.is_file():
            known = sorted(path.name for path in self.root.glob("Pulumi.*.yaml"))
            raise StateError(
                f"There is no {self.tracked_config.name}, so the stack `{self.stack}` has no configuration. "
                f"Files here: {', '.join(known) or 'none'}."
            )
        try:
            document = overlaid(load_document(self.tracked_config), overrides)
        except ConfigError as error:
            raise StateError(str(error)) from error
        salt = self.salt()
        if salt is not None:
            document[_SALT] = salt
        target = self.config_file(purpose)
        write_private(target, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
        return target

    def salt(self) -> str | None:
        """Return the salt of the stack's secrets, None before the stack exists."""
        return _text(self._last_config().get(_SALT))

    def keep_salt(self, salt: str) -> None:
        """Remember the salt that the engine made for a new stack."""
        write_private(self.config_file(), yaml.safe_dump({_SALT: salt}))

    def last_override(self, section: str, key: str) -> str | None:
        """Return a nested value of the configuration that the last update ran with, None when it had none."""
        config = self._last_config().get("config")
        if not isinstance(config, dict):
            return None
        inner = cast("dict[str, object]", config).get(section)
        return _text(cast("dict[str, object]", inner).get(key)) if isinstance(inner, dict) else None

    def _last_config(self) -> ConfigDocument:
        path = self.config_file()
        return load_document(path) if path.is_file() else {}

    def locks(self) -> list[Lock]:
        """Return the locks on this stack."""
        found: list[Lock] = []
        for path in (self.folder / ".pulumi" / "locks").rglob("*.json"):
            if path.parent.name != self.stack:
                continue
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                content = json.loads(path.read_text())
                found.append(Lock(path=path, pid=int(content["pid"]), host=str(content["hostname"])))
        return found

    def remove(self) -> None:
        """Remove the state and, when nothing else is in it, the folder around it."""
        shutil.rmtree(self.folder)
        with contextlib.suppress(OSError):
            self.folder.parent.rmdir()


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    Path(name).replace(path)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
