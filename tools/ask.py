"""`make ask Q="..."`: one question to the running service, answered with its sources."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import TYPE_CHECKING, cast

from rich.console import Console

from tools.client import ClientError, ServiceClient, add_arguments, show_answer, target_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask; 0 when the service answered, be it that nothing was found, 1 when it could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m tools.ask", description=__doc__)
    parser.add_argument("question", help="3 to 1000 characters")
    add_arguments(parser)
    options = parser.parse_args(arguments)
    try:
        with contextlib.closing(ServiceClient(target_of(options))) as client:
            show_answer(Console(), client.ask(cast("str", options.question)))
    except ClientError as error:
        sys.stderr.write(f"ask: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
