"""Waits for a Job's end and tells how it ended, with the end of its pod's log and without the secrets in it."""

import base64
import binascii
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from kubernetes.client import ApiClient, BatchV1Api, CoreV1Api, V1Job, V1Pod
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from components.contracts import DeploymentError
from components.kubernetes.client import NOT_FOUND, TIMEOUT, may_pass, reached, reason_of, status_of
from components.kubernetes.handles import ClusterAccess
from components.migration import LOG_LINES, failure
from components.redaction import without

POLL_SECONDS = 1.0
MARGIN_SECONDS = 30
"""How much longer than the Job's own deadline is waited for the cluster to say that it is over."""


@dataclass
class _Watch:
    """What was last seen of a Job. Its pod, and so its log, is removed when its time is over: so it is read before."""

    client: ApiClient
    namespace: str
    job: str
    hidden: list[str]
    log: str = ""
    waiting: str = ""
    unreadable: str = ""

    def look(self) -> V1Job | None:
        """The Job as it is now, or None when the API server could not be asked just now.

        The end of its log and what its pod waits for are noted on the way.
        """
        try:
            return self._look()
        except (HTTPError, ApiException) as error:
            if not may_pass(error):
                raise
            return None

    def _look(self) -> V1Job:
        found = BatchV1Api(self.client).read_namespaced_job(self.job, self.namespace, _request_timeout=TIMEOUT)
        pods = CoreV1Api(self.client).list_namespaced_pod(
            self.namespace, label_selector=f"job-name={self.job}", _request_timeout=TIMEOUT
        )
        for pod in pods.items:
            self.waiting = _reason_of_waiting(pod)
            self._read_log(pod)
        return found

    def _read_log(self, pod: V1Pod) -> None:
        name = pod.metadata.name if pod.metadata else None
        if not name or not _has_started(pod):
            return
        try:
            text = CoreV1Api(self.client).read_namespaced_pod_log(
                name, self.namespace, tail_lines=LOG_LINES, _request_timeout=TIMEOUT
            )
        except ApiException as error:
            self.unreadable = f"(it could not be read: {reason_of(error)})"
            return
        self.log = without(self.hidden, text)


def await_job(
    access: ClusterAccess, namespace: str, job: str, *, digest: str, secrets: Mapping[str, str], seconds: int
) -> Sequence[str]:
    """Waits until a Job has succeeded and returns the end of its log.

    `secrets` are the environment names that its pod reads, with the Secrets that hold them: their values are taken out
    of the log, because messages and reports are kept in the stack's state and in logs of CI. Raises DeploymentError
    with the end of the log when the Job fails, or does not end within `seconds`.
    """
    with reached(access) as client:
        watch = _Watch(client, namespace, job, list(_values(client, namespace, secrets)))
        deadline = time.monotonic() + seconds + MARGIN_SECONDS
        while True:
            found = watch.look()
            if found and _condition(found, "Complete"):
                return watch.log.splitlines()
            failed = _condition(found, "Failed") if found else ""
            if failed:
                raise DeploymentError(_failed(watch, digest, f"failed ({failed})"))
            if time.monotonic() > deadline:
                raise DeploymentError(_failed(watch, digest, f"did not end within {seconds} s"))
            time.sleep(POLL_SECONDS)


def _condition(job: V1Job, name: str) -> str:
    """Why this condition holds; empty when it does not."""
    conditions = (job.status.conditions if job.status else None) or []
    held = [found for found in conditions if found.type == name and found.status == "True"]
    return (held[0].reason or name) if held else ""


def _has_started(pod: V1Pod) -> bool:
    statuses = (pod.status.container_statuses if pod.status else None) or []
    return any(found.state and (found.state.running or found.state.terminated) for found in statuses)


def _reason_of_waiting(pod: V1Pod) -> str:
    statuses = (pod.status.container_statuses if pod.status else None) or []
    waiting = [found.state.waiting for found in statuses if found.state and found.state.waiting]
    conditions = (pod.status.conditions if pod.status else None) or []
    unscheduled = [found for found in conditions if found.type == "PodScheduled" and found.status == "False"]
    return "; ".join(f"{found.reason}: {found.message or ''}" for found in [*waiting, *unscheduled])


def _values(client: ApiClient, namespace: str, secrets: Mapping[str, str]) -> Iterator[str]:
    """The values that a log must not show: the secrets themselves, and the password inside of a URL."""
    for variable, name in secrets.items():
        try:
            found = CoreV1Api(client).read_namespaced_secret(name, namespace, _request_timeout=TIMEOUT)
        except ApiException as error:
            if status_of(error) == NOT_FOUND:
                continue
            raise
        try:
            value = base64.b64decode((found.data or {}).get(variable, "")).decode()
            password = urlsplit(value).password or ""
        except (binascii.Error, ValueError):
            continue
        yield from (value, password, unquote(password))


def _failed(watch: _Watch, digest: str, what: str) -> str:
    none = f"(it wrote none; `kubectl --namespace {watch.namespace} describe job {watch.job}` says more)"
    return failure(
        digest,
        what,
        (watch.log or watch.unreadable or none).splitlines(),
        now=f"Its pod waits: {watch.waiting}." if watch.waiting else "",
        where=f"Job {watch.job} in the namespace {watch.namespace}",
    )
