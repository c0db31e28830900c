"""An image's tag: another one for each build, and for whatever makes the builder build again."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.release import CHECKOUT, ImageSource, RegistryLogin, Release, ReleaseArgs
from components.source import IMAGE_PARTS, PARTS, image_tag
from tests.contracts.recorder import Recording, record

pytestmark = pytest.mark.unit

PLATFORMS = ("linux/arm64",)
SOURCE = ImageSource(version="1.0.0", tag="1.0.0-test-0123456789ab", platforms=PLATFORMS)
LOGIN = RegistryLogin(server="registry.example.com", username="robot", password="hunter2hunter2")
ARGS = ReleaseArgs(repository="registry.example.com/team/rag", source=SOURCE, login=LOGIN)
OTHERS: Mapping[str, object] = {
    "repository": "registry.example.com/team/another",
    "source": dataclasses.replace(SOURCE, tag="another"),
    "login": dataclasses.replace(LOGIN, username="another"),
    "cache": False,
}
"""By field, another value of what makes the builder build again."""
OTHER_SOURCES: Mapping[str, Any] = {"version": "1.0.1", "tag": "another", "platforms": ["linux/amd64"]}


def made(args: ReleaseArgs) -> Recording:
    return record(lambda: Release("release", args))


def keepers(args: ReleaseArgs) -> Mapping[str, str]:
    return made(args).one("release-tag").inputs["keepers"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for part in IMAGE_PARTS:
        file = tmp_path / part if "." in part or part == "Dockerfile" else tmp_path / part / "file.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(part)
    return tmp_path


def tag_of(checkout: Path, *, platforms: tuple[str, ...] = PLATFORMS) -> str:
    return image_tag(checkout, version="1.0.0", stack="test", platforms=platforms)


def test_the_tag_carries_a_mark_that_is_new_for_each_build() -> None:
    recording = made(ARGS)
    (tag,) = recording.one("release-image").inputs["tags"]
    assert tag == "registry.example.com/team/rag:1.0.0-test-0123456789ab-<release-tag.hex>"
    assert recording.one("release-tag").inputs["byteLength"] == 4


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ReleaseArgs) if field.name != "image"])
def test_whatever_makes_the_builder_build_again_makes_another_mark(field: str) -> None:
    assert keepers(dataclasses.replace(ARGS, **{field: OTHERS[field]})) != keepers(ARGS)


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ImageSource)])
def test_every_part_of_the_source_makes_another_mark(field: str) -> None:
    another = dataclasses.replace(SOURCE, **{field: OTHER_SOURCES[field]})
    assert keepers(dataclasses.replace(ARGS, source=another)) != keepers(ARGS)


def test_another_password_builds_nothing() -> None:
    another = dataclasses.replace(LOGIN, password="another")
    assert keepers(dataclasses.replace(ARGS, login=another)) == keepers(ARGS)


def test_another_version_of_the_builder_makes_another_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keepers(ARGS)

    def another(name: str) -> str:
        return f"another {name}"

    monkeypatch.setattr("components.release.metadata.version", another)
    assert keepers(ARGS) != before


def test_the_context_is_where_the_engine_runs_its_providers_so_no_machine_differs() -> None:
    inputs = made(ARGS).one("release-image").inputs
    assert inputs["context"] == {"location": CHECKOUT}
    assert inputs["dockerfile"] == {"location": f"{CHECKOUT}/Dockerfile"}
    assert not Path(CHECKOUT).is_absolute()


def test_a_release_that_is_an_image_already_has_no_mark() -> None:
    image = "registry.example.com/team/rag@sha256:" + "a" * 64
    assert [one.name for one in made(dataclasses.replace(ARGS, image=image)).resources] == ["release"]


@pytest.mark.parametrize("part", IMAGE_PARTS)
def test_another_content_and_another_mode_of_any_part_are_another_source(checkout: Path, part: str) -> None:
    file = checkout / part if (checkout / part).is_file() else checkout / part / "file.py"
    before = tag_of(checkout)
    file.chmod(0o600)
    other_mode = tag_of(checkout)
    file.write_text("another")
    assert len({before, other_mode, tag_of(checkout)}) == 3


def test_the_same_source_elsewhere_has_the_same_tag(checkout: Path, tmp_path: Path) -> None:
    before = tag_of(checkout)
    elsewhere = checkout.rename(tmp_path.with_name("elsewhere"))
    assert tag_of(elsewhere) == before


def test_another_platform_is_another_source_and_what_a_machine_leaves_is_not(checkout: Path) -> None:
    before = tag_of(checkout)
    for left in (".DS_Store", "file.pyc", "__pycache__/file.cpython-311.pyc"):
        file = checkout / "app" / left
        file.parent.mkdir(exist_ok=True)
        file.touch()
    assert tag_of(checkout) == before
    assert tag_of(checkout, platforms=("linux/amd64",)) != before
    assert set(PARTS) < set(IMAGE_PARTS)
