"""The real engine in a folder of its own: state, passphrase, configuration and doubles, gone with the test.

engine = Engine.create(folder=tmp_path, program=REPOSITORY, pulumi=pulumi, stack="test", config={...})
result = engine.up().require()
assert result.changed("create") == ["database", "service"]
"""

from tests.engine.harness.doubles import Doubles
from tests.engine.harness.engine import Engine, MakeEngine
from tests.engine.harness.results import EngineFailureError, Planned, Result, Step

__all__ = ["Doubles", "Engine", "EngineFailureError", "MakeEngine", "Planned", "Result", "Step"]
