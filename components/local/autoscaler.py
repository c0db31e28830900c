"""How many web processes one machine runs: by its processors and the bounds, changed without a restart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.contracts import ServiceHandle
from components.dynamic import plain_errors
from components.local.paths import LocalPaths
from components.local.slots import Slots


class _ScaleProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        Slots(LocalPaths(Path(props["root"]))).scale(int(props["workers"]))
        return CreateResult(id_="scale", outs=props)

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        asked = Slots(LocalPaths(Path(_news["root"]))).scaled_to()
        return DiffResult(changes=_olds["root"] != _news["root"] or asked != _news["workers"])

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        Slots(LocalPaths(Path(_news["root"]))).scale(int(_news["workers"]))
        return UpdateResult(outs=_news)


class _Scale(Resource, module="local", name="Scale"):
    workers: pulumi.Output[int]

    def __init__(self, name: str, *, args: "AutoscalerArgs", opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {"root": args.root, "workers": args.workers, "serving": args.service.serving}
        super().__init__(_ScaleProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class AutoscalerArgs:
    """`workers` is the number of web processes that `stacks.capacity.web_workers` decided on."""

    root: pulumi.Input[str]
    service: ServiceHandle
    workers: int


class Autoscaler(pulumi.ComponentResource):
    """Keeps the web process count of the service. One machine cannot add replicas; the settings refuse to be asked."""

    workers: pulumi.Output[int]

    def __init__(self, name: str, args: AutoscalerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:local:Autoscaler", name, None, opts)
        scale = _Scale(f"{name}-scale", args=args, opts=pulumi.ResourceOptions(parent=self))
        self.workers = scale.workers
        self.register_outputs({"workers": scale.workers})
