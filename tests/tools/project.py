"""A small project that the commands work on.

Like the real program it proves each release last, and tells which one it proved before; a `test.broken` release fails.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tools.stack import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TRACKED = {
    "Pulumi.yaml": "name: rag\nruntime: python\n",
    "Pulumi.local.yaml": "config:\n  rag:local:\n    port: 8000 # a comment that must stay\n",
    "__main__.py": """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider, UpdateResult

config = pulumi.Config()
release, test = config.get_object("release") or {}, config.get_object("test") or {}
wanted = release.get("image") or release.get("digest") or "tree"
if test.get("refused") == wanted:
    raise pulumi.RunError("refused before anything is done")


class Provider(ResourceProvider):
    def create(self, props):
        return CreateResult("proof", outs=prove(props, ""))

    def update(self, _id, olds, news):
        same = olds["release"] == news["release"]
        return UpdateResult(outs=prove(news, olds["previous"] if same else olds["release"]))


def prove(props, previous):
    if props["release"] == props["broken"]:
        raise Exception(props["words"])
    return {**props, "previous": previous}


class Proof(Resource):
    previous: pulumi.Output[str]


words = test.get("words") or "the release was taken back"
proof = Proof(
    Provider(), "proof", {"release": wanted, "broken": test.get("broken") or "", "words": words, "previous": None}
)
pulumi.export("port", config.require_object("local")["port"])
pulumi.export("release", release.get("digest") or "tree")
pulumi.export("image", release.get("image"))
pulumi.export("previous_release", proof.previous)
pulumi.export("key", pulumi.Output.secret("key-of-the-house"))
""",
}


def digest(letter: str) -> str:
    """A digest that reads as one."""
    return f"sha256:{letter * 64}"


def outputs(root: Path, capfd: pytest.CaptureFixture[str]) -> dict[str, object]:
    """The outputs of the local stack; what was printed until now is dropped."""
    capfd.readouterr()
    assert main(["output", "--", "--json"], root=root) == 0
    result: dict[str, object] = json.loads(capfd.readouterr().out)
    return result
