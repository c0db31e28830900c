"""The services of the fake ECS: their revisions and deployments, and the target groups in which users meet them."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

Answer = dict[str, object]
Request = dict[str, object]
Revision = dict[str, object]
"""`taskDefinition`, `networkConfiguration` and `loadBalancers` of a service, in the words of ECS's API."""


class Declared(Protocol):
    """What the provider has told AWS."""

    def revision_of(self, service: str) -> Revision | None:
        """What a service (its ARN) should run, and how it is reached; None when there is no such service."""
        ...

    def images_of(self, task_definition: str) -> Mapping[str, str]:
        """By container, the image in a task definition (its ARN); empty when there is no such definition."""
        ...

    def rules_of(self, listener: str) -> Mapping[str, Mapping[str, int]] | None:
        """By rule, the weights of target groups that a listener began with; None when there is no such listener."""
        ...


@dataclass(kw_only=True)
class Deployment:
    """One service deployment: what it was to bring, what ran before, and how it ended."""

    arn: str
    target: Revision
    source: Deployment | None
    status: str
    reason: str
    created: float = field(default_factory=time.time)

    @property
    def revision(self) -> str:
        """The ARN of its revision."""
        return self.arn.replace(":service-deployment/", ":service-revision/")


class FakeServices:
    """`rollbacks` are taken one by one; without any, all goes well."""

    def __init__(self, declared: Declared) -> None:
        # Why the next deployments are given up; the service then goes on with what it ran before.
        self.rollbacks: list[str] = []
        self.deployments: dict[str, list[Deployment]] = {}
        self._declared = declared
        self._seen: dict[str, Revision] = {}
        # By service the group of its tasks; by rule the group that ECS leads users to.
        self._groups: dict[str, str] = {}
        self._users: dict[str, str] = {}

    def running(self, service: str) -> Deployment | None:
        """What a service runs, which is not what it should run after a rollback."""
        good = [one for one in self.deployments.get(service, []) if one.status == "SUCCESSFUL"]
        return good[-1] if good else None

    def serving(self, service: str) -> str | None:
        """The task definition that a service runs."""
        found = self.running(service)
        return None if found is None else str(found.target["taskDefinition"])

    def deploy_again(self, service: str) -> None:
        """What somebody's own `aws ecs update-service --force-new-deployment` does, until it has ended."""
        self.update({"service": service})
        self._end(service, self.deployments[service][-1])

    def weights(self, listener: str) -> Mapping[str, Mapping[str, int]] | None:
        """By rule of a listener, the weights of its target groups now."""
        rules = self._declared.rules_of(listener)
        if rules is None:
            return None
        return {
            rule: {group: 100 * (group == self._users[rule]) for group in groups} if rule in self._users else groups
            for rule, groups in rules.items()
        }

    def _notice(self, service: str) -> list[Deployment]:
        """The deployments of a service, with one more if the provider has told it something else."""
        wanted = self._declared.revision_of(service)
        if wanted is not None and wanted != self._seen.get(service):
            self._seen[service] = wanted
            self._begin(service, wanted)
        return self.deployments.setdefault(service, [])

    def _begin(self, service: str, target: Revision) -> None:
        one = Deployment(
            arn=f"{service.replace(':service/', ':service-deployment/')}/{uuid.uuid4().hex[:20]}",
            target=target,
            source=self.running(service),
            # Nobody sees a deployment end before it has begun.
            status="IN_PROGRESS",
            reason=self.rollbacks.pop(0) if self.rollbacks else "",
        )
        self.deployments.setdefault(service, []).append(one)

    def _end(self, service: str, one: Deployment) -> None:
        one.status = "ROLLBACK_SUCCESSFUL" if one.reason else "SUCCESSFUL"
        if not one.reason:
            self._move_users(service, cast("list[Mapping[str, object]]", one.target["loadBalancers"])[0])

    def _move_users(self, service: str, balancer: Mapping[str, object]) -> None:
        """A rolling service has its first group; else ECS uses the other one each time, and leads users there.

        A new service counts as one in its first group: ECS was seen to begin with the second.
        """
        first, more = str(balancer["targetGroupArn"]), cast("dict[str, str]", balancer.get("advancedConfiguration", {}))
        if not more:
            self._groups[service] = first
            return
        before = self._groups.get(service, first)
        self._groups[service] = more["alternateTargetGroupArn"] if before == first else first
        self._users[more["productionListenerRule"]] = self._groups[service]

    def describe(self, request: Request) -> Answer:
        found: list[Answer] = []
        for service in cast("list[str]", request["services"]):
            known = self._notice(service)
            primary = {"status": "PRIMARY", "taskDefinition": self.serving(service), "rolloutState": "COMPLETED"}
            events = [
                {"id": uuid.uuid4().hex, "createdAt": one.created, "message": f"(service) {one.reason}"}
                for one in reversed(known)
                if one.reason
            ]
            found.append({"serviceArn": service, "deployments": [primary] if known else [], "events": events})
        return {"services": found, "failures": []}

    def update(self, request: Request) -> Answer:
        """What is not named stays as it is, which after a rollback is what it was before."""
        service = str(request["service"])
        self._notice(service)
        now = self.running(service)
        keys = ("taskDefinition", "networkConfiguration", "loadBalancers")
        self._begin(service, {**(now.target if now else {}), **{key: request[key] for key in keys if key in request}})
        return {"service": {"serviceArn": service}}

    def list_deployments(self, request: Request) -> Answer:
        service = str(request["service"])
        return {
            "serviceDeployments": [
                {
                    "serviceDeploymentArn": one.arn,
                    "serviceArn": service,
                    "createdAt": one.created,
                    "targetServiceRevisionArn": one.revision,
                    "status": one.status,
                }
                for one in reversed(self._notice(service))
            ]
        }

    def describe_deployments(self, request: Request) -> Answer:
        arns = cast("list[str]", request["serviceDeploymentArns"])
        found = [(service, one) for service, known in self.deployments.items() for one in known if one.arn in arns]
        for service, one in found:
            if one.status == "IN_PROGRESS":
                self._end(service, one)
        return {"serviceDeployments": [_deployment(service, one) for service, one in found], "failures": []}

    def describe_revisions(self, request: Request) -> Answer:
        arns = cast("list[str]", request["serviceRevisionArns"])
        found: list[Answer] = []
        for one in (one for known in self.deployments.values() for one in known if one.revision in arns):
            images = [
                {"containerName": name, "image": image, "imageDigest": image.partition("@")[2]}
                for name, image in self._declared.images_of(str(one.target["taskDefinition"])).items()
            ]
            found.append({"serviceRevisionArn": one.revision, "containerImages": images, **one.target})
        return {"serviceRevisions": found, "failures": []}


def _deployment(service: str, one: Deployment) -> Answer:
    answer: Answer = {
        "serviceDeploymentArn": one.arn,
        "serviceArn": service,
        "createdAt": one.created,
        "status": one.status,
        "targetServiceRevision": {"arn": one.revision, "runningTaskCount": 0 if one.reason else 1},
        "sourceServiceRevisions": [],
    }
    if one.source is not None:
        source = {"arn": one.source.revision, "runningTaskCount": 1 if one.reason else 0}
        answer["sourceServiceRevisions"] = [source]
    if one.reason:
        back = {} if one.source is None else {"serviceRevisionArn": one.source.revision}
        answer["statusReason"] = one.reason
        answer["rollback"] = {"reason": one.reason, "startedAt": one.created, **back}
    return answer
