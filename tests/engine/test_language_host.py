"""Programs, dynamic providers and plugins run under the language host in use, ours or the vendor's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

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


# What `pulumi_policy` does, without that package: a plugin that serves the engine's analyzer protocol.
POLICY_PACK = """
import sys
import time
from concurrent import futures
import grpc
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

class Pack(analyzer_pb2_grpc.AnalyzerServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")
    def GetAnalyzerInfo(self, request, context):
        return analyzer_pb2.AnalyzerInfo(name="house-rules", version="1.0.0")
    def Configure(self, request, context):
        from google.protobuf.empty_pb2 import Empty
        return Empty()
    def Analyze(self, request, context):
        if request.name != "count" or request.properties["start"] < 100:
            return analyzer_pb2.AnalyzeResponse()
        return analyzer_pb2.AnalyzeResponse(diagnostics=[analyzer_pb2.AnalyzeDiagnostic(
            policyName="small", policyPackName="house-rules", policyPackVersion="1.0.0", description="keep it small",
            message="a counter starts below one hundred", enforcementLevel=analyzer_pb2.MANDATORY, urn=request.urn)])
    def AnalyzeStack(self, request, context):
        return analyzer_pb2.AnalyzeResponse()
    def Remediate(self, request, context):
        return analyzer_pb2.RemediateResponse()

server = grpc.server(futures.ThreadPoolExecutor(4))
analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Pack(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
"""


def test_a_policy_pack_stops_what_it_forbids_and_lets_the_rest_through(
    inline_engine: MakeEngine, tmp_path: Path
) -> None:
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (pack / "__main__.py").write_text(POLICY_PACK)
    engine = inline_engine(DYNAMIC, {"inline:start": 100})
    forbidden = engine.preview("--policy-pack", str(pack)).require_failure()
    assert "a counter starts below one hundred" in forbidden.output
    engine.config["inline:start"] = 99
    assert engine.preview("--policy-pack", str(pack)).require().changed("create") == ["count"]


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
