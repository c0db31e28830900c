"""checkov, a scanner of what is declared, in a locked environment of its own: it pins packages older than Pulumi's."""

import functools
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

ROOT: Final = Path(__file__).resolve().parents[2]
PROJECT: Final = Path(__file__).with_name("checkov")
ENVIRONMENT: Final = ROOT / ".tools" / "checkov"
UV: Final = ROOT / ".tools" / "uv" / "bin"
"""Where the Makefile puts uv when PATH has none."""
SYNC_SECONDS: Final = 240
SCAN_SECONDS: Final = 120


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check says against one thing; `resource` is `Kind.namespace.name`, or `Dockerfile.INSTRUCTION`."""

    check: str
    resource: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What checkov found. `passed` counts the checks that held, so that a judge who looked at nothing is noticed."""

    findings: frozenset[Finding]
    passed: int


@functools.cache
def checkov() -> Path:
    """The command, in an environment that fits its lock; the first time it is installed (about 200 MB).

    Raises AssertionError with what uv said when it cannot be.
    """
    uv = shutil.which("uv", path=f"{UV}{os.pathsep}{os.environ.get('PATH', '')}")
    assert uv is not None, "checkov's environment needs uv: run `make test`, which gets it, or install uv"
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    # What is active must not be taken for the environment that is meant.
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    command = [uv, "sync", "--project", str(PROJECT), "--frozen", "--quiet", "--no-python-downloads"]
    done = subprocess.run(
        command,
        env={**kept, "UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SYNC_SECONDS,
    )
    assert done.returncode == 0, f"checkov could not be installed from {PROJECT / 'uv.lock'}:\n{done.stderr}"
    return ENVIRONMENT / "bin" / "checkov"


def judged(file: Path, framework: Literal["kubernetes", "dockerfile"]) -> Verdict:
    """What checkov says of one file, without a question to its vendor; raises AssertionError if it cannot tell."""
    command = [str(checkov()), "--file", file.name, "--framework", framework]
    command += ["--skip-download", "--compact", "--quiet", "--output", "json", "--soft-fail"]
    done = subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False, timeout=SCAN_SECONDS)
    assert done.returncode == 0, f"checkov ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    report = cast("dict[str, Any]", json.loads(done.stdout))
    assert report["summary"]["parsing_errors"] == 0, f"checkov cannot read {file.name}"
    found = cast("list[dict[str, Any]]", report["results"]["failed_checks"])
    return Verdict(
        findings=frozenset(
            Finding(check=item["check_id"], resource=item["resource"], title=item["check_name"]) for item in found
        ),
        passed=int(report["summary"]["passed"]),
    )
