"""`make plan`: what it shows of a stack, and what it says of one that cannot be planned."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from stacks.settings import PROJECT
from tests.engine.doubles import wire
from tools.plan import PlanError, main, plan, planned
from tools.plan_text import KNOWN_LATER, MOST_VALUES, as_text
from tools.plan_values import IMPORTANT, values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.engine.doubles.wire import Json
    from tests.engine.harness import Planned

pytestmark = pytest.mark.engine

STACKS = ("dev", "prod", "canary")
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "bench", "Pulumi.*.yaml")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real program in a folder where a test may put stack files of its own."""
    folder = tmp_path_factory.mktemp("copy") / "program"
    shutil.copytree(PROJECT, folder, ignore=LEFT_OUT)
    shutil.copy(PROJECT / ".dockerignore", folder)
    (folder / ".venv").symlink_to(PROJECT / ".venv")
    return folder


@pytest.fixture(scope="module")
def plans(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sequence[Planned]]:
    """What the two stacks on AWS would create, and prod with the strategy that has the most parts."""
    for stack in ("dev", "prod"):
        shutil.copy(PROJECT / f"Pulumi.{stack}.yaml", program)
    document = yaml.safe_load((program / "Pulumi.prod.yaml").read_text())
    document["config"]["rag:rollout"] = {"strategy": "canary"}
    (program / "Pulumi.canary.yaml").write_text(yaml.safe_dump(document))
    return {stack: planned(stack, tmp_path_factory.mktemp(stack), root=program) for stack in STACKS}


def leaves(value: Json) -> Iterator[Json]:
    """What is known inside of a value, at any depth."""
    if isinstance(value, dict) and not wire.is_secret(value):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif value not in (None, "", wire.UNKNOWN):
        yield value


def hides(resource: Planned) -> bool:
    """Whether a plan without a choice of values would leave out something that is known already."""
    inputs = {key: value for key, value in resource.inputs.items() if key != "tags" and not key.startswith("__")}
    nested = (value for value in inputs.values() if isinstance(value, dict | list) and not wire.is_secret(value))
    plain = sum(not isinstance(value, dict | list) for value in inputs.values())
    return plain > MOST_VALUES or any(True for value in nested for _ in leaves(value))


def test_every_type_of_which_a_plan_would_hide_something_has_values_chosen_for_it(
    plans: Mapping[str, Sequence[Planned]],
) -> None:
    resources = [resource for stack in STACKS for resource in plans[stack] if resource.custom]
    assert len({resource.type for resource in resources}) > 40
    assert sorted({resource.type for resource in resources if hides(resource)} - set(IMPORTANT)) == []


def test_every_value_that_is_chosen_of_aws_exists_in_one_of_its_stacks(
    plans: Mapping[str, Sequence[Planned]],
) -> None:
    shown = {
        (resource.type, path)
        for stack in STACKS
        for resource in plans[stack]
        for path, _ in values_of(resource.type, resource.inputs)
    }
    chosen = {(kind, path) for kind, paths in IMPORTANT.items() if kind.startswith("aws:") for path in paths}
    assert len(chosen) > 80
    assert sorted(chosen - shown) == []


def test_the_plan_of_prod_shows_what_one_decides_by(plans: Mapping[str, Sequence[Planned]]) -> None:
    text = as_text("prod", plans["prod"])
    database = text[text.index("database-instance") :]
    for line in (
        "instanceClass: db.m7g.large",
        "multiAz: true",
        "storageEncrypted: true",
        "deletionProtection: true",
        "publiclyAccessible: false",
        "allocatedStorage: 50",
    ):
        assert line in database[: database.index("\n6 Secrets")]
    assert re.search(r"sslPolicy: ELBSecurityPolicy-TLS13\S+", text)
    assert "threshold: 80" in text
    assert '"Service": "ecs-tasks.amazonaws.com"' in text, "who may take a role"
    assert wire.UNKNOWN not in text
    assert KNOWN_LATER in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("config:\n  rag:profile: dev\n", "rag:cloud is missing from Pulumi.mine.yaml: nothing says where to deploy"),
        ("", "rag:cloud is missing from Pulumi.mine.yaml"),
        ("encryptionsalt: v1:abc=:v1:def\n", "rag:cloud is missing from Pulumi.mine.yaml"),
        ("config: [1]\n", "`config` in Pulumi.mine.yaml holds a list, no keys with values"),
        ("config:\n  rag:cloud:aws\n", "with a blank after its colon: `rag:cloud: aws`"),
        ("- config\n", "must hold a mapping with the key `config`"),
        ("config:\n  rag:cloud: gcp\n", "'gcp' is planned and not built yet"),
        ("config:\n  rag:cloud: moon\n", "'moon' is no target"),
        ("config:\n  rag:cloud: local\n  rag:nonsense: 1\n", "rag:nonsense: is no setting"),
    ],
)
def test_a_stack_file_that_cannot_be_planned_is_told_in_words_and_in_nothing_else(
    program: Path, tmp_path: Path, text: str, told: str
) -> None:
    (program / "Pulumi.mine.yaml").write_text(text)
    with pytest.raises(Exception, match=r"(?s).*") as raised:
        plan("mine", tmp_path / "work", root=program)
    message = str(raised.value)
    assert type(raised.value).__name__ in {"PlanError", "ConfigError"}
    assert told in message
    assert "Program ended" not in message
    assert "Traceback" not in message
    assert message == message.strip()


def test_a_stack_without_a_file_is_told_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stack", "nowhere"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("plan: Pulumi.nowhere.yaml does not exist")
    assert "prod" in told
    assert PlanError.__name__ not in told
