"""The migration: a Job of the release's own digest, and its outcome with the end of its log.

The Job's name carries the digest, so each release has its own, and one that has run is not run again. There is one at a
time (`delete_before_replace`): else the Job of a release that went wrong would leave its predecessor's behind, and
deploying the predecessor again would meet a Job of the same name, and then delete it as the old one (measured).

Pulumi's provider does not wait for the Job's end: all that it says of a failed one is "BackoffLimitExceeded". The
outcome is awaited by a resource of our own, which reads the log and takes the secrets out of it. A failed Job is found
to be so by the next update (`replaceUnready` looks at the Job itself, and needs no wait), deleted, and created anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import Resource
from pulumi_kubernetes.batch import v1 as batch
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.contracts import ReleaseHandle, SecretReferences, secrets_of
from components.kubernetes.handles import CertificateAuthority, ClusterAccess, ContainerResources, Place
from components.kubernetes.job import await_job
from components.kubernetes.labels import MIGRATION, RELEASE, labels, metadata, name_of
from components.kubernetes.pod import ContainerSpec, plain_container, pod
from components.migration import MigrationProvider
from components.naming import short
from components.workload import WorkloadSpec

READ_BY_MIGRATION = frozenset({"APP_NAME", "BOOTSTRAP_TENANT"})
"""The plain variables that make a difference to a migration. It gets no others: a Job cannot be changed, so every
other value would be a reason to run it again."""
RESOURCES = ContainerResources(requests={"cpu": "100m", "memory": "256Mi"}, limits={"cpu": "1", "memory": "512Mi"})
EXISTS = "jsonpath={.metadata.uid}"
"""What the provider waits for instead of the Job's end. `skipAwait` would not do: with it the provider does not wait
for a deletion either, and the Job created anew under the same name would meet the old one on its way out."""
STOP_SECONDS = 30
"""What a migration whose time is over is given to undo its last step."""


class _JobOutcomeProvider(MigrationProvider):
    keys = ("digest", "job", "uid")
    """Another outcome belongs to another Job: of another digest, or created anew."""

    def migrate(self, props: Mapping[str, Any]) -> Sequence[str]:
        return await_job(
            ClusterAccess(kubeconfig=props["kubeconfig"], context=props["context"]),
            props["namespace"],
            props["job"],
            digest=props["digest"],
            secrets=props["secrets"],
            seconds=int(props["seconds"]),
        )


class _JobOutcome(Resource, module="kubernetes", name="JobOutcome"):
    report: pulumi.Output[str]

    def __init__(self, name: str, *, args: "MigrationArgs", job: batch.Job, opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {
            "kubeconfig": args.access.kubeconfig,
            "context": args.access.context,
            "namespace": job.metadata.apply(lambda found: found.namespace),
            "job": job.metadata.apply(lambda found: found.name),
            "uid": job.metadata.apply(lambda found: found.uid),
            "digest": args.release.digest,
            "secrets": secrets_of(args.workload.migrate, args.secrets),
            "seconds": args.seconds,
            "report": None,
        }
        super().__init__(_JobOutcomeProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class MigrationArgs:
    """Of `secrets` the migration is handed those that it names; `seconds` is how long it may take.

    `authority` signed the database's certificate, if it is one that the image does not know.
    """

    access: ClusterAccess
    place: Place
    workload: WorkloadSpec
    release: ReleaseHandle
    account: pulumi.Input[str]
    secrets: SecretReferences
    seconds: int
    authority: CertificateAuthority | None = None


class Migration(pulumi.ComponentResource):
    """The release's migration; `report` is its last line, known once the database is ready for the release."""

    report: pulumi.Output[str]

    def __init__(self, name: str, args: MigrationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Migration", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        job = batch.Job(
            f"{name}-job",
            metadata=metadata(
                args.place,
                MIGRATION,
                pulumi.Output.from_input(args.release.digest).apply(
                    lambda digest: f"{args.place.name}-migrate-{short(digest)}"
                ),
                {"pulumi.com/replaceUnready": "true", "pulumi.com/waitFor": EXISTS},
            ),
            spec=_job(args),
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        self.report = _JobOutcome(f"{name}-outcome", args=args, job=job, opts=own).report
        self.register_outputs({"job": name_of(job), "report": self.report})


def _job(args: MigrationArgs) -> batch.JobSpecArgs:
    """One attempt: what fails once fails again, and every attempt keeps the release waiting.

    The Job is kept (no `ttlSecondsAfterFinished`): removed by the cluster it would be missing from Pulumi's state.
    """
    container = ContainerSpec(
        process=args.workload.migrate,
        image=args.release.location,
        environment=_environment(args),
        shared=None,
        references=args.secrets,
        resources=RESOURCES,
        authority=args.authority,
    )
    return batch.JobSpecArgs(
        backoff_limit=0,
        completions=1,
        parallelism=1,
        active_deadline_seconds=args.seconds,
        template=core.PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=labels(args.place, MIGRATION), annotations={RELEASE: args.release.digest}),
            spec=pod(
                [plain_container(container, args.workload)],
                [container],
                args.workload,
                account=args.account,
                restart="Never",
                grace_seconds=STOP_SECONDS,
            ),
        ),
    )


def _environment(args: MigrationArgs) -> Mapping[str, pulumi.Input[str]]:
    """What the migration reads of the shared environment, and what differs from release to release."""
    shared = args.workload.environment
    return {
        name: value
        for name, value in args.workload.environment_for(args.release.digest).items()
        if name not in shared or name in READ_BY_MIGRATION
    }
