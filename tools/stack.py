"""`python -m tools.stack COMMAND --stack NAME`: run the engine on a stack, getting the engine first when needed.

The stack `local` keeps its state, passphrase and generated configuration under `.local/pulumi` of the checkout. Any
other stack has your own backend, your own credentials and its tracked file: `preview`, `up` and `destroy` are passed on
to Pulumi, and `rollback` writes the release to go back to into the file and passes on `up`. What stands after `--` goes
to Pulumi as it is.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.advice import LOCAL_ADVICE, ON_PATH
from tools.configuration import ConfigError, load_document
from tools.engine_record import EngineRecord
from tools.engine_run import run_explained, say
from tools.local_state import LocalState, StateError
from tools.other_stack import OtherStack
from tools.pulumi_cli import CliError
from tools.pulumi_cli.obtain import bin_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
LOCAL: Final = "local"
PLAIN_OUTPUT: Final = ("--suppress-progress", "--suppress-permalink=true")
PASSED_ON: Final = ("preview", "up", "rollback", "destroy")
PULUMI_WORDS: Final = {"output": "stack output", "export": "stack export"}
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class LocalStack:
    """The commands on a stack that lives in this checkout."""

    def __init__(self, state: LocalState, pulumi: Path, overrides: dict[str, str], extra: Sequence[str]) -> None:
        self._state = state
        self._overrides = overrides
        self._extra = list(extra)
        self._environment = state.environment(pulumi, sys.executable, os.environ)
        self._pulumi = pulumi / "pulumi"

    def up(self) -> int:
        """Deploy what the working tree and the configuration say."""
        previous = self._state.last_override("rag:release", "digest")
        self._ready()
        self._ensure_stack()
        config = self._state.generate_config(self._overrides)
        if previous is not None and self._state.last_override("rag:release", "digest") is None:
            say(f"the rollback to {previous} is over: this deploys the working tree again")
        return self._run("up", "--yes", "--skip-preview", *PLAIN_OUTPUT, "--config-file", str(config))

    def preview(self) -> int:
        """Show what `up` would do."""
        self._ready()
        self._ensure_stack()
        config = self._state.generate_config(self._overrides, "preview")
        return self._run("preview", *PLAIN_OUTPUT, "--config-file", str(config))

    def refresh(self) -> int:
        """Compare the state with what is really there."""
        self._require_stack()
        arguments = ["--yes", "--skip-preview", *PLAIN_OUTPUT, "--config-file", str(self._state.config_file())]
        return self._run("refresh", *arguments)

    def output(self) -> int:
        """Print the stack's outputs."""
        self._require_stack()
        return self._run("stack", "output")

    def export(self) -> int:
        """Print the state; secrets in it are encrypted."""
        self._require_stack()
        return self._run("stack", "export")

    def cancel(self) -> int:
        """Take away the lock of a run that is over."""
        self._require_stack(unlocked=False)
        return self._run("cancel", "--yes")

    def destroy(self) -> int:
        """Remove everything that the stack made, and then its state."""
        if not self._state.exists:
            if self._state.folder.is_dir():
                self._state.remove()
            say(f"the stack `{self._state.stack}` does not exist; there is nothing to remove")
            return 0
        self._ready()
        # With its preview: otherwise the engine meets a protected database only after it has stopped the service.
        arguments = ["--yes", *PLAIN_OUTPUT, "--config-file", str(self._state.config_file())]
        code = self._run("destroy", *arguments)
        if code == 0:
            self._state.remove()
        return code

    def rollback(self, digest: str | None) -> int:
        """Deploy an earlier release again: the named one, or the one before the present one."""
        self._require_stack()
        target = digest or self._before()
        if target is None:
            say("there is no earlier release to go back to: the stack has had one at most. Nothing was changed.")
            return 1
        if DIGEST.fullmatch(target) is None:
            say(
                f"`{target}` is no release digest; it must be `sha256:` and 64 hexadecimal digits. Nothing was changed."
            )
            return 2
        say(f"going back to {target}; the next `make up` deploys the working tree again")
        self._overrides["release.digest"] = target
        return self.up()

    def _before(self) -> str | None:
        """The release to go back to when none is named; None when there is none."""
        record = EngineRecord(
            stack=self._state.stack,
            root=self._state.root,
            program=self._pulumi,
            environment=self._environment,
            advice=LOCAL_ADVICE,
        )
        before = record.release_before(record.outputs(), proven="release")
        if before.failed and before.release is not None:
            say("the last update failed, so this goes to the last release that users were seen to get")
        return before.release

    def _ready(self) -> None:
        """Prepare folder and passphrase, and deal with locks of runs that were killed."""
        self._state.prepare()
        for lock in self._state.locks():
            if not lock.is_stale():
                raise StateError(
                    f"Another run (process {lock.pid} on {lock.host}) is working on the stack `{self._state.stack}`. "
                    "Wait for it. When you know that it is over, take its lock away with "
                    f"`python -m tools.stack cancel --stack {self._state.stack}`."
                )
            say(f"a killed run (process {lock.pid}) left its lock behind; it is taken away")
            lock.path.unlink(missing_ok=True)

    def _require_stack(self, *, unlocked: bool = True) -> None:
        if not self._state.exists:
            raise StateError(f"The stack `{self._state.stack}` does not exist yet. Create it with `make up`.")
        if unlocked:
            self._ready()
        else:
            self._state.prepare()

    def _ensure_stack(self) -> None:
        """Create the stack when the backend does not know it."""
        if self._state.exists:
            return
        # `stack init` writes the salt beside Pulumi.yaml, so it works on a copy: tracked files never change.
        scratch = self._state.folder / "new"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        shutil.copyfile(self._state.root / "Pulumi.yaml", scratch / "Pulumi.yaml")
        command = [str(self._pulumi), "stack", "init", self._state.stack, "--non-interactive"]
        command += ["--secrets-provider", "passphrase"]
        code = run_explained(command, scratch, self._environment, LOCAL_ADVICE, quiet=True)
        if code != 0:
            raise StateError(f"The stack `{self._state.stack}` could not be created in {self._state.folder}.")
        salt = load_document(scratch / f"Pulumi.{self._state.stack}.yaml").get("encryptionsalt")
        self._state.keep_salt(str(salt))
        shutil.rmtree(scratch)

    def _run(self, *arguments: str) -> int:
        command = [str(self._pulumi), *arguments, "--stack", self._state.stack, "--non-interactive", *self._extra]
        return run_explained(command, self._state.root, self._environment, LOCAL_ADVICE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.stack", description=__doc__)
    commands = ("up", "preview", "destroy", "refresh", "output", "export", "rollback", "cancel")
    parser.add_argument("command", choices=commands)
    parser.add_argument("--stack", default=LOCAL, help="the stack's name (default: %(default)s)")
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="lay a value over the stack file for this run, for example local.port=8080",
    )
    parser.add_argument("--to", metavar="DIGEST", help="with rollback: the release to go back to")
    return parser


def _overrides(pairs: list[str]) -> dict[str, str]:
    result: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise StateError(f"`--config {pair}` has no value; write `--config key.path=value`.")
        result[key] = value
    return result


def _other(options: argparse.Namespace, overrides: dict[str, str], extra: list[str], root: Path) -> int:
    """Run a command on another stack than the local one; raises StateError when it is the user's to run."""
    stack, command = str(options.stack), str(options.command)
    if command not in PASSED_ON:
        raise StateError(
            f"`{command}` works on the stack `{LOCAL}` only. Run `pulumi {PULUMI_WORDS.get(command, command)} --stack "
            f"{stack}`; where there is no pulumi on PATH: {ON_PATH}"
        )
    if overrides:
        raise StateError(f"`--config` works on the stack `{LOCAL}` only. Edit Pulumi.{stack}.yaml: it is the record.")
    return OtherStack(name=stack, root=root, pulumi=bin_folder(), extra=extra).run(command, options.to)


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> int:
    """Run one command and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    split = given.index("--") if "--" in given else len(given)
    options = _parser().parse_args(given[:split])
    extra = given[split + 1 :]
    try:
        overrides = _overrides(options.config)
        if options.stack != LOCAL:
            return _other(options, overrides, extra, root)
        stack = LocalStack(LocalState(root=root, stack=LOCAL), bin_folder(), overrides, extra)
        if options.command == "rollback":
            return stack.rollback(options.to)
        command: Callable[[], int] = getattr(stack, options.command)
        return command()
    except (StateError, ConfigError, CliError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
