"""The double of the builder: an image's digest follows from what it is built of, so the same source gives the same."""

from __future__ import annotations

from tests.engine.doubles.rules import Rule, Table
from tests.engine.doubles.tables.sdk import with_inputs_of_sdk

IMAGE = "docker-build:index:Image"

_RULE = Rule(
    follows={
        "digest": "sha256:${fingerprint}",
        "contextHash": "${fingerprint}",
        "ref": "registry.example/image@sha256:${fingerprint}",
    },
    id="image-${short}",
)

DOCKER_BUILD = Table(resources={IMAGE: with_inputs_of_sdk(IMAGE, _RULE)})
