"""The double of the builder and its registry: builds again whenever it would, each time another image.

Builds are not reproducible, so no two have the same digest; and the registry's tags are immutable.
"""

from __future__ import annotations

from tests.engine.doubles.rules import Rule, Table
from tests.engine.doubles.tables.sdk import with_inputs_of_sdk

IMAGE = "docker-build:index:Image"

_RULE = Rule(
    follows={
        "digest": "sha256:${digest}",
        "contextHash": "${contents}",
        "ref": "registry.example/image@sha256:${digest}",
    },
    reads="context.location",
    taken_for_good="tags",
    id="image-${short}",
)

DOCKER_BUILD = Table(resources={IMAGE: with_inputs_of_sdk(IMAGE, _RULE)})
