"""The migration task: `alembic upgrade head` of the release, once per digest, before anything of it serves.

It runs as a resource's creation, so it shows in the preview, stops the rollout when it fails, and is tried again by
the next update. Deleting the resource does nothing: `destroy` and `refresh` never migrate.
"""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

from components.contracts import DeploymentError, ReleaseHandle, SecretReferences
from components.dynamic import plain_errors
from components.local.process import ProcessSpec, process_properties
from components.naming import short
from components.workload import WorkloadSpec

LOG_LINES = 30


class _MigrationProvider(ResourceProvider):
    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Only another digest is another migration; a changed environment or path is not."""
        changed = _olds["digest"] != _news["digest"]
        return DiffResult(changes=changed, replaces=["digest"] if changed else [])

    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        report = run_migration(ProcessSpec.of(props, "migrate"), seconds=int(props["seconds"]))
        return CreateResult(id_=short(props["digest"]), outs={**props, "report": report})


def run_migration(process: ProcessSpec, *, seconds: int) -> str:
    """Runs the release's migration to its end and returns its last line.

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
        raise DeploymentError(_failed(process, what, _without(hidden, output))) from None
    except OSError as error:
        raise DeploymentError(_failed(process, f"could not be started ({program}: {error.strerror})", "")) from None
    output = _without(hidden, done.stdout)
    if done.returncode != 0:
        raise DeploymentError(_failed(process, f"failed with exit code {done.returncode}", output))
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "done"


def _without(secrets: Iterable[str], text: str) -> str:
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text


def _failed(process: ProcessSpec, what: str, output: str) -> str:
    tail = "\n".join(f"  {line}" for line in output.splitlines()[-LOG_LINES:])
    return (
        f"the migration of release {short(process.digest)} {what}, so the release was not deployed; the release that "
        f"served before goes on serving. Correct the migration and deploy again: it is tried again, also with the "
        f"same digest. The end of its log:\n{tail}"
    )


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
