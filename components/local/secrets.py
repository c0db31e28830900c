"""Secrets on one machine: a file each, mode 0600. What leaves this component are paths and never values."""

import secrets
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.contracts import SecretReferences
from components.dynamic import plain_errors
from components.local.files import remove_secret, write_secret_once
from components.local.paths import LocalPaths
from components.workload import BOOTSTRAP_API_KEY, DATABASE_URL

ALPHANUMERIC = string.ascii_letters + string.digits


def new_api_key() -> str:
    """A key in the form that the application knows: `rag_`, 8 characters that identify it, 43 that prove it."""
    identity = "".join(secrets.choice(ALPHANUMERIC) for _ in range(8))
    return f"rag_{identity}_{secrets.token_urlsafe(32)}"


class _SecretsProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="secrets", outs=_ensure(props))

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=not _file(_news["root"]).exists() or _olds["root"] != _news["root"])

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_ensure(_news))

    @plain_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        remove_secret(_file(_props["root"]))


def _file(root: str) -> Path:
    return LocalPaths(Path(root)).secrets / BOOTSTRAP_API_KEY


def _ensure(props: dict[str, Any]) -> dict[str, Any]:
    file = _file(props["root"])
    write_secret_once(file, new_api_key())
    return {**props, "api_key_file": str(file)}


class _SecretFile(Resource, module="local", name="SecretFile"):
    api_key_file: pulumi.Output[str]

    def __init__(self, name: str, *, root: pulumi.Input[str], opts: pulumi.ResourceOptions) -> None:
        super().__init__(_SecretsProvider(), name, {"root": root, "api_key_file": None}, opts)


@dataclass(frozen=True, kw_only=True)
class SecretsArgs:
    """`root` is the state folder; `database_url` the file that the database wrote its URL to."""

    root: pulumi.Input[str]
    database_url: pulumi.Input[str]


class Secrets(pulumi.ComponentResource):
    """Where every secret of the service is kept, by its environment name."""

    references: SecretReferences
    api_key_file: pulumi.Output[str]

    def __init__(self, name: str, args: SecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:local:Secrets", name, None, opts)
        file = _SecretFile(f"{name}-api-key", root=args.root, opts=pulumi.ResourceOptions(parent=self))
        self.api_key_file = file.api_key_file
        self.references = {DATABASE_URL: args.database_url, BOOTSTRAP_API_KEY: file.api_key_file}
        self.register_outputs({"api_key_file": self.api_key_file})
