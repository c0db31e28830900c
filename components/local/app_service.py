"""The service on one machine: the web process in a blue or a green slot, and the worker, under supervisord.

Like the clouds' services it goes back to the old release by itself when the new one never becomes ready, and reports
what it serves. It is the rollout check that makes the update fail then.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.contracts import ReleaseHandle, SecretReferences, ServiceHandle
from components.dynamic import plain_errors
from components.local.files import write_file
from components.local.paths import LocalPaths
from components.local.process import ProcessSpec, process_properties
from components.local.programs import web_program, worker_program
from components.local.slots import Slots
from components.local.supervisor import launcher
from components.local.supervisorctl import Supervisorctl
from components.workload import WorkloadSpec

PROGRAMS = ("web", "worker")


class _ServiceProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="service", outs=_deploy(props, serving="", previous=""))

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """What runs is compared with what should run, so a stopped or replaced process is a difference.

        Another bound of the web processes is none: the Autoscaler changes their number without a restart.
        """
        if _olds["root"] != _news["root"]:
            return DiffResult(changes=True, replaces=["root"], delete_before_replace=True)
        slots = Slots(LocalPaths(Path(_olds["root"])))
        wanted = {key: _news[key] for key in ("digest", "port", "environment", "web", "worker")}
        unchanged = all(_olds[key] == value for key, value in wanted.items())
        web, worker = slots.serving(), slots.worker()
        running = web is not None and web.digest == _olds["digest"] and worker is not None
        return DiffResult(changes=not (unchanged and running))

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_deploy(_news, serving=_olds["serving"], previous=_olds["previous"]))

    @plain_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        paths = LocalPaths(Path(_props["root"]))
        control = Supervisorctl(paths.control_socket)
        if control.running():
            Slots(paths).stop()
        for program in PROGRAMS:
            _program_file(paths, program).unlink(missing_ok=True)
        if control.running():
            control.reload()


def _program_file(paths: LocalPaths, program: str) -> Path:
    return paths.supervisor / "programs" / f"{program}.conf"


def _deploy(props: dict[str, Any], *, serving: str, previous: str) -> dict[str, Any]:
    """Lets the release take over. `serving` and `previous` are what served until now, and before that."""
    paths = LocalPaths(Path(props["root"]))
    words = launcher(props["root"])
    write_file(_program_file(paths, "web"), web_program(paths, launcher=words, port=int(props["port"])))
    write_file(_program_file(paths, "worker"), worker_program(paths, launcher=words))
    Supervisorctl(paths.control_socket).reload()
    slots = Slots(paths)
    _bound(slots, int(props["most_web_processes"]))
    taken = slots.take_over(
        ProcessSpec.of(props, "web"),
        ProcessSpec.of(props, "worker"),
        ready=props["ready"],
        health=props["health"],
        seconds=int(props["startup_seconds"]),
    )
    # A release that never served is nothing to go back to, nor is the one that went on serving in its place.
    replaced = serving and taken.serving and taken.serving != serving
    return {
        **props,
        "serving": taken.serving,
        "evidence": taken.evidence,
        "previous": serving if replaced else previous,
    }


def _bound(slots: Slots, most: int) -> None:
    """Brings a scale of earlier settings down to what the connection budget was computed for.

    A new generation starts with the scale that is on record, beside the old one: both must be within the bound by then.
    """
    scale = slots.scaled_to()
    if scale is not None and scale > most:
        slots.scale(most)


class _Processes(Resource, module="local", name="Processes"):
    serving: pulumi.Output[str]
    evidence: pulumi.Output[str]
    previous: pulumi.Output[str]

    def __init__(self, name: str, *, args: "AppServiceArgs", opts: pulumi.ResourceOptions) -> None:
        workload, release = args.workload, args.release
        props: dict[str, Any] = {
            "root": args.root,
            "digest": release.digest,
            "release": release.location,
            "programs": args.programs,
            "port": workload.port,
            "environment": workload.environment_for(release.digest),
            "web": process_properties(workload.web, args.secrets),
            "worker": process_properties(workload.worker, args.secrets),
            "ready": workload.probes.ready,
            "health": workload.probes.health,
            "startup_seconds": args.startup_seconds,
            "most_web_processes": args.most_web_processes,
            "serving": None,
            "evidence": None,
            "previous": None,
        }
        super().__init__(_ServiceProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class AppServiceArgs:
    """`root` is the state folder; `startup_seconds` is how long a new release may take to become ready.

    `most_web_processes` is the bound of one generation that the connection budget was computed for. Of `secrets` each
    process is handed those that it names.
    """

    root: pulumi.Input[str]
    workload: WorkloadSpec
    release: ReleaseHandle
    programs: pulumi.Input[str]
    secrets: SecretReferences
    startup_seconds: int
    most_web_processes: int


class AppService(pulumi.ComponentResource):
    """The running service: `handle` says what it serves, `previous` what it served before this release."""

    handle: ServiceHandle
    previous: pulumi.Output[str]

    def __init__(self, name: str, args: AppServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:local:AppService", name, None, opts)
        processes = _Processes(f"{name}-processes", args=args, opts=pulumi.ResourceOptions(parent=self))
        url = f"http://127.0.0.1:{args.workload.port}"
        self.handle = ServiceHandle(url=url, serving=processes.serving, evidence=processes.evidence)
        self.previous = processes.previous
        self.register_outputs({"url": url, "serving": processes.serving})
