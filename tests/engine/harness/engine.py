"""Runs the real command line on a program, with everything it writes in one folder."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import yaml

from tests.engine.harness.doubles import Doubles
from tests.engine.harness.results import EngineFailureError, Planned, Result, read_events, read_planned

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_SECONDS = 240.0


class StateResource(dict[str, object]):
    """One resource of an exported state, by its JSON keys (`urn`, `type`, `inputs`, `outputs`, ...)."""


@dataclass(kw_only=True)
class Engine:
    """One stack of one program with a backend of its own. `create` makes it; `config` may change between runs."""

    folder: Path
    program: Path
    pulumi: Path
    stack: str
    # Fully qualified keys (`rag:cloud`), values as in a stack file.
    config: dict[str, object]
    variables: dict[str, str] = field(default_factory=dict[str, str])
    _salt: str = ""
    _runs: int = 0
    _log: Path | None = None

    @staticmethod
    def create(
        *, folder: Path, program: Path, pulumi: Path, stack: str = "test", config: Mapping[str, object] | None = None
    ) -> Engine:
        """Make the backend and the stack; raises EngineFailureError when the engine cannot."""
        engine = Engine(folder=folder, program=program, pulumi=pulumi, stack=stack, config=dict(config or {}))
        for name in ("backend", "home", "doubles"):
            (folder / name).mkdir(parents=True)
        engine.passphrase_file.write_text(secrets.token_urlsafe(24))
        engine.passphrase_file.chmod(0o600)
        # `stack init` writes the stack file beside Pulumi.yaml, so it works on a copy: the program is never written to.
        scratch = folder / "new"
        scratch.mkdir()
        shutil.copyfile(program / "Pulumi.yaml", scratch / "Pulumi.yaml")
        command = ("stack", "init", stack, "--secrets-provider", "passphrase", "--non-interactive")
        engine._run(command, folder=scratch).require()
        document = yaml.safe_load((scratch / f"Pulumi.{stack}.yaml").read_text())
        engine._salt = str(document["encryptionsalt"])
        return engine

    @staticmethod
    def inline(
        *, folder: Path, source: str, pulumi: Path, config: Mapping[str, object] | None = None, options: str = ""
    ) -> Engine:
        """Make a stack of a program given as text; `options` are the runtime's, in YAML's flow style."""
        program = folder / "program"
        program.mkdir()
        (program / "Pulumi.yaml").write_text(f"name: inline\nruntime: {{name: python, options: {{{options}}}}}\n")
        (program / "__main__.py").write_text(source)
        return Engine.create(folder=folder / "engine", program=program, pulumi=pulumi, config=config)

    @property
    def passphrase_file(self) -> Path:
        """What the state's secrets are encrypted with."""
        return self.folder / "passphrase"

    @property
    def config_file(self) -> Path:
        """The stack file that the next run reads; written anew before each."""
        return self.folder / f"Pulumi.{self.stack}.yaml"

    @property
    def doubles(self) -> Doubles:
        """The doubled providers of this engine; `install` some before a run that needs them."""
        return Doubles(folder=self.folder / "doubles")

    def encrypted(self, value: str) -> dict[str, str]:
        """Return a configuration value as a stack file holds a secret one: `config["rag:key"] = encrypted(...)`."""
        self._write_config()
        scratch = self.config_file.with_suffix(".secret.yaml")
        shutil.copyfile(self.config_file, scratch)
        command = ("config", "set", "--secret", "scratch", value, "--stack", self.stack, "--config-file", str(scratch))
        self._run(command).require()
        found = yaml.safe_load(scratch.read_text())["config"]
        scratch.unlink()
        return next(entry for key, entry in found.items() if key.endswith(":scratch"))

    def up(self, *arguments: str) -> Result:
        """Deploy; extra arguments go to the command line, for example `--policy-pack`, `FOLDER`."""
        return self._deploy("up", "--yes", "--skip-preview", *arguments)

    def preview(self, *arguments: str) -> Result:
        """Show what `up` would do."""
        return self._deploy("preview", *arguments)

    def planned(self) -> tuple[Planned, ...]:
        """Return the resources of the last run, with their inputs; raises EngineFailureError when there was none."""
        if self._log is None:
            raise EngineFailureError("nothing was run yet, so nothing is planned")
        return read_planned(self._log)

    def refresh(self, *arguments: str) -> Result:
        """Read what really exists into the state."""
        return self._deploy("refresh", "--yes", "--skip-preview", *arguments)

    def destroy(self, *arguments: str) -> Result:
        """Remove every resource; the stack itself stays, so that its state can be looked at."""
        return self._deploy("destroy", "--yes", "--skip-preview", *arguments)

    def export(self) -> str:
        """Return the state as text, secrets encrypted, as anybody with access to the backend reads it."""
        return self._run(("stack", "export", "--stack", self.stack)).require().stdout

    def resources(self) -> list[StateResource]:
        """Return the state's resources in order, the stack itself included; empty when nothing was deployed."""
        deployment = json.loads(self.export())["deployment"]
        return [StateResource(item) for item in cast("list[dict[str, object]]", deployment.get("resources") or [])]

    def outputs(self, *, show_secrets: bool = False) -> dict[str, object]:
        """Return the stack's outputs; a secret one is `[secret]` unless shown."""
        command = ("stack", "output", "--json", "--stack", self.stack, *(("--show-secrets",) if show_secrets else ()))
        return cast("dict[str, object]", json.loads(self._run(command).require().stdout))

    def environment(self) -> dict[str, str]:
        """Return the environment of every run: this backend, no network, no question."""
        # Without bytecode every run compiles the clouds' SDKs anew: 8 s of a processor instead of 1 s.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PULUMI_") and name != "PYTHONDONTWRITEBYTECODE"
        }
        search = (str(self.pulumi), str(self.doubles.bin), str(Path(sys.executable).parent), kept.get("PATH", ""))
        return {
            **kept,
            "PATH": os.pathsep.join(search),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.passphrase_file),
            "PULUMI_PYTHON_CMD": sys.executable,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_ERROR_OUTPUT_STRING": "true",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_SUPPRESS_NEO_LINK": "true",
            "GRPC_ENABLE_FORK_SUPPORT": "false",
            **self.variables,
        }

    def _write_config(self) -> None:
        document = {"encryptionsalt": self._salt, "config": self.config}
        self.config_file.write_text(yaml.safe_dump(document, sort_keys=False))

    def _deploy(self, command: str, *arguments: str) -> Result:
        self._write_config()
        self._runs += 1
        log = self._log = self.folder / f"events-{self._runs}-{command}.jsonl"
        options = ("--non-interactive", "--suppress-progress", "--color", "never", "--event-log", str(log))
        config = ("--config-file", str(self.config_file))
        return self._run((command, "--stack", self.stack, *config, *options, *arguments), log=log)

    def _run(self, arguments: tuple[str, ...], *, folder: Path | None = None, log: Path | None = None) -> Result:
        process = subprocess.Popen(
            [str(self.pulumi / "pulumi"), *arguments],
            cwd=folder or self.program,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            raise EngineFailureError(f"{arguments} took more than {RUN_SECONDS:.0f} s:\n{stdout}\n{stderr}") from error
        steps, errors, warnings = read_events(log) if log is not None else ((), (), ())
        return Result(
            command=arguments,
            code=process.returncode,
            stdout=stdout,
            stderr=stderr,
            steps=steps,
            errors=errors,
            warnings=warnings,
        )


class MakeEngine(Protocol):
    """Makes a stack of a program given as text, as `Engine.inline` does."""

    def __call__(self, source: str, config: Mapping[str, object] | None = None, options: str = "") -> Engine: ...
