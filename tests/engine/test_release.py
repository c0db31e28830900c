"""A release through the real engine: which builds there are, and that no tag is ever pushed twice.

The double of the builder gives each build another image, sees files as the real one does, and its registry's tags are
immutable, as they are in ECR.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.doubles.tables.docker_build import DOCKER_BUILD
from tests.engine.doubles.tables.random import RANDOM
from tests.engine.doubles.wire import plain
from tests.engine.harness import Engine
from tests.engine.sources import Sources

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.cloud, pytest.mark.timeout(300)]

PROGRAM = """
import pulumi
from components.release import ImageSource, Release, ReleaseArgs
from components.source import image_tag
from stacks.settings import PROJECT

platforms = ["linux/arm64"]
tag = image_tag(PROJECT, version="1.0.0", stack="test", platforms=platforms)
made = Release("release", ReleaseArgs(
    repository="registry.example.com/team/rag",
    source=ImageSource(version="1.0.0", tag=tag, platforms=platforms),
    image=pulumi.Config("rag").get("image"),
))
pulumi.export("image", made.handle.location)
"""
BUILT = ["release-image", "release-tag"]
MAIN = "app/main.py"


def checkout(folder: Path) -> Sources:
    """A checkout whose program makes the release and nothing else."""
    made = Sources.copied(folder)
    (made.folder / "__main__.py").write_text(PROGRAM)
    return made


@pytest.fixture
def source(tmp_path: Path) -> Sources:
    return checkout(tmp_path / "checkout")


@pytest.fixture
def engine(pulumi: Path, tmp_path: Path, source: Sources) -> Engine:
    # The project demands the key; this program does not read it.
    config = {"rag:cloud": "none"}
    made = Engine.create(folder=tmp_path / "engine", program=source.folder, pulumi=pulumi, config=config)
    for package, table in (("docker-build", DOCKER_BUILD), ("random", RANDOM)):
        made.doubles.install(package, table)
    return made


def image(engine: Engine) -> str:
    return str(engine.outputs()["image"])


def pushed(engine: Engine) -> list[str]:
    """The tags of all builds so far, in their order."""
    calls = [call["inputs"] for call in engine.doubles.world.calls() if call["method"] in {"Create", "Update"}]
    tags = [plain(inputs.get("tags")) for inputs in calls if isinstance(inputs, dict)]
    return [str(one) for found in tags if isinstance(found, list) for one in found]


def test_the_source_of_before_is_built_again_under_a_tag_of_its_own(engine: Engine, source: Sources) -> None:
    engine.up().require()
    first, text = image(engine), (source.folder / MAIN).read_text()
    source.change(MAIN)
    engine.up().require()
    second = image(engine)

    (source.folder / MAIN).write_text(text)
    again = engine.up().require()
    assert again.step("release-image").done
    assert len({first, second, image(engine)}) == 3
    tags = pushed(engine)
    assert len(set(tags)) == len(tags) == 3
    assert tags[0].rsplit("-", 1)[0] == tags[2].rsplit("-", 1)[0]
    assert engine.preview().require().changes == ()


def test_another_checkout_of_the_same_source_builds_nothing(engine: Engine, source: Sources, tmp_path: Path) -> None:
    engine.up().require()
    engine.program = checkout(tmp_path / "elsewhere").folder
    assert engine.preview().require().changes == ()
    assert engine.up().require().changes == ()
    assert str(tmp_path) not in engine.export()


def test_another_checkout_whose_files_have_other_modes_is_another_image_and_so_another_tag(
    engine: Engine, source: Sources
) -> None:
    engine.up().require()
    (source.folder / MAIN).chmod(0o664)
    assert engine.up().require().step("release-image").done
    assert len(set(pushed(engine))) == 2


def test_what_a_machine_leaves_in_the_checkout_is_no_new_release(engine: Engine, source: Sources) -> None:
    engine.up().require()
    for left in ("app/.DS_Store", "app/.env", "app/query/.main.py.swp", "app/__pycache__/main.cpython-311.pyc"):
        file = source.folder / left
        file.parent.mkdir(exist_ok=True)
        file.write_text("left")
    assert engine.preview().require().changes == ()


def test_after_a_rollback_the_source_is_built_again_under_a_new_tag(engine: Engine, source: Sources) -> None:
    engine.up().require()
    first = image(engine)
    source.change(MAIN)
    engine.up().require()

    engine.config["rag:image"] = first
    engine.up().require()
    assert image(engine) == first

    del engine.config["rag:image"]
    result = engine.up().require()
    assert result.changed("create") == ["release-image", "release-tag"]
    assert len(set(pushed(engine))) == len(pushed(engine)) == 3


def test_a_tag_that_was_pushed_before_its_update_was_lost_is_given_up_by_the_command_of_the_guide(
    engine: Engine, source: Sources
) -> None:
    engine.up().require()
    (taken,) = pushed(engine)
    result = engine.up("--replace", "**::release-tag").require()
    assert result.step("release-image").done
    assert pushed(engine)[-1] != taken


def test_a_preview_of_a_new_release_shows_what_would_be_built_and_builds_nothing(
    engine: Engine, source: Sources
) -> None:
    engine.up().require()
    before = pushed(engine), engine.doubles.world.objects()
    source.change(MAIN)
    shown = engine.preview().require()
    assert {step.name for step in shown.changes if not step.is_implicit} == set(BUILT)
    assert engine.doubles.world.objects() == before[1]
