"""What the image holds, and what it does not."""

from __future__ import annotations

import json
import platform
import re
import shutil
from typing import TYPE_CHECKING, Final, cast

import pytest

from components.workload import WEB
from tests.image.conftest import network
from tests.image.containers import configuration, run_once
from tests.image.contents import MACHINES, export
from tests.image.dockerignore import allowed, in_context
from tests.image.engine import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.image.conftest import Built
    from tests.image.contents import Contents
    from tests.image.engine import Engine

pytestmark = [pytest.mark.image, pytest.mark.timeout(1800)]

MOST_BYTES: Final = 250_000_000
FOREIGN: Final = ("boto3", "botocore", "pulumi", "pulumi_aws", "kubernetes", "pytest", "uv", "pip", "components")
TARGETS: Final = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}
UNCHECKED_HASH: Final = 1


def test_it_is_smaller_than_250_megabytes(built: Built, contents: Contents) -> None:
    reported = int(built.engine.docker("image", "inspect", "--format", "{{.Size}}", built.reference))
    assert 50_000_000 < contents.size < MOST_BYTES, f"{contents.size} bytes of files; the engine says {reported}"
    assert reported < MOST_BYTES


def test_it_holds_the_service_and_no_sdk_and_no_tool(built: Built) -> None:
    names = ("fastapi", "psycopg", "app.main", *FOREIGN)
    code = f"from importlib.util import find_spec; print(*[name for name in {names!r} if find_spec(name)])"
    assert run_once(built.engine, built.reference, "python", "-c", code) == (0, "fastapi psycopg app.main\n")


def test_nothing_of_the_build_is_left(contents: Contents) -> None:
    assert contents.under("opt").keys() >= {"venv/bin/gunicorn"}
    assert not [name for name in contents.under("opt") if not name.startswith("venv")]
    assert not contents.under("root/.cache")
    assert not contents.under("build")
    assert not [
        name for name in contents.members if re.fullmatch(r"(usr/(local/)?)?bin/(uv|cc|gcc|g\+\+|make|curl)", name)
    ]


def test_what_it_runs_belongs_to_root_and_is_readable_by_all_and_writable_by_nobody_else(contents: Contents) -> None:
    wrong = [
        name
        for folder in ("srv/rag", "opt/venv")
        for name, one in contents.under(folder).items()
        if not one.issym() and (one.uid or one.gid or one.mode & 0o022 or not one.mode & 0o004)
    ]
    assert wrong == []


def test_it_holds_exactly_what_the_context_lets_in(contents: Contents) -> None:
    rules = (ROOT / ".dockerignore").read_text()
    paths = [path for name in allowed(rules) for path in (ROOT / name, *(ROOT / name).rglob("*"))]
    here = [str(path.relative_to(ROOT)) for path in paths if path.is_file()]
    expected = set(in_context(rules, here)) - {"pyproject.toml", "uv.lock"}
    held = {name for name, one in contents.under("srv/rag").items() if one.isreg() and "__pycache__" not in name}
    assert held == expected


def test_every_module_is_compiled_and_is_not_compared_with_its_source_again(contents: Contents) -> None:
    held = contents.under("srv/rag/app")
    modules = [name for name, one in held.items() if one.isreg() and name.endswith(".py")]
    [tag] = {name.rsplit(".", 2)[1] for name in held if name.endswith(".pyc")}
    assert len(modules) > 30
    for module in modules:
        folder, _, name = module.rpartition("/")
        compiled = "/".join(filter(None, (folder, "__pycache__", name.replace(".py", f".{tag}.pyc"))))
        assert contents.beginning(f"srv/rag/app/{compiled}")[4] == UNCHECKED_HASH


def test_its_configuration_says_how_to_run_it(built: Built) -> None:
    configured = configuration(built.engine, built.reference)
    environment = dict(entry.split("=", 1) for entry in cast("list[str]", configured["Env"]))
    labels = cast("dict[str, str]", configured["Labels"])
    assert configured["User"] == "10001:10001"
    assert configured["Cmd"] == list(WEB.command)
    assert not configured.get("Entrypoint")
    assert configured["StopSignal"] == "SIGTERM"
    assert configured["WorkingDir"] == "/srv/rag"
    assert cast("dict[str, list[str]]", configured["Healthcheck"])["Test"] == ["CMD", "python", "-m", "app.healthcheck"]
    assert (environment["PYTHONUNBUFFERED"], environment["PYTHONDONTWRITEBYTECODE"]) == ("1", "1")
    assert environment["PATH"].startswith("/opt/venv/bin:")
    standard = {label.removeprefix("org.opencontainers.image.") for label in labels}
    assert standard >= {"title", "description", "licenses", "version", "revision", "base.name"}
    if built.base is not None:
        assert labels["org.opencontainers.image.base.name"] == built.base
        assert re.fullmatch(r"[0-9a-f]{40}|", labels["org.opencontainers.image.revision"])
        assert labels["org.opencontainers.image.version"]


def test_neither_files_nor_history_know_what_the_build_was_given(built: Built, contents: Contents) -> None:
    if built.canary is None:
        pytest.skip("IMAGE was built elsewhere, so it is not known what its build was given")
    history = built.engine.docker("history", "--no-trunc", "--format", "{{json .}}", built.reference)
    said = history + json.dumps(configuration(built.engine, built.reference))
    assert contents.holds(b"org.opencontainers") or contents.holds(b"app.main:app"), "the search finds nothing at all"
    assert not contents.holds(built.canary.encode())
    assert built.canary not in said
    assert "run/secrets" not in said
    assert not re.search(r"https?://", said)


def test_the_engine_reads_the_list_of_the_context_as_the_tests_do(container_engine: Engine, tmp_path: Path) -> None:
    files = ["app/__init__.py", "app/http/x.py", "app/http/__pycache__/x.cpython-313.pyc", "app/x.pyc", "alembic/y.py"]
    files += ["certificates/a.pem", "alembic.ini", "gunicorn_conf.py", "pyproject.toml", "uv.lock", "README.md", ".env"]
    files += ["docs/app/x.py", "tests/t.py", "stacks/s.py", ".git/HEAD", "app.py", "tools/image.sh", "uv.lock.orig"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    shutil.copy(ROOT / "tools" / "image.sh", tmp_path / "tools")
    shutil.copy(ROOT / ".dockerignore", tmp_path)
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCOPY . /context/\nCMD ["none"]\n')
    values = {"TAG": "rag:context", "CA_BUNDLE": "", "SSL_CERT_FILE": ""}
    container_engine.script("image.sh", values=values, checkout=tmp_path)
    found = export(container_engine, "rag:context", tmp_path).under("context")
    here = {name for name, one in found.items() if one.isreg()}
    assert here == set(in_context((ROOT / ".dockerignore").read_text(), files))


@pytest.mark.parametrize("machine", list(MACHINES))
def test_each_platform_gets_its_own_libraries_without_an_emulator(built: Built, tmp_path: Path, machine: str) -> None:
    """Over an empty base, because the last stage runs nothing: what is copied is what that platform would run."""
    if built.base is None or built.authorities is None:
        pytest.skip("IMAGE was built elsewhere")
    if platform.machine() not in MACHINES:
        pytest.skip(f"the base is made for {platform.machine()}")
    tag = f"rag:{machine}"
    values = {"TAG": tag, "PLATFORM": TARGETS[machine], "BASE_IMAGE": "scratch", "BUILD_IMAGE": built.base}
    values |= {"CA_BUNDLE": str(built.authorities)} | network(built.engine)
    built.engine.script("image.sh", values=values)
    described = built.engine.docker("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", tag).strip()
    contents = export(built.engine, tag, tmp_path, "--platform", TARGETS[machine])
    assert described == TARGETS[machine]
    found = contents.machines("opt/venv")
    assert set(found) == {MACHINES[machine]}
    assert found[MACHINES[machine]] > 20
