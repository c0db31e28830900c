"""`python -m tools.pulumi_cli`: print the folder of a usable Pulumi, getting it first when there is none."""

from __future__ import annotations

import sys

from tools.pulumi_cli import CliError, say
from tools.pulumi_cli.obtain import bin_folder


def main() -> int:
    """Print the folder and return the exit code."""
    try:
        folder = bin_folder()
    except CliError as error:
        say(str(error))
        return 1
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
