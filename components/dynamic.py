"""What our dynamic resource providers share.

Their classes live in importable modules, so the state holds them by reference. Numbers reach them as floats, because
the engine's wire format knows no integers: each provider turns its own back. Errors are for people.
"""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from components.contracts import DeploymentError

ALL_FRAMES = 1000
"""Python's own limit."""

P = ParamSpec("P")
R = TypeVar("R")


def plain_errors(method: Callable[P, R]) -> Callable[P, R]:
    """Shows a DeploymentError as its message alone.

    Pulumi's dynamic provider prints the traceback of whatever a method raises. A DeploymentError is written for the
    person who deploys, so its frames are left out; any other exception keeps them, because it is a defect.
    """

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        # The limit is the whole process's, which serves many resources: a defect in a later one keeps its frames.
        sys.tracebacklimit = ALL_FRAMES
        try:
            return method(*args, **kwargs)
        except DeploymentError:
            sys.tracebacklimit = 0
            raise

    return call
