"""The three ways to Pulumi, in the order of their cost."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tools.pulumi_cli import PINNED_VERSION, CliError, say, source, vendor, version_text
from tools.pulumi_cli.cache import cache_folder, exclusive, publish
from tools.pulumi_cli.on_path import find_on_path, reported_version

if TYPE_CHECKING:
    from pathlib import Path


def bin_folder(*, base_url: str = vendor.BASE_URL) -> Path:
    """Return a folder with `pulumi` and what it needs to run Python programs; put it first on PATH.

    Pulumi on PATH wins; then the vendor's release and a build from source, both kept in the user's cache. Raises
    CliError when no way works, and when what the vendor sent is not what the vendor published.
    """
    installed = find_on_path()
    if installed is not None:
        return installed
    cache = cache_folder()
    with exclusive(cache):
        folder = _from_vendor(cache, base_url) or source.assemble(cache)
    version = reported_version(folder / "pulumi")
    if version != PINNED_VERSION:
        found = version_text(version) if version else "no version"
        raise CliError(
            f"{folder / 'pulumi'} reports {found} instead of {version_text(PINNED_VERSION)}, so the cache is damaged. "
            f"Remove {cache} and try again."
        )
    return folder


def _from_vendor(cache: Path, base_url: str) -> Path | None:
    """Return the vendor's release, from the cache or the network; None when there is a build or no way to it."""
    target = cache / "vendor"
    if target.is_dir():
        return target
    if (cache / "compiled").is_dir():
        return None
    try:
        release = vendor.release_for(base_url)
        return publish(target, functools.partial(vendor.fetch, release))
    except vendor.UnreachableError as error:
        say(f"the vendor's release cannot be used: {error}")
        return None
