"""A strict stand-in for Pulumi's engine: it records what a program registers, and refuses what the engine refuses.

Pulumi's own mocks accept duplicate names and never show options. This monitor takes the requests themselves.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
import pytest
from google.protobuf.struct_pb2 import Struct, Value
from pulumi import dynamic
from pulumi.runtime import mocks, rpc

from tests.loop import own_event_loop
from tests.sdk import text_outputs

STACK_TYPE = "pulumi:pulumi:Stack"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource as the engine was asked for it."""

    urn: str
    type: str
    name: str
    custom: bool
    parent: str
    """Its parent's URN; empty below the stack itself."""
    protect: bool
    provider: str
    """The reference of its provider; empty for one that the engine chooses."""
    options: frozenset[str]
    """The names of other options that were given."""
    ignore_changes: tuple[str, ...]
    """The properties whose changes are somebody else's, by the engine's names."""
    dependencies: frozenset[str]
    inputs: Mapping[str, Any]
    plain_texts: frozenset[str]
    """Every text among the inputs that is not marked as a secret, at any depth."""


@dataclass
class Recording:
    """What a program registered."""

    resources: list[Registered] = field(default_factory=list[Registered])
    outputs: list[str] = field(default_factory=list[str])
    plain_outputs: set[str] = field(default_factory=set[str])
    duplicates: list[str] = field(default_factory=list[str])

    def one(self, name: str) -> Registered:
        """The resource of this name."""
        (found,) = [resource for resource in self.resources if resource.name == name]
        return found

    def components(self) -> list[Registered]:
        """The components, in the order of their registration."""
        return [resource for resource in self.resources if not resource.custom]

    def below(self, urn: str) -> Iterator[Registered]:
        """The resources below this one, at any depth."""
        for child in (resource for resource in self.resources if resource.parent == urn):
            yield child
            yield from self.below(child.urn)

    def needed_by(self, name: str) -> set[str]:
        """The names of everything that the engine creates before this resource: its own and its parents' needs."""
        by_urn = {resource.urn: resource for resource in self.resources}
        seen, waiting = set[str](), [self.one(name)]
        while waiting:
            resource = waiting.pop()
            for urn in [*resource.dependencies, resource.parent]:
                if urn and urn not in seen:
                    seen.add(urn)
                    waiting.append(by_urn[urn])
        return {by_urn[urn].name for urn in seen}


def provider_outputs() -> dict[str, set[str]]:
    """By type, the outputs that our dynamic resources declare."""
    classes, found = list(dynamic.Resource.__subclasses__()), dict[str, set[str]]()
    for cls in classes:
        classes.extend(cls.__subclasses__())
        type_name = cast(str, getattr(cls, "_resource_type_name"))  # noqa: B009  # why: Pulumi has no public name for it
        found[f"pulumi-python:{type_name}"] = set(cls.__annotations__)
    return found


Calls = Mapping[str, Mapping[str, object]]
"""The answers of providers' functions, by token. Components may call none; a stack may look up its account."""


class _Outputs(mocks.Mocks):
    """Outputs as a provider gives them: a text that says where it is from, or unknown in a preview."""

    def __init__(self, *, preview: bool, calls: Calls) -> None:
        self._preview = preview
        self._calls = calls

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = cast(dict[str, Any], args.inputs)  # pyright: ignore[reportUnknownMemberType]  # why: a bare dict
        made = (provider_outputs().get(args.typ) or text_outputs(args.typ)) - set(inputs)
        values: dict[str, Any] = {key: self._told(args.name, key) for key in made}
        if args.typ.startswith("kubernetes:") and isinstance(inputs.get("metadata"), dict):
            computed = {key: self._told(args.name, key) for key in ("name", "uid")}
            values["metadata"] = computed | {"generation": rpc.UNKNOWN if self._preview else 1} | inputs["metadata"]
        return None if self._preview else f"{args.name}-id", inputs | values

    def _told(self, name: str, key: str) -> str:
        return rpc.UNKNOWN if self._preview else f"<{name}.{key}>"

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        if args.token not in self._calls:
            raise AssertionError(f"no component may call a provider's function: {args.token}")
        return dict(self._calls[args.token]), []


class StrictMonitor(mocks.MockMonitor):
    """Records requests; refuses a second resource of the same name, as the engine does."""

    def __init__(self, recording: Recording, *, preview: bool, calls: Calls) -> None:
        super().__init__(_Outputs(preview=preview, calls=calls))
        self._recording = recording
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  # why: the base class's name for it
        if request.type != STACK_TYPE:
            urn = self.make_urn(request.parent, request.type, request.name)
            with self._lock:
                if any(resource.urn == urn for resource in self._recording.resources):
                    self._recording.duplicates.append(urn)
                self._recording.resources.append(_registered(urn, request))
        return super().RegisterResource(request)  # pyright: ignore[reportUnknownMemberType]  # why: untyped

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802  # why: the base class's name for it
        if _below_stack(request.urn):
            with self._lock:
                self._recording.outputs.append(request.urn)
                self._recording.plain_outputs.update(_plain_texts(request.outputs))
        return super().RegisterResourceOutputs(request)  # pyright: ignore[reportUnknownMemberType]  # why: untyped


def _below_stack(urn: str) -> bool:
    return bool(urn) and not urn.split("::")[2].endswith(STACK_TYPE)


def _registered(urn: str, request: Any) -> Registered:
    options = {
        "aliases": list(request.aliases) + list(request.aliasURNs),
        "retain_on_delete": request.retainOnDelete,
        "delete_before_replace": request.deleteBeforeReplace,
        "import": request.importId,
    }
    return Registered(
        urn=urn,
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent if _below_stack(request.parent) else "",
        protect=request.protect,
        provider=request.provider,
        options=frozenset(name for name, value in options.items() if value),
        ignore_changes=tuple(request.ignoreChanges),
        dependencies=frozenset(request.dependencies),
        inputs=cast(Mapping[str, Any], rpc.deserialize_properties(request.object)),
        plain_texts=frozenset(_plain_texts(request.object)),
    )


def _plain_texts(struct: Struct) -> Iterator[str]:
    if SIGNATURE in struct.fields and struct.fields[SIGNATURE].string_value == SECRET:
        return
    for value in struct.fields.values():
        yield from _texts_of(value)


def _texts_of(value: Value) -> Iterator[str]:
    if value.HasField("struct_value"):
        yield from _plain_texts(value.struct_value)
    elif value.HasField("list_value"):
        for item in value.list_value.values:
            yield from _texts_of(item)
    elif value.HasField("string_value"):
        yield value.string_value


def record(program: Callable[[], object], *, preview: bool = False, calls: Calls | None = None) -> Recording:
    """Runs a program to its end against the strict monitor and returns what it registered.

    `calls` are the answers of the providers' functions that it may call.

    Raises whatever the program raises, also inside of an `apply`; an f-string around an Output raises too.
    """
    recording = Recording()
    with own_event_loop(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_ERROR_OUTPUT_STRING", "true")
        monitor = StrictMonitor(recording, preview=preview, calls=calls or {})
        mocks.set_mocks(
            _Outputs(preview=preview, calls=calls or {}), project="rag", stack="test", preview=preview, monitor=monitor
        )

        def run() -> None:
            program()

        pulumi.runtime.test(run)()  # pyright: ignore[reportUnknownMemberType]  # why: Pulumi's decorator is untyped
    if recording.duplicates:
        raise AssertionError(f"the engine would refuse a second {recording.duplicates[0]}")
    return recording


def unknown() -> pulumi.Output[str]:
    """An output as a first preview has it."""
    return cast(pulumi.Output[str], pulumi.Output.from_input(pulumi.output.UNKNOWN))
