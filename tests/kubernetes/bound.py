"""`bound.py PARENT COMMAND...`: becomes the command, which the kernel ends together with the parent. Linux only there.

Without it a test run that is killed would leave five servers behind. Standard library only.
"""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1


def main(parent: int, command: list[str]) -> None:
    """Ask for SIGKILL at the parent's death and run the command in this process."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the test run ended before its server began")
    os.execv(command[0], command)  # noqa: S606 - a program of the cluster, by its full path


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
