"""Where releases live on one machine: a folder named by content, so that a rollback has something to go back to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.dynamic import plain_errors
from components.local.files import remove_tree
from components.local.paths import LocalPaths


class _RegistryProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        _make_folders(props["root"])
        return CreateResult(id_="registry", outs=props)

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        moved = _olds["root"] != _news["root"]
        missing = not LocalPaths(Path(_news["root"])).releases.is_dir()
        return DiffResult(
            changes=moved or missing or _olds["keep"] != _news["keep"],
            replaces=["root"] if moved else [],
            delete_before_replace=True,
        )

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        _make_folders(_news["root"])
        return UpdateResult(outs=_news)

    @plain_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        paths = LocalPaths(Path(_props["root"]))
        remove_tree(paths.releases)
        remove_tree(paths.environments)


def _make_folders(root: str) -> None:
    paths = LocalPaths(Path(root))
    for folder in (paths.releases, paths.environments):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)


class _ReleaseFolder(Resource, module="local", name="ReleaseFolder"):
    root: pulumi.Output[str]
    keep: pulumi.Output[int]

    def __init__(self, name: str, *, root: str, keep: int, opts: pulumi.ResourceOptions) -> None:
        super().__init__(_RegistryProvider(), name, {"root": root, "keep": keep}, opts)


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """`root` is the state folder; `keep` is how many releases stay to go back to."""

    root: str
    keep: int


class Registry(pulumi.ComponentResource):
    """The releases kept on this machine. `repository` is the state folder, known once the registry exists."""

    repository: pulumi.Output[str]
    keep: pulumi.Output[int]

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:local:Registry", name, None, opts)
        folder = _ReleaseFolder(
            f"{name}-folder", root=args.root, keep=args.keep, opts=pulumi.ResourceOptions(parent=self)
        )
        self.repository, self.keep = folder.root, folder.keep
        self.register_outputs({"repository": self.repository})
