"""A usable Pulumi that is installed already."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tools.pulumi_cli import PINNED_VERSION, say, version_text

ANSWER_SECONDS = 30


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Read what `pulumi version` prints; a pre-release counts as the release before it; None when unreadable."""
    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)([-+][\w.+-]*)?", text.strip())
    if match is None:
        return None
    version = (int(match[1]), int(match[2]), int(match[3]))
    if match[4] and match[4].startswith("-"):
        return (version[0], version[1], max(version[2] - 1, 0)) if version[2] else (version[0], version[1] - 1, 0)
    return version


def reported_version(pulumi: Path) -> tuple[int, int, int] | None:
    """Ask an executable for its version; None when it does not answer as Pulumi does."""
    try:
        done = subprocess.run(
            [str(pulumi), "version"], capture_output=True, text=True, check=False, timeout=ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(done.stdout) if done.returncode == 0 else None


def find_on_path(search_path: str | None = None) -> Path | None:
    """Return the folder of a `pulumi` on PATH that is new enough and can run Python programs, else None."""
    found = shutil.which("pulumi", path=search_path)
    if found is None:
        return None
    version = reported_version(Path(found))
    if version is None:
        say(f"{found} does not tell a version; it is passed over")
    elif version[0] != PINNED_VERSION[0] or version < PINNED_VERSION:
        wanted = version_text(PINNED_VERSION)
        say(f"{found} is {version_text(version)}, but {wanted} or newer (same major) is needed; it is passed over")
    elif shutil.which("pulumi-language-python", path=search_path) is None:
        say(f"{found} has no pulumi-language-python beside it on PATH; it is passed over")
    else:
        return Path(found).parent
    return None
