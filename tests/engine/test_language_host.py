"""Programs, dynamic providers and plugins run under the language host in use, ours or the vendor's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engine.harness import MakeEngine

pytestmark = pytest.mark.engine

DYNAMIC = """
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

class Counter(ResourceProvider):
    def create(self, props):
        if props["start"] < 0:
            raise ValueError("a counter cannot start below zero")
        return CreateResult(id_="counter", outs={**props, "next": props["start"] + 1})
    def diff(self, id_, old, new):
        return DiffResult(changes=old["start"] != new["start"])
    def update(self, id_, old, new):
        return UpdateResult(outs={**new, "next": new["start"] + 1})

class Count(Resource):
    next: pulumi.Output[int]
    def __init__(self, name, start):
        super().__init__(Counter(), name, {"start": start, "next": None})

count = Count("count", pulumi.Config().require_int("start"))
pulumi.export("next", count.next)
"""


def test_a_dynamic_provider_creates_updates_and_deletes(inline_engine: MakeEngine) -> None:
    engine = inline_engine(DYNAMIC, {"inline:start": 1})
    engine.up().require()
    assert engine.outputs()["next"] == 2
    assert engine.preview().require().changes == ()
    engine.config["inline:start"] = 5
    assert engine.up().require().changed("update") == ["count"]
    assert engine.outputs()["next"] == 6
    engine.destroy().require()
    assert engine.resources() == []


def test_a_dynamic_provider_that_raises_fails_the_update_with_its_message(inline_engine: MakeEngine) -> None:
    engine = inline_engine(DYNAMIC, {"inline:start": -1})
    assert "a counter cannot start below zero" in engine.up().require_failure().output


def test_a_program_that_raises_is_reported_once_with_its_own_line(inline_engine: MakeEngine) -> None:
    engine = inline_engine("import pulumi\nraise ValueError('no zone is configured')\n")
    failed = engine.preview().require_failure()
    told = [message for message in failed.errors if "no zone is configured" in message]
    assert len(told) == 1
    assert "__main__.py" in told[0]
    assert "without saying why" not in failed.output


def test_a_program_that_exits_without_a_word_is_an_error(inline_engine: MakeEngine) -> None:
    engine = inline_engine("import os\nos._exit(3)\n")
    assert "3" in " ".join(engine.preview().require_failure().errors)


def test_configuration_and_its_secrets_reach_the_program(inline_engine: MakeEngine) -> None:
    source = "import pulumi\npulumi.export('zones', pulumi.Config().require_object('zones'))\n"
    engine = inline_engine(source, {"inline:zones": ["a", "b"]})
    engine.up().require()
    assert engine.outputs() == {"zones": ["a", "b"]}


def test_a_missing_environment_is_named_with_the_command_that_makes_it(inline_engine: MakeEngine) -> None:
    engine = inline_engine("import pulumi\n", options="toolchain: pip, virtualenv: nowhere")
    failed = engine.preview().require_failure()
    assert "nowhere" in failed.output
