"""How a machine without Pulumi gets its command line: from PATH, from the vendor, or built from source.

Run `python -m tools.pulumi_cli` for the folder to put on PATH. Only the standard library is used, because this runs
before anything is installed.
"""

from __future__ import annotations

import sys
from typing import Final

# The engine that this project's tests ran with. An older one on PATH is passed over.
PINNED_VERSION: Final = (3, 259, 0)


class CliError(Exception):
    """Pulumi cannot be had; the message says why and what to do."""


def version_text(version: tuple[int, int, int]) -> str:
    """Return `3.259.0` for (3, 259, 0)."""
    return ".".join(str(part) for part in version)


def say(message: str) -> None:
    """Tell the user what is going on, on standard error: standard output carries the result alone."""
    sys.stderr.write(f"pulumi-cli: {message}\n")
    sys.stderr.flush()
