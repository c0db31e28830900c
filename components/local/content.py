"""The releases that one machine keeps: how they are copied, found again and pruned."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, cast

from components.contracts import DeploymentError
from components.local.files import remove_tree
from components.local.paths import LocalPaths
from components.source import digest_of, source_files


def publish(source: Path, *, digest: str, paths: LocalPaths) -> Path:
    """Copies a source into the registry under its digest, as a whole or not at all. Returns the release's folder.

    Raises DeploymentError when the source no longer has that digest (it was edited while it was being released), or
    when the registry's copy was altered.
    """
    target = paths.release(digest)
    if target.is_dir():
        return existing(digest, paths=paths)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    remove_tree(temporary)
    for file in source_files(source):
        (temporary / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, temporary / file)
    if digest_of(temporary) != digest:
        remove_tree(temporary)
        raise DeploymentError(
            f"the files under {source} changed while they were being released, so what was planned is not what is "
            "there now; nothing was deployed. Run the command again"
        )
    temporary.rename(target)
    return target


def existing(digest: str, *, paths: LocalPaths) -> Path:
    """A release that the registry already holds. Raises DeploymentError when it does not, or when it was altered."""
    target = paths.release(digest)
    if not target.is_dir():
        kept = ", ".join(f"sha256:{folder.name}" for folder in by_age(paths)) or "none"
        raise DeploymentError(
            f"release {digest} is not kept on this machine, so it cannot be deployed; nothing was changed. "
            f"Kept here, newest first: {kept}. Deploy it from its source instead: check out that commit and `make up`"
        )
    if not _is_whole(target, digest):
        raise DeploymentError(
            f"the files in {target} were altered, so they are not the release they are named for; nothing was "
            "changed. Remove that folder and deploy the release from its source"
        )
    os.utime(target)
    return target


def _is_whole(release: Path, digest: str) -> bool:
    try:
        return digest_of(release) == digest
    except DeploymentError:
        return False  # A part is missing.


def prune(paths: LocalPaths, *, keep: int, also: Iterable[str]) -> list[str]:
    """Removes the oldest releases beyond `keep`, but none that a process runs or that `also` names.

    Returns the digests removed.
    """
    needed = {digest.removeprefix("sha256:") for digest in also} | {Path(path).name for path in used(paths, "release")}
    removed: list[str] = []
    for folder in by_age(paths)[keep:]:
        if folder.name not in needed:
            remove_tree(folder)
            removed.append(f"sha256:{folder.name}")
    return removed


def used(paths: LocalPaths, key: Literal["release", "programs"]) -> set[str]:
    """The folders that the web slots and the worker were told to run from, whether they run now or not."""
    slots = [cast(dict[str, str], json.loads(slot.read_text())) for slot in paths.slots.glob("*.json")]
    return {slot[key] for slot in slots}


def by_age(paths: LocalPaths) -> list[Path]:
    """The releases kept here, the one deployed last first."""
    folders = [folder for folder in paths.releases.glob("*") if folder.is_dir() and not folder.name.startswith(".")]
    return sorted(folders, key=lambda folder: folder.stat().st_mtime, reverse=True)
