"""The service on Kubernetes: a Deployment whose pods hold the web process and the worker, and what it serves.

Both processes scale together and are restarted apart. A release that never becomes ready fails the update, and the old
pods go on serving: none of them is taken away before a new one is ready (`maxUnavailable: 0`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from components.contracts import ReleaseHandle, SecretReferences, ServiceHandle
from components.kubernetes.handles import CertificateAuthority, ClusterAccess, ContainerResources, Place
from components.kubernetes.labels import RELEASE, SERVICE, labels, metadata, name_of, selector
from components.kubernetes.pod import ContainerSpec, plain_container, pod, web_container
from components.kubernetes.rollout import ReadyReplicas
from components.workload import Process, WorkloadSpec

SURGE = "50%"
"""How many pods a rollout may add at a time; the release's time and the connection budget are computed for it."""
KEPT_REPLICA_SETS = 5


@dataclass(frozen=True, kw_only=True)
class AppServiceTimes:
    """In seconds: how long a start may take, how long a pod sleeps before it is stopped and until it is killed, within
    what time one group of pods must be ready, and within what time all of them.
    """

    startup: int
    drain: int
    grace: int
    progress: int
    rollout: int


@dataclass(frozen=True, kw_only=True)
class AppServiceArgs:
    """`environment` is the name of the ConfigMap that all releases share; `url` is where users find the service.

    Of `secrets` each process is handed those that it names. `authority` signed the database's certificate, if it is
    one that the image does not know. `annotations` are the pods'.
    """

    access: ClusterAccess
    place: Place
    workload: WorkloadSpec
    release: ReleaseHandle
    account: pulumi.Input[str]
    environment: pulumi.Input[str]
    secrets: SecretReferences
    url: str
    web: ContainerResources
    worker: ContainerResources
    times: AppServiceTimes
    authority: CertificateAuthority | None = None
    annotations: Mapping[str, str] | None = None


class AppService(pulumi.ComponentResource):
    """The running service. `handle` says what it serves, `deployment` is the Deployment's name."""

    handle: ServiceHandle
    deployment: pulumi.Output[str]

    def __init__(self, name: str, args: AppServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:AppService", name, None, opts)
        limit = f"{args.times.rollout}s"
        deployment = apps.Deployment(
            f"{name}-deployment",
            metadata=metadata(args.place, SERVICE, args.place.name),
            spec=_deployment(args),
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(create=limit, update=limit)),
        )
        self.deployment = name_of(deployment)
        ready = ReadyReplicas(
            f"{name}-replicas",
            access=args.access,
            deployment=deployment,
            digest=args.release.digest,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.handle = ServiceHandle(url=args.url, serving=ready.serving, evidence=ready.evidence)
        self.register_outputs({"url": args.url, "serving": ready.serving})


def _deployment(args: AppServiceArgs) -> apps.DeploymentSpecArgs:
    """Without `replicas`: the autoscaler owns them, and each release would set them back."""
    chosen = selector(args.place, SERVICE)
    return apps.DeploymentSpecArgs(
        selector=LabelSelectorArgs(match_labels=chosen),
        progress_deadline_seconds=args.times.progress,
        revision_history_limit=KEPT_REPLICA_SETS,
        strategy=apps.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=apps.RollingUpdateDeploymentArgs(max_surge=SURGE, max_unavailable=0),
        ),
        template=core.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(
                labels=labels(args.place, SERVICE),
                annotations={**(args.annotations or {}), RELEASE: args.release.digest},
            ),
            spec=_pod(args, chosen),
        ),
    )


def _pod(args: AppServiceArgs, chosen: Mapping[str, str]) -> core.PodSpecArgs:
    web = _container_spec(args, args.workload.web, args.web)
    worker = _container_spec(args, args.workload.worker, args.worker)
    return pod(
        [
            web_container(web, args.workload, startup_seconds=args.times.startup, drain_seconds=args.times.drain),
            plain_container(worker, args.workload),
        ],
        [web, worker],
        args.workload,
        account=args.account,
        restart="Always",
        grace_seconds=args.times.grace,
        spread=chosen,
    )


def _container_spec(args: AppServiceArgs, process: Process, resources: ContainerResources) -> ContainerSpec:
    """The ConfigMap holds what is the same for every release; only the digest stands here."""
    own = {
        name: value
        for name, value in args.workload.environment_for(args.release.digest).items()
        if name not in args.workload.environment
    }
    return ContainerSpec(
        process=process,
        image=args.release.location,
        environment=own,
        shared=args.environment,
        references=args.secrets,
        resources=resources,
        authority=args.authority,
    )
