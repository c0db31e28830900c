"""One resource provider for every cloud: it does what its table says, and refuses what its table refuses.

The engine starts it as `pulumi-resource-<package>`; see `Doubles` in the harness for the launcher.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
import time
from concurrent import futures
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from google.protobuf import struct_pb2
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.engine.doubles import wire
from tests.engine.doubles.facts import contents_of, facts_of
from tests.engine.doubles.rules import Rule, Table
from tests.engine.doubles.world import Call, World

if TYPE_CHECKING:
    from typing import NoReturn

    from tests.engine.doubles.wire import Json, Properties


class Double(provider_pb2_grpc.ResourceProviderServicer):
    """A provider told by a table."""

    def __init__(self, package: str, table: Table, world: World) -> None:
        self._package = package
        self._table = table
        self._world = world

    def Handshake(  # noqa: N802 - the protocol's names, here and below
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        return plugin_pb2.PluginInfo(version="999.0.0")

    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        changed = wire.changed_paths(wire.from_struct(request.olds), wire.from_struct(request.news))
        kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=kind, diffs=_tops(changed))

    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        self._record("Configure", self._package, "", wire.from_struct(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        arguments = wire.from_struct(request.args)
        self._record("Invoke", request.tok, "", arguments)
        answer = self._table.functions.get(request.tok)
        if answer is None:
            _refuse(context, f"The double of {self._package} has no function {request.tok}: add it to its table.")
        response = provider_pb2.InvokeResponse()
        # The field's name is a keyword of Python.
        result: struct_pb2.Struct = getattr(response, "return")
        result.CopyFrom(wire.to_struct(_filled(context, dict(answer), {"args": arguments})))
        return response

    def Check(  # noqa: N802
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        token, name = _parts(request.urn)
        rule = self._rule(token, context)
        given, before = wire.from_struct(request.news), wire.from_struct(request.olds)
        inputs = {**rule.defaults, **{key: before[key] for key in rule.kept if key in before}, **given}
        failures = [
            provider_pb2.CheckFailure(property=key, reason=f"Missing required property '{key}'")
            for key in rule.required
            if inputs.get(key) is None
        ]
        if rule.allowed is not None:
            unknown = sorted(key for key in inputs if key not in rule.allowed and not key.startswith("__"))
            failures += [provider_pb2.CheckFailure(property=key, reason=f"{token} has no '{key}'") for key in unknown]
        if rule.autoname is not None and wire.at(inputs, rule.autoname) is None:
            old = wire.at(before, rule.autoname)
            seed = hashlib.sha256(request.urn.encode() + request.randomSeed).hexdigest()
            inputs = wire.with_at(inputs, rule.autoname, old or f"{name}-{seed[:7]}")
        return provider_pb2.CheckResponse(inputs=wire.to_struct(inputs), failures=failures)

    def Diff(  # noqa: N802
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        rule = self._rule(_parts(request.urn)[0], context)
        changed = wire.changed_paths(wire.from_struct(request.old_inputs), wire.from_struct(request.news))
        if rule.reads and wire.from_struct(request.olds).get("contextHash") != _contents(
            context, rule, wire.from_struct(request.news)
        ):
            changed.append(rule.reads)
        # An immutable field counts when it, something in it, or something around it changed.
        replaces = [
            path for path in changed if any(_within(path, fixed) or _within(fixed, path) for fixed in rule.immutable)
        ]
        found = self._world.objects().get(_key(_parts(request.urn)[0], request.id))
        if rule.replaced_when is not None and found is not None and wire.at(found["state"], rule.replaced_when):
            replaces, changed = [rule.replaced_when], [*changed, rule.replaced_when]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=_tops(changed),
            replaces=_tops(replaces),
            deleteBeforeReplace=rule.delete_before_replace,
        )

    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        token, name = _parts(request.urn)
        rule = self._rule(token, context)
        inputs = wire.from_struct(request.properties)
        self._record("Create", token, request.urn, inputs, preview=request.preview)
        if request.preview:
            unknown: Properties = dict.fromkeys((*rule.outputs, *rule.follows), wire.UNKNOWN)
            return provider_pb2.CreateResponse(
                properties=wire.to_struct(_declared(rule, wire.laid_over(inputs, unknown)))
            )
        if rule.fails_to_create is not None:
            _refuse(context, rule.fails_to_create)
        facts = {**facts_of(name, request.urn, inputs), "contents": _contents(context, rule, inputs)}
        self._take(context, rule, inputs)
        facts["id"] = wire.plain(_value(context, rule.id, facts))
        computed = _filled(context, {**rule.outputs, **rule.follows}, facts)
        state = _declared(rule, wire.laid_over(inputs, computed))
        if not self._world.claim(
            _key(token, str(facts["id"])), {"type": token, "inputs": inputs, "state": state}, rule.unique
        ):
            _refuse(context, f"{token} {wire.redacted(inputs.get(rule.unique or ''))!r} already exists")
        return provider_pb2.CreateResponse(id=str(facts["id"]), properties=wire.to_struct(state))

    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        token, name = _parts(request.urn)
        rule = self._rule(token, context)
        inputs = wire.from_struct(request.news)
        self._record("Update", token, request.urn, inputs, preview=request.preview)
        old = wire.from_struct(request.olds)
        kept = {path: wire.at(old, path) for path in rule.outputs}
        follows: Properties = dict.fromkeys(rule.follows, wire.UNKNOWN)
        if not request.preview:
            self._take(context, rule, inputs)
            facts = {**facts_of(name, request.urn, inputs), "contents": _contents(context, rule, inputs)}
            follows = _filled(context, dict(rule.follows), {**facts, "id": request.id})
        state = _declared(rule, wire.laid_over(inputs, {**kept, **follows}))
        if not request.preview:
            if rule.fails_to_update is not None:
                _refuse(context, rule.fails_to_update)
            if _key(token, request.id) not in self._world.objects():
                _refuse(context, f"{token} {request.id} does not exist any more")
            self._world.put(_key(token, request.id), {"type": token, "inputs": inputs, "state": state})
        return provider_pb2.UpdateResponse(properties=wire.to_struct(state))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> Empty:  # noqa: N802
        token, _ = _parts(request.urn)
        rule = self._rule(token, context)
        self._record("Delete", token, request.urn, wire.from_struct(request.old_inputs))
        if rule.fails_to_delete is not None:
            _refuse(context, rule.fails_to_delete)
        found = self._world.objects().get(_key(token, request.id))
        if found is not None and rule.guarded_by and wire.plain(found["inputs"].get(rule.guarded_by)) is True:
            _refuse(context, f"{token} {request.id} is protected by {rule.guarded_by}; switch that off first")
        self._world.remove(_key(token, request.id))
        return Empty()

    def Read(  # noqa: N802
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        token, _ = _parts(request.urn)
        self._record("Read", token, request.urn, {})
        found = self._world.objects().get(_key(token, request.id))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id, inputs=wire.to_struct(found["inputs"]), properties=wire.to_struct(found["state"])
        )

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:  # noqa: N802
        return Empty()

    def _rule(self, token: str, context: grpc.ServicerContext) -> Rule:
        rule = self._table.resources.get(token)
        if rule is None:
            _refuse(context, f"The double of {self._package} has no rule for {token}: add it to its table.")
        return rule

    def _take(self, context: grpc.ServicerContext, rule: Rule, inputs: Properties) -> None:
        wanted = wire.plain(inputs.get(rule.taken_for_good or ""))
        names = [str(name) for name in wanted] if isinstance(wanted, list) else []
        if (known := self._world.take(names)) is not None:
            _refuse(context, f"{known} was taken before and cannot be overwritten because the tag is immutable")

    def _record(self, method: str, token: str, urn: str, inputs: Properties, *, preview: bool = False) -> None:
        call: Call = {
            "package": self._package,
            "method": method,
            "token": token,
            "urn": urn,
            "preview": preview,
            "inputs": wire.redacted(inputs),
            "secrets": sorted(key for key, value in inputs.items() if wire.has_secret(value)),
        }
        self._world.record(call)


def _key(token: str, identifier: str) -> str:
    """What tells objects apart in the world: clouds give things of different types the same id."""
    return f"{token} {identifier}"


def _contents(context: grpc.ServicerContext, rule: Rule, inputs: Properties) -> str:
    try:
        return contents_of(rule, inputs)
    except ValueError as error:
        _refuse(context, str(error))


def _refuse(context: grpc.ServicerContext, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort always raises")


def _value(context: grpc.ServicerContext, template: Json, facts: Properties) -> Json:
    try:
        return wire.rendered(template, facts)
    except KeyError as error:
        _refuse(context, f"The double's table names {error}, which is not there; it has {sorted(facts)}.")


def _filled(context: grpc.ServicerContext, template: Properties, facts: Properties) -> Properties:
    return {key: _value(context, value, facts) for key, value in template.items()}


def _declared(rule: Rule, state: Properties) -> Properties:
    """Mark as secret what the provider's schema declares secret."""
    return {
        key: wire.secret(value) if key in rule.secret and value != wire.UNKNOWN else value
        for key, value in state.items()
    }


def _parts(urn: str) -> tuple[str, str]:
    """Return type and logical name of a URN; the type of a child follows its parents' types after a `$`."""
    types, name = urn.split("::", 3)[2:]
    return types.rsplit("$", 1)[-1], name


def _within(path: str, outer: str) -> bool:
    return path == outer or path.startswith(f"{outer}.")


def _tops(paths: list[str]) -> list[str]:
    return list(dict.fromkeys(path.split(".", 1)[0] for path in paths))


def _leave(number: int, frame: object) -> None:
    # At once: waiting for open calls would cost the engine's grace period.
    os._exit(0)


def main() -> None:
    """Serve until the engine asks to stop or is gone."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--package", required=True)
    parser.add_argument("--table", required=True, type=Path)
    parser.add_argument("--world", required=True, type=Path)
    options, _ = parser.parse_known_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    parent = os.getppid()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    double = Double(options.package, Table.read(options.table), World(folder=options.world))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(double, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    main()
