"""What one process of a release needs to run, as the launcher and the migration take it."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, cast

from components.contracts import SecretReferences, secrets_of
from components.local.launch import KEPT
from components.workload import Process

# The launcher runs alone, without this package, so it is the launcher that names them.
KEPT_ENVIRONMENT = KEPT
"""What a process keeps of the machine's environment; everything else comes from the release's own settings."""


def process_properties(process: Process, secrets: SecretReferences) -> dict[str, Any]:
    """One process among a dynamic resource's properties, with the secrets that it names and no others."""
    return {"command": list(process.command), "secrets": secrets_of(process, secrets)}


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One process: where its release and executables are, its words, its plain environment, its secrets' files."""

    digest: str
    release: str
    programs: str
    command: Sequence[str]
    environment: Mapping[str, str]
    secrets: Mapping[str, str]

    @classmethod
    def of(cls, props: Mapping[str, Any], process: str) -> Self:
        """Reads a process out of a dynamic resource's properties, where `process_properties` put it."""
        return cls(
            digest=props["digest"],
            release=props["release"],
            programs=props["programs"],
            command=props[process]["command"],
            environment=props["environment"],
            secrets=props[process]["secrets"],
        )

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """What a slot was told to run; None when it never was."""
        if not path.exists():
            return None
        values = cast(dict[str, Any], json.loads(path.read_text()))
        values.pop("socket", None)
        return cls(**values)

    def to_json(self, *, socket: Path | None = None) -> str:
        """The slot's file: nothing in it is secret, secrets are named by their files."""
        return json.dumps(asdict(self) | ({"socket": str(socket)} if socket else {}), indent=1, sort_keys=True)

    def full_environment(self) -> dict[str, str]:
        """The environment with the secrets' values in it, for a child process and nothing else."""
        kept = {key: os.environ[key] for key in KEPT_ENVIRONMENT if key in os.environ}
        values = {name: Path(file).read_text() for name, file in self.secrets.items()}
        path = f"{self.programs}{os.pathsep}{kept.get('PATH', os.defpath)}"
        return kept | dict(self.environment) | values | {"PATH": path}
