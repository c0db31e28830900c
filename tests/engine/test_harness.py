"""The harness itself: what the real engine and the doubles do together, on programs of a few lines."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from tests.engine.doubles.rules import Rule, Table

if TYPE_CHECKING:
    from tests.engine.harness import Engine, MakeEngine

pytestmark = pytest.mark.engine

DISK = "random:index/disk:Disk"
LABEL = "random:index/label:Label"

PROGRAM = """
import pulumi

class Disk(pulumi.CustomResource):
    address: pulumi.Output[str]
    key: pulumi.Output[str]
    def __init__(self, name, props, opts=None):
        super().__init__("random:index/disk:Disk", name, {"address": None, "key": None, **props}, opts)

class Label(pulumi.CustomResource):
    def __init__(self, name, text, opts=None):
        super().__init__("random:index/label:Label", name, {"text": text}, opts)

config = pulumi.Config()
props = config.require_object("disk")
if config.get_secret("password"):
    props["password"] = config.get_secret("password")
disk = Disk("disk", props)
Label("label", pulumi.Output.concat("disk at ", disk.address))
pulumi.export("address", disk.address)
pulumi.export("key", disk.key)
"""

DISK_RULE = Rule(
    required=("size",),
    allowed=("size", "zone", "password", "guarded", "name", "tags"),
    immutable=("zone",),
    outputs={"address": "${id}.example.internal", "key": "key-${digest}"},
    secret=("key",),
    autoname="name",
    unique="name",
    guarded_by="guarded",
)


@pytest.fixture
def engine(inline_engine: MakeEngine) -> Engine:
    made = inline_engine(PROGRAM, {"inline:disk": {"size": 10, "zone": "a"}})
    made.doubles.install("random", table(DISK_RULE))
    return made


def table(disk: Rule) -> Table:
    return Table(resources={DISK: disk, LABEL: Rule(required=("text",))})


def test_a_stack_goes_up_stays_unchanged_is_updated_replaced_and_destroyed(engine: Engine) -> None:
    assert engine.up().require().changed("create") == ["disk", "label"]
    assert engine.preview().require().changes == ()

    engine.config["inline:disk"] = {"size": 20, "zone": "a"}
    updated = engine.up().require()
    assert updated.changed("update") == ["disk"]
    assert updated.step("disk").differs == ("size",)

    engine.config["inline:disk"] = {"size": 20, "zone": "b"}
    replaced = engine.up().require()
    assert replaced.changed("replace") == ["disk"]
    assert replaced.changed("update") == ["label"]
    assert len(engine.doubles.world.objects()) == 2

    assert engine.destroy().require().changed("delete") == ["disk", "label"]
    assert engine.resources() == []
    assert engine.doubles.world.objects() == {}


def test_what_the_cloud_computes_is_unknown_in_a_first_preview(engine: Engine) -> None:
    planned = engine.preview().require()
    assert planned.changed("create") == ["disk", "label"]
    label = next(call for call in engine.doubles.world.calls() if call["token"] == LABEL and call["method"] == "Create")
    assert label["preview"]
    assert "example.internal" not in json.dumps(label["inputs"])
    assert engine.doubles.world.objects() == {}


def test_a_secret_reaches_the_provider_as_a_secret_and_is_in_no_state_in_plain(engine: Engine) -> None:
    engine.config["inline:password"] = engine.encrypted("correct-horse-battery")
    engine.up().require()
    created = next(call for call in engine.doubles.world.calls() if call["token"] == DISK and not call["preview"])
    assert created["secrets"] == ["password"]
    assert "correct-horse-battery" not in json.dumps(engine.doubles.world.calls())

    key = engine.outputs(show_secrets=True)["key"]
    assert isinstance(key, str)
    assert key.startswith("key-")
    assert engine.outputs()["key"] == "[secret]"
    for text in (engine.export(), *(path.read_text() for path in (engine.folder / "backend").rglob("*.json"))):
        assert "correct-horse-battery" not in text
        assert key not in text


def test_a_create_that_the_cloud_refuses_fails_the_update_and_keeps_what_exists(engine: Engine) -> None:
    engine.up().require()
    engine.config["inline:disk"] = {"size": 10, "zone": "b"}
    engine.doubles.install("random", table(Rule(immutable=("zone",), fails_to_create="quota of 1 disk is used up")))
    failed = engine.up().require_failure()
    assert failed.step("disk").failed
    assert any("quota of 1 disk is used up" in message for message in failed.errors)
    assert {str(item["type"]) for item in engine.resources()} >= {DISK, LABEL}
    assert len(engine.doubles.world.objects()) == 2


@pytest.mark.parametrize(
    ("disk", "message"),
    [
        ({"zone": "a"}, "Missing required property 'size'"),
        ({"size": 1, "sise": 2}, "has no 'sise'"),
    ],
)
def test_an_input_that_the_cloud_would_refuse_is_refused_in_the_preview(
    engine: Engine, disk: dict[str, object], message: str
) -> None:
    engine.config["inline:disk"] = disk
    refused = engine.preview().require_failure()
    assert message in refused.output


def test_a_fixed_name_cannot_be_replaced_before_the_old_object_is_gone(engine: Engine) -> None:
    engine.config["inline:disk"] = {"size": 1, "zone": "a", "name": "fixed"}
    engine.up().require()
    engine.config["inline:disk"] = {"size": 1, "zone": "b", "name": "fixed"}
    assert "already exists" in engine.up().require_failure().output


def test_an_object_deleted_behind_the_engines_back_is_noticed_and_made_again(engine: Engine) -> None:
    engine.up().require()
    world = engine.doubles.world
    world.remove(next(key for key, item in world.objects().items() if item["type"] == DISK))
    assert engine.refresh().require().changed("delete") == ["disk"]
    assert engine.up().require().changed("create") == ["disk"]


def test_a_guarded_object_survives_destroy_until_an_update_takes_the_guard_off(engine: Engine) -> None:
    engine.config["inline:disk"] = {"size": 1, "guarded": True}
    engine.up().require()
    assert "switch that off first" in engine.destroy().require_failure().output
    engine.config["inline:disk"] = {"size": 1, "guarded": False}
    engine.up().require()
    engine.destroy().require()
    assert engine.doubles.world.objects() == {}


def test_an_input_that_the_provider_keeps_stays_when_the_program_gives_none_any_more(engine: Engine) -> None:
    engine.doubles.install("random", table(dataclasses.replace(DISK_RULE, kept=("zone",))))
    engine.up().require()
    engine.config["inline:disk"] = {"size": 10}
    assert engine.preview().require().changes == ()
    engine.config["inline:disk"] = {"size": 10, "zone": "b"}
    assert engine.preview().require().changed("replace") == ["disk"]


def test_a_type_without_a_rule_is_an_error_and_never_a_silent_success(engine: Engine) -> None:
    engine.doubles.install("random", Table(resources={DISK: DISK_RULE}))
    assert f"has no rule for {LABEL}" in engine.up().require_failure().output
