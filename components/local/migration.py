"""The migration task: `alembic upgrade head` of the release, once per digest, before anything of it serves."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from components.contracts import DeploymentError, ReleaseHandle, SecretReferences
from components.local.process import ProcessSpec, process_properties
from components.migration import MigrationProvider, failure
from components.redaction import without
from components.workload import WorkloadSpec


class _MigrationProvider(MigrationProvider):
    def migrate(self, props: Mapping[str, Any]) -> Sequence[str]:
        return run_migration(ProcessSpec.of(props, "migrate"), seconds=int(props["seconds"]))


def run_migration(process: ProcessSpec, *, seconds: int) -> Sequence[str]:
    """Runs the release's migration to its end and returns its log.

    Raises DeploymentError with the log's tail when it fails or takes longer than `seconds`. Should the release print
    one of its secrets, it is taken out here: messages and reports are kept in the stack's state and in logs of CI.
    """
    environment = process.full_environment()
    hidden = [environment[name] for name in process.secrets]
    program = f"{process.programs}/{process.command[0]}"
    try:
        done = subprocess.run(
            list(process.command),
            cwd=process.release,
            env=environment,
            executable=program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        output = error.stdout.decode("utf-8", "replace") if isinstance(error.stdout, bytes) else error.stdout or ""
        what = f"did not end within {seconds} s and was stopped"
        raise DeploymentError(failure(process.digest, what, without(hidden, output).splitlines())) from None
    except OSError as error:
        what = f"could not be started ({program}: {error.strerror})"
        raise DeploymentError(failure(process.digest, what, [])) from None
    log = without(hidden, done.stdout).splitlines()
    if done.returncode != 0:
        raise DeploymentError(failure(process.digest, f"failed with exit code {done.returncode}", log))
    return log


class _Task(Resource, module="local", name="MigrationTask"):
    report: pulumi.Output[str]

    def __init__(self, name: str, *, args: "MigrationArgs", opts: pulumi.ResourceOptions) -> None:
        workload, release = args.workload, args.release
        props: dict[str, Any] = {
            "digest": release.digest,
            "release": release.location,
            "programs": args.programs,
            "environment": workload.environment_for(release.digest),
            "migrate": process_properties(workload.migrate, args.secrets),
            "seconds": args.seconds,
            "report": None,
        }
        super().__init__(_MigrationProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    """Of `secrets` the migration is handed those that it names; `seconds` is how long it may take."""

    workload: WorkloadSpec
    release: ReleaseHandle
    programs: pulumi.Input[str]
    secrets: SecretReferences
    seconds: int


class Migration(pulumi.ComponentResource):
    """The release's migration; `report` is its last line, known once the database is ready for the release."""

    report: pulumi.Output[str]

    def __init__(self, name: str, args: MigrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:local:Migration", name, None, opts)
        task = _Task(f"{name}-task", args=args, opts=pulumi.ResourceOptions(parent=self))
        self.report = task.report
        self.register_outputs({"report": task.report})
