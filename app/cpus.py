"""How many processors this container may use.

`os.cpu_count()` sees the host: on a 64-core node a container of half a core would start 64 workers.
"""

import math
import os
from pathlib import Path

_MOST_WORKERS = 64


def usable_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """The cgroup's quota (v2, then v1) and the affinity mask, whichever is smaller, rounded up; at least 1."""
    visible = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota_v2(cgroup) or _quota_v1(cgroup)
    usable = visible if quota is None else min(visible, math.ceil(quota))
    return max(1, min(usable, _MOST_WORKERS))


def _quota_v2(cgroup: Path) -> float | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _quota_v1(cgroup: Path) -> float | None:
    try:
        quota = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        period = int((cgroup / "cpu" / "cpu.cfs_period_us").read_text())
        return None if quota <= 0 else quota / period
    except (OSError, ValueError, ZeroDivisionError):
        return None
