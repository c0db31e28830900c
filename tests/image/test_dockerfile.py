"""What the Dockerfile and its context promise, judged without an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from components.workload import MIGRATE, WEB, WORKER
from tests.image.dockerfile import from_context, instructions, last_stage
from tests.image.dockerignore import allowed, in_context
from tests.image.engine import ROOT, published_base

pytestmark = pytest.mark.unit

DOCKERFILE: Final = (ROOT / "Dockerfile").read_text()
DOCKERIGNORE: Final = (ROOT / ".dockerignore").read_text()
PYTHON_OF_BASE: Final = 313
ELSEWHERE: Final = [
    "README.md",
    "docs/deployment.md",
    "docs/app/main.py",
    "stacks/settings.py",
    "components/workload.py",
    "tests/conftest.py",
    "tools/app/x.py",
    "app.py",
    ".env",
    ".git/HEAD",
    "Dockerfile",
    ".dockerignore",
    "Pulumi.prod.yaml",
    "pyproject.toml.orig",
    "app/__pycache__/main.cpython-313.pyc",
    "alembic/env.pyc",
    "app/.env",
    "app/query/.main.py.swp",
    "certificates/.DS_Store",
]
LONGEST_IDLE_SECONDS: Final = {"AWS ALB": 60, "Azure App Service": 240, "Google Application Load Balancer": 600}


def judge(text: str) -> subprocess.CompletedProcess[str]:
    """Hadolint's word on a Dockerfile, warnings included."""
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.exists() else shutil.which("hadolint")
    assert hadolint is not None, "hadolint is missing: install the dependency group `judges`"
    command = [hadolint, "--failure-threshold", "style", "--no-color", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def planted(old: str, new: str) -> str:
    assert old in DOCKERFILE, f"the fault cannot be planted, because the Dockerfile no longer says {old!r}"
    return DOCKERFILE.replace(old, new)


def test_hadolint_finds_nothing_to_say() -> None:
    done = judge(DOCKERFILE)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("USER 10001:10001", "USER root", "DL3002"),
        ('CMD ["gunicorn", "--config", "gunicorn_conf.py", "app.main:app"]', "CMD gunicorn app.main:app", "DL3025"),
        ("FROM ${BASE_IMAGE} AS image", "FROM python AS image", "DL3006"),
        ("WORKDIR /srv/rag", "WORKDIR srv", "DL3000"),
        ("if [ -f /run/secrets/ca-bundle ]", "if [ -f $BUNDLE ]", "SC2086"),
    ],
)
def test_hadolint_sees_a_planted_fault(old: str, new: str, rule: str) -> None:
    done = judge(planted(old, new))
    assert done.returncode != 0
    assert rule in done.stdout


def test_no_comment_silences_the_judge() -> None:
    assert "hadolint ignore" not in DOCKERFILE
    assert not list(ROOT.glob(".hadolint.y*ml"))


def test_the_base_is_pinned_by_digest_and_every_stage_stands_on_it() -> None:
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", published_base())
    sources = [one.rest.partition(" AS ")[0].split()[-1] for one in instructions(DOCKERFILE) if one.keyword == "FROM"]
    assert sources == ["${BUILD_IMAGE}", "${BASE_IMAGE}"]
    assert "ARG BUILD_IMAGE=${BASE_IMAGE}" in DOCKERFILE


def test_no_frontend_and_no_other_image_is_needed() -> None:
    assert not re.search(r"^#\s*syntax\s*=", DOCKERFILE, re.MULTILINE | re.IGNORECASE)
    stages = {f"--from={stage}" for stage in re.findall(r" AS (\S+)$", DOCKERFILE, re.MULTILINE)}
    assert set(re.findall(r"--from=\S+", DOCKERFILE)) <= stages


def test_nothing_at_run_time_is_written_for_a_shell() -> None:
    commands = [one for one in last_stage(DOCKERFILE) if one.keyword in ("CMD", "ENTRYPOINT", "HEALTHCHECK", "SHELL")]
    assert sorted(one.keyword for one in commands) == ["CMD", "HEALTHCHECK"]
    assert all(one.exec_form() for one in commands)


def test_the_last_stage_runs_no_command_so_that_no_platform_needs_an_emulator() -> None:
    assert "RUN" not in {one.keyword for one in last_stage(DOCKERFILE)}
    first = next(one for one in instructions(DOCKERFILE) if one.keyword == "FROM")
    assert first.rest.startswith("--platform=${BUILDPLATFORM")


def test_the_user_is_a_number_other_than_root() -> None:
    [user] = [one.rest for one in last_stage(DOCKERFILE) if one.keyword == "USER"]
    match = re.fullmatch(r"(\d+):(\d+)", user)
    assert match is not None, f"USER {user}: Kubernetes' runAsNonRoot believes numbers only"
    assert int(match[1]) >= 10000
    assert int(match[2]) >= 10000


def test_the_image_serves_unless_it_is_told_otherwise() -> None:
    [command] = [one.exec_form() for one in last_stage(DOCKERFILE) if one.keyword == "CMD"]
    assert command == list(WEB.command)
    # The others are found on PATH and in the working folder, without a change of either.
    assert {process.command[:2] for process in (WORKER, MIGRATE)} == {("python", "-m")}


def test_connections_are_kept_longer_than_any_load_balancer_keeps_them() -> None:
    [environment] = [one.rest for one in last_stage(DOCKERFILE) if one.keyword == "ENV"]
    kept = re.search(r"KEEPALIVE_SECONDS=(\d+)", environment)
    assert kept is not None
    assert int(kept[1]) > max(LONGEST_IDLE_SECONDS.values())


def test_uv_is_the_one_that_the_checkout_uses() -> None:
    pinned = re.search(r"^UV_PINNED=(\S+)$", (ROOT / "tools" / "sync.sh").read_text(), re.MULTILINE)
    assert pinned is not None
    assert f"ARG UV_VERSION={pinned[1]}\n" in DOCKERFILE


def locked() -> dict[str, dict[str, Any]]:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    return {package["name"]: package for package in lock["package"]}


def packages_of_the_image() -> set[str]:
    """Everything that the group `app` needs, directly or not; markers are ignored, so rather too much."""
    packages = locked()
    pending = list(packages["rag-service"]["dev-dependencies"]["app"])
    found: set[str] = set()
    while pending:
        wanted = pending.pop()
        package = packages[wanted["name"]]
        extras = [more for extra in wanted.get("extra", ()) for more in package["optional-dependencies"].get(extra, ())]
        pending += extras
        if wanted["name"] not in found:
            found.add(wanted["name"])
            pending += package.get("dependencies", [])
    return found


def test_no_cloud_sdk_is_among_the_packages_of_the_image() -> None:
    names = packages_of_the_image()
    assert {"fastapi", "psycopg", "psycopg-binary", "uvloop"} <= names
    assert not [name for name in names if re.match(r"pulumi|boto|aws|google|azure|kubernetes|moto", name)]


def fits(wheel: str, machine: str) -> bool:
    """Whether a wheel of this name installs on the base's Python and glibc without a compiler."""
    python, abi, platforms = wheel.removesuffix(".whl").rsplit("-", 3)[1:]
    if platforms == "any":
        return "py3" in python.split(".")
    number = re.fullmatch(r"cp3(\d+)", python.split(".")[-1])
    right_python = f"cp{PYTHON_OF_BASE}" in python.split(".") or (
        abi == "abi3" and number is not None and int(f"3{number[1]}") <= PYTHON_OF_BASE
    )
    generic = python.startswith("py3") and abi == "none"
    glibc = [int(minor) for minor in re.findall(rf"manylinux_2_(\d+)_{machine}(?:\.|$)", platforms)]
    old = f"manylinux2014_{machine}" in platforms.split(".")
    return (right_python or generic) and (old or any(minor <= 28 for minor in glibc))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_package_has_a_wheel_so_that_no_compiler_is_needed(machine: str) -> None:
    packages = locked()
    missing: list[str] = []
    for name in packages_of_the_image():
        wheels = [wheel["url"].rsplit("/", 1)[1] for wheel in packages[name].get("wheels", ())]
        if not any(fits(wheel, machine) for wheel in wheels):
            missing.append(name)
    # Packages of other systems are locked too, and not installed on these.
    assert sorted(set(missing) - {"colorama", "tzdata", "pywin32"}) == []


def test_the_python_of_the_base_is_the_one_that_the_wheels_were_judged_for() -> None:
    assert published_base().startswith(f"python:3.{str(PYTHON_OF_BASE)[1:]}.")


def test_the_context_is_exactly_what_the_dockerfile_takes() -> None:
    assert set(allowed(DOCKERIGNORE)) == from_context(DOCKERFILE)
    for name in allowed(DOCKERIGNORE):
        assert (ROOT / name).is_dir() if name.endswith("/") else (ROOT / name).is_file(), name


@pytest.mark.parametrize("path", ELSEWHERE)
def test_a_change_elsewhere_is_no_new_image(path: str) -> None:
    assert in_context(DOCKERIGNORE, [path]) == []


@pytest.mark.parametrize("path", ["app/main.py", "app/http/health.py", "alembic/versions/0001_x.py", "uv.lock"])
def test_a_change_of_the_service_is_a_new_image(path: str) -> None:
    assert in_context(DOCKERIGNORE, [path]) == [path]


@pytest.mark.parametrize("rules", ["!app/\n", "*\n!app/**/*.py\n", "*\ndocs\n"])
def test_a_list_that_lets_in_what_is_new_or_cannot_be_read_is_refused(rules: str) -> None:
    with pytest.raises(ValueError, match=r"the (list|rule)"):
        in_context(rules, ["app/main.py"])
