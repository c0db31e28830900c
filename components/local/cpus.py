"""How many processors this container may use, of those that its host has.

The application has the same rule in `app/cpus.py`. A release carries no deployment code and the deployment imports no
release, so there are two; a test holds that they agree.
"""

import math
import os
from pathlib import Path


def usable_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """The cgroup's quota (v2, then v1) and the affinity mask, whichever is smaller, rounded up; at least 1."""
    visible = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, visible if quota is None else min(visible, math.ceil(quota)))


def _quota(cgroup: Path) -> float | None:
    """Processors that the cgroup grants, as a fraction; None when it sets no bound that can be read."""
    for read in (_version_2, _version_1):
        try:
            quota, period = read(cgroup)
            if quota > 0:
                return quota / period
        except (OSError, ValueError, ZeroDivisionError):
            continue
    return None


def _version_2(cgroup: Path) -> tuple[int, int]:
    quota, period = (cgroup / "cpu.max").read_text().split()
    return int(quota), int(period)


def _version_1(cgroup: Path) -> tuple[int, int]:
    folder = cgroup / "cpu"
    return int((folder / "cpu.cfs_quota_us").read_text()), int((folder / "cpu.cfs_period_us").read_text())
