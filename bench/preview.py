"""`python -m bench.preview`: what the composed program costs a preview, against a flat one of the same resources.

Both run through the real engine with the tests' doubles of the providers, in turn. The flat program registers the same
resources of the same types with the same inputs and the same order among them, without components: it is the floor.
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
from tests.contracts.aws_recording import USUAL
from tests.contracts.recorder import record
from tests.engine.doubles import wire
from tests.engine.doubles.tables import tables_of
from tests.engine.harness import Engine
from tools.configuration import load_document
from tools.plan import prepare_config, stack_file
from tools.pulumi_cli.obtain import bin_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engine.doubles.wire import Json
    from tests.engine.harness import Planned
    from tools.configuration import ConfigDocument

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results"
TARGET_RATIO = 1.5
PACKAGES = {"aws": "pulumi_aws", "kubernetes": "pulumi_kubernetes"}

FLAT = """
import json
from pathlib import Path

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

{imports}


class Nothing(ResourceProvider):
    def create(self, props):
        return CreateResult("id", props)


class Dynamic(Resource, module="flat", name="Dynamic"):
    pass


made = {{}}
for item in json.loads(Path("resources.json").read_text()):
    name, inputs = item["name"], item["inputs"]
    opts = pulumi.ResourceOptions(depends_on=[made[needed] for needed in item["after"]])
    if item["type"].startswith("pulumi-python:"):
        made[name] = Dynamic(Nothing(), name, inputs, opts)
    else:
        made[name] = pulumi.CustomResource(item["type"], name, inputs, opts)
"""


def needs_of(document: ConfigDocument) -> Mapping[str, set[str]]:
    """By each resource's name, those that must come before it: a flat program would wait for the same."""
    config = cast("dict[str, object]", document["config"])
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    settings = parse_settings(texts, file="the stack file", secret_keys=texts)
    recording = record(lambda: compose(settings), preview=True, calls=USUAL)
    made = {resource.name for resource in recording.resources if resource.custom}
    return {name: recording.needed_by(name) & made - {name} for name in made}


def write_flat_program(folder: Path, resources: Sequence[Planned], cloud: str, needs: Mapping[str, set[str]]) -> None:
    """Write a program that declares these resources, in the same order and nothing else, into `folder`."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: rag\nruntime: python\n")
    # The same SDKs are imported, and the same modules of them: their loading is not ours to save.
    modules = {f"{PACKAGES[cloud]}", *(_module(resource, cloud) for resource in resources)} if cloud in PACKAGES else ()
    imports = "\n".join(f"import {module}" for module in sorted(filter(None, modules)))
    (folder / "__main__.py").write_text(FLAT.format(imports=imports))
    made = [
        {
            "type": resource.type,
            "name": resource.name,
            "inputs": _known(dict(resource.inputs)),
            "after": sorted(needs[resource.name]),
        }
        for resource in sorted(resources, key=lambda found: len(needs.get(found.name, ())))
        if resource.custom
    ]
    (folder / "resources.json").write_text(json.dumps(made))


def _module(resource: Planned, cloud: str) -> str:
    package, path, _ = resource.type.split(":", 2)
    if package != cloud:
        return ""
    return f"{PACKAGES[cloud]}.{path.replace('/', '.') if cloud == 'kubernetes' else path.split('/')[0]}"


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
    write_flat_program(flat.program, resources, str(composed.config["rag:cloud"]), needs_of(document))
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
