"""`python -m bench.preview`: what the composed program costs a preview, against a flat one of the same resources.

Both run through the real engine with the tests' doubles of the providers, in turn. The flat program is the floor: it
declares the same resources with the SDK's classes, the same inputs and the same order among them, without components.
It must use those classes as everybody does, because their modules load when a class is first used, and that loading is
the larger part of a preview.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.machine import describe_machine
from stacks import compose
from stacks.settings import parse_settings
from tests.contracts.aws.recording import USUAL
from tests.contracts.recorder import record
from tests.engine.doubles import wire
from tests.engine.doubles.tables import tables_of
from tests.engine.harness import Engine
from tests.sdk import argument_names, class_of, module_of
from tools.configuration import load_document
from tools.plan import prepare_config, stack_file
from tools.pulumi_cli.obtain import bin_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engine.doubles.wire import Json
    from tests.engine.harness import Planned
    from tests.sdk import argument_names, class_of, module_of
from tools.configuration import ConfigDocument

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
TARGET_RATIO = 1.5

FLAT = """
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

{imports}


class Nothing(ResourceProvider):
    def create(self, props):
        return CreateResult("id", props)


class Dynamic(Resource, module="flat", name="Dynamic"):
    pass


made = {{}}


def after(*names):
    return pulumi.ResourceOptions(depends_on=[made[name] for name in names])


{resources}
"""


def needs_of(document: ConfigDocument) -> Mapping[str, set[str]]:
    """By each resource's name, those that must come before it: a flat program would wait for the same."""
    config = cast("dict[str, object]", document["config"])
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    settings = parse_settings(texts, file="the stack file", secret_keys=texts)
    recording = record(lambda: compose(settings), preview=True, calls=USUAL)
    made = {resource.name for resource in recording.resources if resource.custom}
    return {name: recording.needed_by(name) & made - {name} for name in made}


def direct(needs: Mapping[str, set[str]]) -> Mapping[str, set[str]]:
    """The needs that follow from no other: what somebody would write."""
    return {
        name: {one for one in needed if not any(one in needs[other] for other in needed)}
        for name, needed in needs.items()
    }


def write_flat_program(folder: Path, resources: Sequence[Planned], needs: Mapping[str, set[str]]) -> None:
    """Write a program that declares these resources, in the same order and nothing else, into `folder`."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: rag\nruntime: python\n")
    ordered = sorted((one for one in resources if one.custom), key=lambda found: len(needs[found.name]))
    written = direct(needs)
    lines = [_line(resource, sorted(written[resource.name])) for resource in ordered]
    # Only the packages: each loads a module of its own when a class of it is first used, as in any program.
    imports = {f"import {module_of(resource.type).split('.')[0]}" for resource in ordered if not _is_dynamic(resource)}
    program = FLAT.format(imports="\n".join(sorted(imports)), resources="\n".join(lines))
    (folder / "__main__.py").write_text(program)


def _line(resource: Planned, after: Sequence[str]) -> str:
    name, options = repr(resource.name), f"after({', '.join(map(repr, after))})"
    inputs = cast("dict[str, Json]", _known(dict(resource.inputs)))
    if _is_dynamic(resource):
        return f"made[{name}] = Dynamic(Nothing(), {name}, {inputs!r}, {options})"
    cls = class_of(resource.type)
    names = argument_names(cls)
    arguments = "".join(f"{names[key]}={value!r}, " for key, value in inputs.items())
    return f"made[{name}] = {module_of(resource.type)}.{cls.__name__}({name}, {arguments}opts={options})"


def _is_dynamic(resource: Planned) -> bool:
    return resource.type.startswith("pulumi-python:")


def _known(value: Json) -> Json:
    """The value as a program without components could write it: no unknowns, no secret's mark, no provider's code."""
    if wire.is_secret(value):
        return _known(wire.plain(value))
    if isinstance(value, dict):
        return {key: _known(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [_known(item) for item in value]
    return "known-later" if value == wire.UNKNOWN else value


def seconds_of_preview(engine: Engine) -> float:
    """Wall-clock seconds of one preview; raises when it fails."""
    began = time.perf_counter()
    engine.preview().require()
    return time.perf_counter() - began


def run(stack: str, rounds: int, folder: Path) -> dict[str, object]:
    """Measure both programs in turn and print what came of it."""
    machine = describe_machine()
    document = load_document(stack_file(stack))
    composed = Engine.create(folder=folder / "composed", program=ROOT, pulumi=bin_folder(), stack=stack)
    prepare_config(composed, document, folder)
    flat = Engine.create(folder=folder / "flat", program=ROOT, pulumi=bin_folder(), stack=stack)
    for engine in (composed, flat):
        for package, table in tables_of(str(composed.config["rag:cloud"])).items():
            engine.doubles.install(package, table)
    seconds_of_preview(composed)
    resources = composed.planned()
    flat.program = folder / "flat-program"
    write_flat_program(flat.program, resources, needs_of(document))
    seconds_of_preview(flat)
    pairs = [(seconds_of_preview(composed), seconds_of_preview(flat)) for _ in range(rounds)]
    ours, floor = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(one / other for one, other in pairs)
    for name, value in machine.items():
        print(f"{name:12} {value}")
    print(f"{'stack':12} {stack}: {sum(1 for resource in resources if resource.custom)} resources, {rounds} rounds")
    print(f"{'composed':12} {ours:.2f} s  ({', '.join(f'{one:.2f}' for one, _ in pairs)})")
    print(f"{'flat':12} {floor:.2f} s  ({', '.join(f'{other:.2f}' for _, other in pairs)})")
    print(f"{'ratio':12} {ratio:.2f}; target at most {TARGET_RATIO}: {'met' if ratio <= TARGET_RATIO else 'MISSED'}")
    return {"machine": machine, "stack": stack, "pairs": pairs, "ratio": ratio, "target": TARGET_RATIO}


def main() -> int:
    """Measure and write the result; 1 when the target was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.preview", description=__doc__)
    parser.add_argument("--stack", default="prod")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rag-bench-") as folder:
        result = run(options.stack, options.rounds, Path(folder))
    now = datetime.now(tz=UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"preview-{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"measured_at": now.isoformat(), **result}, indent=2) + "\n")
    return 0 if float(str(result["ratio"])) <= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())
