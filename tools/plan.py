"""`python -m tools.plan --stack NAME`: what a stack would create, without an account, a cluster or a download.

The real engine runs the program against the tests' doubles of the providers, in a temporary folder. No provider
judges what is printed: `make preview` does that, with your credentials.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import yaml

from stacks.settings.reader import no_target
from tests.engine.doubles.tables import tables_of
from tests.engine.harness import Engine
from tools.configuration import ConfigDocument, ConfigError, config_of, load_document
from tools.plan_text import as_text
from tools.pulumi_cli import CliError
from tools.pulumi_cli.obtain import bin_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.engine.harness import Planned

ROOT: Final = Path(__file__).resolve().parents[1]
# Stands for every secret of a stack file, which only its own backend can decrypt. It reads as the one kind of secret
# whose form is judged: a database's URL.
PLACEHOLDER: Final = "postgresql://plan:{}@database.invalid:5432/plan?sslmode=require"
PROGRAM_ENDED: Final = "an unhandled error occurred: Program "


class PlanError(Exception):
    """The stack cannot be planned; the message is the engine's, or says what is missing."""


def stack_file(stack: str, root: Path = ROOT) -> Path:
    """The stack's configuration; raises PlanError with the stacks that there are."""
    path = root / f"Pulumi.{stack}.yaml"
    if not path.is_file():
        known = sorted(file.name.split(".")[1] for file in root.glob("Pulumi.*.yaml"))
        raise PlanError(f"{path.name} does not exist, so there is nothing to plan; the stacks are: {', '.join(known)}")
    return path


def plan(stack: str, folder: Path, *, root: Path = ROOT) -> str:
    """The plan of a stack as text; everything that it needs is made in `folder`. Raises PlanError."""
    return as_text(stack, planned(stack, folder, root=root))


def planned(stack: str, folder: Path, *, root: Path = ROOT) -> Sequence[Planned]:
    """The resources that a stack would create; everything that this needs is made in `folder`. Raises PlanError."""
    file = stack_file(stack, root)
    document = load_document(file)
    config = config_of(document, file.name)
    if "rag:cloud" not in config:
        raise PlanError(no_target(None, file.name))
    engine = Engine.create(folder=folder / "engine", program=root, pulumi=bin_folder(), stack=stack)
    prepare_config(engine, document, folder)
    # A target that does not exist has no doubles; the program itself then says which ones there are.
    for package, table in tables_of(str(config["rag:cloud"])).items():
        engine.doubles.install(package, table)
    result = engine.preview()
    if result.code != 0:
        raise PlanError("\n".join(told(result.errors)) or result.output.strip())
    return engine.planned()


def told(errors: Sequence[str]) -> list[str]:
    """What the program said; the engine's own line below it, that the program ended, tells nothing more."""
    said = [error.strip() for error in errors if not error.startswith(PROGRAM_ENDED)]
    return said or [error.strip() for error in errors]


def prepare_config(engine: Engine, document: ConfigDocument, folder: Path) -> None:
    """Give the engine the stack's configuration, without what only its own backend and its cluster can tell."""
    config = config_of(document, f"Pulumi.{engine.stack}.yaml")
    stand_in = engine.encrypted(PLACEHOLDER.format(secrets.token_hex(8)))
    engine.config.clear()
    engine.config.update(without_a_cluster(with_placeholders(config, stand_in), folder))


def with_placeholders(config: Mapping[str, object], stand_in: object) -> ConfigDocument:
    """The configuration with every encrypted value replaced, at any depth."""
    return {key: _replaced(value, stand_in) for key, value in config.items()}


def _replaced(value: object, stand_in: object) -> object:
    if isinstance(value, dict):
        mapping = cast("ConfigDocument", value)
        return stand_in if set(mapping) == {"secure"} else with_placeholders(mapping, stand_in)
    if isinstance(value, list):
        return [_replaced(item, stand_in) for item in cast("list[object]", value)]
    return value


def without_a_cluster(config: ConfigDocument, folder: Path) -> ConfigDocument:
    """A stack on Kubernetes gets a kubeconfig that reaches nothing, and no question whether operators are there."""
    cluster = config.get("rag:kubernetes")
    if not isinstance(cluster, dict):
        return config
    settings = cast("ConfigDocument", cluster)
    kubeconfig = folder / "kubeconfig"
    context = settings.get("context")
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "plan", "cluster": {"server": "https://127.0.0.1:9"}}],
                "users": [{"name": "plan", "user": {"token": "plan"}}],
                "contexts": [{"name": context, "context": {"cluster": "plan", "user": "plan"}}],
            }
        )
    )
    return {**config, "rag:kubernetes": {**settings, "kubeconfig": str(kubeconfig), "check": False}}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan; 0 when there is one."""
    parser = argparse.ArgumentParser(prog="python -m tools.plan", description=__doc__)
    parser.add_argument("--stack", required=True, help="the stack's name, as in Pulumi.NAME.yaml")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="rag-plan-") as folder:
            sys.stdout.write(plan(options.stack, Path(folder)))
    except (PlanError, ConfigError, CliError) as error:
        sys.stderr.write(f"plan: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
