"""A release on one machine: the service's files under their digest, with the packages that its lock file pins."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.contracts import DeploymentError, ReleaseHandle
from components.dynamic import plain_errors
from components.local import content
from components.local.files import remove_tree
from components.local.paths import LocalPaths
from components.naming import fingerprint

INSTALL_SECONDS = 600
PINS = ("uv.lock", "pyproject.toml")
"""What a release's packages are decided by."""


def environment_of(release: Path, paths: LocalPaths) -> Path:
    """The Python environment of a release: one per lock file and interpreter, shared by releases that pin the same."""
    pinned = [(release / name).read_text() for name in PINS]
    return paths.environments / fingerprint("".join([*pinned, sys.version]))


def install(release: Path, paths: LocalPaths) -> Path:
    """Installs what the release's lock pins for the application, and nothing else. Returns the environment's folder."""
    target = environment_of(release, paths)
    complete = target / ".complete"
    if complete.exists():
        return target
    uv = shutil.which("uv")
    if uv is None:
        raise DeploymentError(
            "`uv` is not on PATH, so the release's packages cannot be installed; nothing was deployed. "
            "Deploy with `make up`, which brings it, or install uv"
        )
    remove_tree(target)
    command = [uv, "sync", "--frozen", "--only-group", "app", "--no-python-downloads", "--compile-bytecode", "--quiet"]
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(
        [*command, "--python", sys.executable],
        cwd=release,
        env=environment | {"UV_PROJECT_ENVIRONMENT": str(target)},
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        remove_tree(target)
        raise DeploymentError(
            f"the release's packages could not be installed, so it cannot run; nothing was deployed. "
            f"`{' '.join(command[:3])} --only-group app` said:\n{done.stderr.strip()[-2000:]}"
        )
    complete.touch()
    return target


def prune_environments(paths: LocalPaths) -> list[str]:
    """Removes the environments that no release kept here uses and that nothing was told to run from.

    Returns the names removed. A kept release has an environment for this interpreter only; after another one has come,
    going back installs it again.
    """
    needed = {environment_of(release, paths) for release in content.by_age(paths) if is_deployable(release)}
    needed |= {Path(programs).parent for programs in content.used(paths, "programs")}
    unused = sorted(folder for folder in paths.environments.glob("*") if folder.is_dir() and folder not in needed)
    for folder in unused:
        remove_tree(folder)
    return [folder.name for folder in unused]


def is_deployable(release: Path) -> bool:
    """Whether a kept release still has the files that name its packages; one that lost them is refused anyway."""
    return all((release / name).is_file() for name in PINS)


class _ReleaseProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=props["digest"], outs=_publish(props))

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """The registry may have lost a release that the state still knows; it is then published again."""
        present = LocalPaths(Path(_olds["root"])).release(_olds["digest"]).is_dir()
        return DiffResult(changes=_olds["digest"] != _news["digest"] or _olds["root"] != _news["root"] or not present)

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_publish(_news | {"previous": _olds["digest"]}))


def _publish(props: dict[str, Any]) -> dict[str, Any]:
    paths = LocalPaths(Path(props["root"]))
    digest: str = props["digest"]
    if props["source"]:
        release = content.publish(Path(props["source"]), digest=digest, paths=paths)
    else:
        release = content.existing(digest, paths=paths)
    programs = install(release, paths) / "bin"
    content.prune(paths, keep=int(props["keep"]), also=[digest, props.get("previous", digest)])
    prune_environments(paths)
    return {**props, "location": str(release), "programs": str(programs)}


class _Build(Resource, module="local", name="Build"):
    location: pulumi.Output[str]
    programs: pulumi.Output[str]

    def __init__(self, name: str, *, args: "ReleaseArgs", opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {
            "root": args.repository,
            "keep": args.keep,
            "digest": args.digest,
            "source": args.source or "",
            "location": None,
            "programs": None,
        }
        super().__init__(_ReleaseProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class ReleaseArgs:
    """`source` is the checkout that `digest` was computed from; None deploys a release that the registry holds."""

    repository: pulumi.Input[str]
    keep: pulumi.Input[int]
    digest: str
    source: str | None


class Release(pulumi.ComponentResource):
    """One release of the service, ready to run: `handle` names it, `programs` is where its executables are."""

    handle: ReleaseHandle
    programs: pulumi.Output[str]

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:local:Release", name, None, opts)
        build = _Build(f"{name}-build", args=args, opts=pulumi.ResourceOptions(parent=self))
        self.handle = ReleaseHandle(digest=args.digest, location=build.location)
        self.programs = build.programs
        self.register_outputs({"digest": args.digest, "location": build.location})
