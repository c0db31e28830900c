"""The per-user cache: complete folders only, and one maker at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tools.pulumi_cli import PINNED_VERSION, CliError, say, version_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


def cache_folder() -> Path:
    """Return this version's folder under the user's cache, creating it; raises CliError when that is impossible."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "rag-pulumi" / version_text(PINNED_VERSION)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(
            f"The cache folder {folder} cannot be created ({error.strerror}), so there is no place to keep Pulumi. "
            "Set XDG_CACHE_HOME to a folder that you may write to."
        ) from error
    return folder


@contextlib.contextmanager
def exclusive(folder: Path) -> Generator[None]:
    """Hold the folder's lock for the length of the block, waiting for whoever holds it now."""
    with (folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is getting Pulumi; waiting for it ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def publish(target: Path, make: Callable[[Path], None]) -> Path:
    """Fill a folder with `make` and give it its name only when complete, so that a killed run leaves nothing usable.

    Call it under `exclusive`. An existing target is returned as it is.
    """
    if target.is_dir():
        return target
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        make(scratch)
        scratch.chmod(0o755)
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target
