"""The double of the provider that makes passwords: each is new, stays as it is, and is a secret."""

from __future__ import annotations

from tests.engine.doubles.rules import Rule, Table
from tests.engine.doubles.tables.sdk import with_inputs_of_sdk

_RULES = {
    "random:index/randomPassword:RandomPassword": Rule(
        immutable=("length", "special", "upper", "lower", "numeric", "keepers", "overrideSpecial"),
        outputs={"result": "${word}", "bcryptHash": "$2a$10$${digest}"},
        secret=("result", "bcryptHash"),
        id="none-${short}",
    ),
    "random:index/randomId:RandomId": Rule(
        immutable=("byteLength", "keepers", "prefix"),
        outputs={"hex": "${short}", "dec": "${number}", "b64Std": "${short}", "b64Url": "${short}"},
        id="${short}",
    ),
}

RANDOM = Table(resources={token: with_inputs_of_sdk(token, rule) for token, rule in _RULES.items()})
