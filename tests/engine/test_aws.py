"""The AWS target through the real engine: its own program, doubles of the providers, and a server that plays ECS."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tests.aws.fake_ecs import Ending, FakeEcs, serving
from tests.engine.doubles.tables.aws import ACCOUNT, AWS, REGION
from tests.engine.doubles.tables.docker_build import DOCKER_BUILD
from tests.engine.doubles.tables.random import RANDOM
from tests.engine.doubles.wire import plain
from tests.engine.harness import Engine
from tests.judges.cloudformation_types import made_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.engine.doubles.world import World
    from tests.engine.harness import Result

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "__main__.py", "Pulumi.yaml", "pyproject.toml", "uv.lock", "alembic.ini", "gunicorn_conf.py", "Dockerfile",
    ".dockerignore", "certificates", "stacks", "components", "app", "alembic",
)  # fmt: skip
IMAGE = "docker-build:index:Image"
SERVICE = "aws:ecs/service:Service"
DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"

SHARED = {"rag:cloud": "aws", "rag:rollout": {"evidence": "platform"}}
DEV = {**SHARED, "rag:profile": "dev", "rag:aws": {"region": REGION, "allow_plain_http": True}}
PROD = {
    **SHARED,
    "rag:profile": "prod",
    "rag:aws": {
        "region": REGION,
        "account_id": ACCOUNT,
        "domain": "rag.example.com",
        "hosted_zone": "Z0123456789ABC",
    },
    "rag:oidc": {"repository": "acme/rag", "environment": "production"},
    "rag:observability": {"alarm_email": "ops@example.com"},
    "rag:secrets": {"kms_key": "create"},
    "rag:waf": True,
}


class Told:
    """What the doubled provider has been told of services and task definitions."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._images: dict[str, Mapping[str, str]] = {}

    def task_definition_of(self, service: str) -> str | None:
        for found in self._world.objects().values():
            if found["type"] == SERVICE and found["state"]["arn"] == service:
                return str(found["inputs"]["taskDefinition"])
        return None

    def images_of(self, task_definition: str) -> Mapping[str, str]:
        for found in self._world.objects().values():
            if found["type"] == DEFINITION:
                containers = cast(
                    "list[dict[str, str]]", json.loads(str(plain(found["inputs"]["containerDefinitions"])))
                )
                # ECS keeps definitions that are not used any more, which is what it goes back to.
                self._images[str(found["state"]["arn"])] = {one["name"]: one["image"] for one in containers}
        return self._images.get(task_definition, {})


class Account:
    """An account of AWS with one stack in it, deployed from a checkout of its own."""

    def __init__(self, folder: Path, pulumi: Path, stack: str, config: Mapping[str, object]) -> None:
        self.program = folder / "program"
        _copy(self.program)
        self.engine = Engine.create(
            folder=folder / "engine", program=self.program, pulumi=pulumi, stack=stack, config=config
        )
        for package, table in (("aws", AWS), ("random", RANDOM), ("docker-build", DOCKER_BUILD)):
            self.engine.doubles.install(package, table)
        _log_in_to(f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com", folder / "docker", self.engine.doubles.bin)
        self.engine.variables["DOCKER_CONFIG"] = str(folder / "docker")
        self.ecs = FakeEcs(Told(self.world))
        self._settled = False

    @property
    def world(self) -> World:
        return self.engine.doubles.world

    def settle(self) -> None:
        """Deploys the checkout as it is, unless the last command did just that."""
        if not self._settled:
            self.up().require()

    def up(self) -> Result:
        """Deploys the checkout as it is."""
        result = self.engine.up()
        self._settled = result.code == 0
        return result

    def destroy(self) -> Result:
        """Removes the stack, as `make destroy` does: with a preview, which meets what is protected first."""
        self._settled = False
        return self.engine.destroy("--skip-preview=false")

    def release(self, mark: str) -> None:
        """Changes the source, so that the next update is another release."""
        self._settled = False
        with (self.program / "app" / "__init__.py").open("a") as file:
            file.write(f"\n# {mark}\n")

    def digest(self) -> str:
        """What the stack says that it has released."""
        return str(self.engine.outputs()["release"])

    def serves(self) -> str:
        """The digest of the image that the service's tasks run."""
        (service,) = self.ecs.deployments
        definition = self.ecs.serving(service)
        assert definition is not None
        return Told(self.world).images_of(definition)["web"].partition("@")[2]


def _copy(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")


def _log_in_to(registry: str, folder: Path, programs: Path) -> None:
    """Sets Docker up as its user would: a credential helper for the registry."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"credHelpers": {registry: "ecr-login"}}))
    helper = programs / "docker-credential-ecr-login"
    helper.write_text("#!/bin/sh\nexit 1\n")
    helper.chmod(0o755)


def _account(folder: Path, pulumi: Path, stack: str, config: Mapping[str, object]) -> Iterator[Account]:
    account = Account(folder, pulumi, stack, config)
    with serving(account.ecs) as variables:
        account.engine.variables.update(variables)
        yield account


@pytest.fixture(scope="module")
def dev(pulumi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A stack with the defaults of dev; each test leaves a healthy release, or nothing."""
    yield from _account(tmp_path_factory.mktemp("dev"), pulumi, "dev", DEV)


@pytest.fixture(scope="module")
def prod(pulumi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A stack with the defaults of prod, and all that can be asked for beside."""
    yield from _account(tmp_path_factory.mktemp("prod"), pulumi, "prod", PROD)


def types(result: Result, *operations: str) -> Counter[str]:
    return Counter(step.type for step in result.changes if step.op in operations and not step.is_implicit)


def no_secret_in(account: Account) -> None:
    """Holds everything that people read of a stack against everything that is secret in it."""
    objects = account.world.objects().values()
    made = [str(plain(one["state"]["result"])) for one in objects if one["type"].startswith("random:index/randomPass")]
    values = [str(plain(one["inputs"]["secretString"])) for one in objects if "secretString" in one["inputs"]]
    assert len(made) == 3
    assert len(values) == 2
    # Eight letters find a key; they are no secret by themselves, but part of one.
    shown = [account.engine.export(), json.dumps(account.world.calls()), json.dumps(account.engine.outputs())]
    for text in shown:
        for secret in (*made, *values):
            assert secret not in text


@pytest.mark.unit
def test_every_type_that_the_components_make_has_a_rule() -> None:
    known = {*AWS.resources, *RANDOM.resources, *DOCKER_BUILD.resources}
    assert made_types() <= known


def test_a_stack_goes_up_and_a_preview_after_it_changes_nothing(dev: Account) -> None:
    dev.settle()
    assert dev.engine.preview().require().changes == ()
    assert dev.serves() == dev.digest()
    assert dev.ecs.calls.count("RunTask") >= 1


def test_no_secret_stands_in_the_state_the_outputs_or_any_call(dev: Account) -> None:
    dev.settle()
    no_secret_in(dev)


def test_a_new_release_changes_the_release_and_what_runs_it_and_nothing_else(dev: Account) -> None:
    dev.settle()
    before = dev.digest()
    dev.release("another release")
    result = dev.up().require()
    assert dev.serves() == dev.digest() != before
    changed = types(result, "create", "update", "replace", "delete")
    assert changed == {
        IMAGE: 1,
        "pulumi-python:dynamic/aws:DockerLogin": 1,
        DEFINITION: 2,
        "pulumi-python:dynamic/aws:FargateMigration": 1,
        SERVICE: 1,
        "pulumi-python:dynamic/aws:EcsRollout": 1,
        "pulumi-python:dynamic/release:Check": 1,
    }


def test_a_migration_that_fails_leaves_the_service_as_it_was_and_is_tried_again(dev: Account) -> None:
    dev.settle()
    before, runs = dev.serves(), dev.ecs.calls.count("RunTask")
    dev.release("a release whose migration fails")
    dev.ecs.migrations.append(Ending(code=1, log=("ERROR relation documents is locked",)))
    failed = dev.up().require_failure()
    assert "relation documents is locked" in failed.output
    assert types(failed, "update", "replace")[SERVICE] == 0
    assert dev.serves() == before

    dev.up().require()
    assert dev.serves() == dev.digest() != before
    assert dev.ecs.calls.count("RunTask") == runs + 2


def test_a_release_that_ecs_takes_back_fails_the_update_and_the_next_one_deploys_it_again(dev: Account) -> None:
    dev.settle()
    before = dev.serves()
    dev.release("a release that never gets healthy")
    dev.ecs.rollbacks.append("tasks failed to start.")
    failed = dev.up().require_failure()
    assert "tasks failed to start." in failed.output
    assert dev.serves() == before

    dev.up().require()
    assert dev.serves() == dev.digest() != before


def test_dev_is_destroyed_without_help_and_leaves_only_images(dev: Account) -> None:
    dev.settle()
    dev.destroy().require()
    assert dev.engine.resources() == []
    assert {found["type"] for found in dev.world.objects().values()} <= {IMAGE}


def test_prod_goes_up_and_refuses_to_be_destroyed_until_one_key_takes_the_protection_off(prod: Account) -> None:
    prod.settle()
    assert prod.engine.preview().require().changes == ()
    no_secret_in(prod)

    before = prod.world.objects()
    refused = prod.destroy().require_failure()
    assert "protect" in refused.output
    assert prod.world.objects() == before

    prod.engine.config["rag:database"] = {"protect": False}
    prod.up().require()
    prod.destroy().require()
    assert prod.engine.resources() == []
    assert {found["type"] for found in prod.world.objects().values()} <= {IMAGE}
