"""A release that ECS rolls out, as a resource: the update waits for its end, and knows what serves then."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.aws.ecs_api import clients
from components.aws.rollout import EcsRollout, RolloutRequest
from components.aws.service_revision import ServiceRevision
from components.dynamic import plain_errors


class _EcsRolloutProvider(ResourceProvider):
    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_="rollout", outs=_follow(props))

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Followed again when what ECS deploys is another, its way included, and when the last one was not taken."""
        keys = ("region", "cluster", "service", "revision", "strategy", "digest")
        changes = any(_olds.get(key) != _news[key] for key in keys)
        return DiffResult(changes=changes or _olds.get("serving") != _news["digest"])

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_follow(_news))


def _follow(props: Mapping[str, Any]) -> dict[str, Any]:
    ecs, logs = clients(props["region"])
    request = RolloutRequest(
        cluster=props["cluster"],
        service=props["service"],
        digest=props["digest"],
        revision=ServiceRevision.of(props["revision"]),
        worker=props["worker"],
        log_groups=props["log_groups"],
        seconds=int(props["seconds"]),
        back_seconds=int(props["back_seconds"]),
    )
    ended = EcsRollout(ecs, logs, request).follow()
    return {**props, "serving": ended.serving, "evidence": ended.evidence, "deployment": ended.deployment}


@dataclass(frozen=True, kw_only=True)
class FollowedRolloutArgs:
    """The same as a RolloutRequest, before its values are known. `revision` has the keys of a ServiceRevision.

    `strategy` is how ECS replaces tasks, in its own words.
    """

    region: str
    cluster: pulumi.Input[str]
    service: pulumi.Input[str]
    digest: pulumi.Input[str]
    revision: Mapping[str, object]
    strategy: str
    worker: str
    log_groups: Mapping[str, pulumi.Input[str]]
    seconds: int
    back_seconds: int


class FollowedRollout(Resource, module="aws", name="EcsRollout"):
    """A release as ECS ended it: `serving` is the digest that serves, `evidence` why it is not the new one."""

    serving: pulumi.Output[str]
    evidence: pulumi.Output[str]
    deployment: pulumi.Output[str]

    def __init__(self, name: str, *, args: FollowedRolloutArgs, opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {
            "region": args.region,
            "cluster": args.cluster,
            "service": args.service,
            "digest": args.digest,
            "revision": dict(args.revision),
            "strategy": args.strategy,
            "worker": args.worker,
            "log_groups": dict(args.log_groups),
            "seconds": args.seconds,
            "back_seconds": args.back_seconds,
            "serving": None,
            "evidence": None,
            "deployment": None,
        }
        super().__init__(_EcsRolloutProvider(), name, props, opts)
