"""Who may import whom: a reader finds the way by imports, and a preview for one cloud never pays for another's SDK."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks.settings import PROJECT

pytestmark = pytest.mark.unit

CLOUDS = ("aws", "gcp", "azure", "kubernetes", "local")
SDKS = {
    "aws": {"pulumi_aws", "boto3", "botocore"},
    "gcp": {"pulumi_gcp", "pulumi_kubernetes", "googleapiclient"},
    "azure": {"pulumi_azure_native", "pulumi_azure", "azure"},
    "kubernetes": {"pulumi_kubernetes", "kubernetes"},
    "local": {"psycopg", "supervisor"},
}
ALL_SDKS = set[str]().union(*SDKS.values())
NEIGHBOURS = {"gcp": {"gcp", "kubernetes"}}
"""Whose folder a cloud may use besides its own."""

COMPONENTS = sorted((PROJECT / "components").rglob("*.py"))
STACKS = sorted((PROJECT / "stacks").rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(PROJECT).as_posix()


def imports(file: Path) -> Iterator[str]:
    """The full names of all modules that a file imports, at its top or inside of functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def cloud_of(file: Path) -> str | None:
    """Whose file this is, or None for one that all clouds share."""
    parts = list(file.relative_to(PROJECT).with_suffix("").parts)
    place = parts[2] if parts[1] == "settings" and len(parts) > 2 else parts[1]
    return next((cloud for cloud in CLOUDS if place == cloud or place.startswith(f"{cloud}_")), None)


def folders_used(file: Path) -> set[str]:
    words = [name.split(".") for name in imports(file)]
    return {word[1] for word in words if word[0] == "components" and len(word) > 1 and word[1] in CLOUDS}


def test_there_is_something_to_look_at() -> None:
    assert len(COMPONENTS) > 15
    assert {name_of(file) for file in STACKS} >= {"stacks/settings/reader.py", "stacks/local.py", "stacks/capacity.py"}


@pytest.mark.parametrize("file", COMPONENTS, ids=name_of)
def test_components_never_import_stacks_nor_the_application_nor_tools(file: Path) -> None:
    assert {name.split(".")[0] for name in imports(file)}.isdisjoint({"stacks", "app", "tools", "tests", "bench"})


@pytest.mark.parametrize("file", STACKS, ids=name_of)
def test_stacks_never_import_the_application_nor_tools(file: Path) -> None:
    assert {name.split(".")[0] for name in imports(file)}.isdisjoint({"app", "tools", "tests", "bench"})


@pytest.mark.parametrize("file", [*COMPONENTS, *STACKS], ids=name_of)
def test_a_clouds_file_uses_its_own_folder_and_no_other_clouds(file: Path) -> None:
    cloud = cloud_of(file)
    allowed = set[str]() if cloud is None else NEIGHBOURS.get(cloud, {cloud})
    assert folders_used(file) <= allowed


@pytest.mark.parametrize("file", [*COMPONENTS, *STACKS], ids=name_of)
def test_a_clouds_file_imports_its_own_clouds_sdk_and_a_shared_file_none(file: Path) -> None:
    cloud = cloud_of(file)
    foreign = ALL_SDKS - (SDKS[cloud] if cloud else set[str]())
    assert {name.split(".")[0] for name in imports(file)}.isdisjoint(foreign)


@pytest.mark.parametrize(
    "file", [file for file in [*COMPONENTS, *STACKS] if name_of(file) != "stacks/settings/reader.py"], ids=name_of
)
def test_only_the_settings_read_the_stacks_configuration(file: Path) -> None:
    tree = ast.parse(file.read_text())
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names = {name.rsplit(".", 1)[-1] for name in imports(file) if name.startswith("pulumi.")}
    assert (attributes | names).isdisjoint({"Config", "get_config_env", "require_secret", "get_secret"})


@pytest.mark.parametrize("name", ["launch.py", "as_user.py"])
def test_what_runs_outside_of_the_deployment_needs_the_standard_library_alone(name: str) -> None:
    modules = {module.split(".")[0] for module in imports(PROJECT / "components" / "local" / name)}
    assert modules <= sys.stdlib_module_names


def test_the_application_never_imports_what_deploys_it() -> None:
    for file in (PROJECT / "app").rglob("*.py"):
        assert {name.split(".")[0] for name in imports(file)}.isdisjoint({"stacks", "components", "pulumi"}), file


@pytest.mark.parametrize("module", ["stacks.settings", "stacks.local", "components.workload"])
def test_importing_a_target_loads_no_other_targets_sdk(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*(name.split('.')[0] for name in sys.modules))"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    own = SDKS["local"] if module == "stacks.local" else set[str]()
    assert loaded.isdisjoint(ALL_SDKS - own)
    if module == "components.workload":
        assert "pulumi" not in loaded, "pure data needs no engine"


def test_a_stack_without_a_firewall_does_not_pay_for_the_largest_module_of_the_sdk() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, stacks.aws; print(*sys.modules)"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert "pulumi_aws.ecs.service" in loaded, "the SDK's modules are named otherwise now"
    assert "pulumi_aws.wafv2.web_acl" not in loaded


def test_every_clouds_folder_names_its_files_alike_so_that_learning_one_teaches_the_others() -> None:
    required = {"app_service.py", "autoscaler.py", "database.py", "migration.py", "registry.py"}
    folders = [folder for folder in (PROJECT / "components").iterdir() if folder.name in CLOUDS]
    assert folders
    for folder in folders:
        assert required <= {file.name for file in folder.glob("*.py")}, folder.name
