"""The cluster that a stack names: judged before anything is created, then spoken to by one explicit provider.

An operator that is absent would otherwise be found halfway: Pulumi's preview only warns about a kind that the cluster
does not know, and `up` then fails after the namespace and the secrets are there.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import pulumi
import pulumi_kubernetes
from kubernetes.client import ApiClient, CoreV1Api, CustomObjectsApi, VersionApi
from kubernetes.client.exceptions import ApiException
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.contracts import DeploymentError
from components.dynamic import plain_errors
from components.kubernetes.client import FORBIDDEN, NOT_FOUND, TIMEOUT, reached, status_of
from components.kubernetes.handles import ClusterAccess

OLDEST = (1, 30)
"""From here on a container can sleep before it is stopped without a shell (`lifecycle.preStop.sleep`)."""


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """Something that the cluster must have: a kind (of an operator), or with `name` one object of it.

    `key` is the setting that asks for it, `consequence` what would happen without it, `remedy` what to do.
    """

    group: str
    version: str
    kind: str
    plural: str
    key: str
    consequence: str
    remedy: str
    name: str = ""
    namespace: str = ""


def judge_cluster(
    access: ClusterAccess, requirements: Sequence[Requirement], *, existing_namespace: str = ""
) -> list[str]:
    """Asks the cluster for everything that a deployment needs of it; returns a message for each thing that it lacks.

    `existing_namespace` is one that the program does not create. Raises DeploymentError when the cluster cannot be
    reached. What this user may not ask for is not judged: a preview's user sees little.
    """
    with reached(access) as client:
        problems = [_too_old(client)]
        problems += [_lacks(client, requirement) for requirement in requirements]
        if existing_namespace:
            problems.append(_lacks_namespace(client, existing_namespace))
    return [problem for problem in problems if problem]


def _too_old(client: ApiClient) -> str:
    found = VersionApi(client).get_code(_request_timeout=TIMEOUT)
    minor = "".join(character for character in found.minor if character.isdigit())
    if (int(found.major or 0), int(minor or 0)) >= OLDEST:
        return ""
    return (
        f"rag:kubernetes.context: the cluster runs Kubernetes {found.major}.{found.minor}, which cannot let a "
        f"container sleep before it is stopped, so each release would cut off requests; nothing was deployed. Upgrade "
        f"it to {OLDEST[0]}.{OLDEST[1]} or newer"
    )


def _lacks(client: ApiClient, need: Requirement) -> str:
    api = CustomObjectsApi(client)
    try:
        if not need.name:
            kinds = api.get_api_resources(need.group, need.version, _request_timeout=TIMEOUT).resources
            return "" if any(found.kind == need.kind for found in kinds) else _missing(need)
        if need.namespace:
            api.get_namespaced_custom_object(
                need.group, need.version, need.namespace, need.plural, need.name, _request_timeout=TIMEOUT
            )
        else:
            api.get_cluster_custom_object(need.group, need.version, need.plural, need.name, _request_timeout=TIMEOUT)
    except ApiException as error:
        if status_of(error) == NOT_FOUND:
            return _missing(need)
        if status_of(error) != FORBIDDEN:
            raise
    return ""


def _missing(need: Requirement) -> str:
    named = f" {need.name!r}" if need.name else ""
    where = f" in the namespace {need.namespace!r}" if need.namespace else ""
    return (
        f"rag:{need.key}: the cluster has no {need.kind}{named}{where} ({need.group}/{need.version}), so "
        f"{need.consequence}; nothing was deployed. {need.remedy}"
    )


def _lacks_namespace(client: ApiClient, name: str) -> str:
    try:
        CoreV1Api(client).read_namespace(name, _request_timeout=TIMEOUT)
    except ApiException as error:
        if status_of(error) == NOT_FOUND:
            return (
                f"rag:kubernetes.namespace: the cluster has no namespace {name!r}, and create_namespace is false, so "
                "nothing could be created in it; nothing was deployed. Create it, or leave create_namespace out"
            )
        if status_of(error) != FORBIDDEN:
            raise
    return ""


class _ClusterCheckProvider(ResourceProvider):
    @plain_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Judged here and not in `create`, because previews come here too, and so does every later update."""
        if not news["enabled"]:
            return CheckResult(news, [])
        try:
            problems = judge_cluster(
                ClusterAccess(kubeconfig=news["kubeconfig"], context=news["context"]),
                [Requirement(**need) for need in cast(list[dict[str, str]], news["requirements"])],
                existing_namespace="" if news["create_namespace"] else news["namespace"],
            )
        except DeploymentError as error:
            problems = [str(error)]
        return CheckResult(news, [CheckFailure("", problem) for problem in problems])

    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(id_=props["context"], outs=props)

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another path of the kubeconfig is no change: it differs from machine to machine."""
        return DiffResult(changes=any(_olds.get(key) != _news[key] for key in ("context", "namespace", "requirements")))

    @plain_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(outs=_news)


class _ClusterCheck(Resource, module="kubernetes", name="ClusterCheck"):
    namespace: pulumi.Output[str]

    def __init__(self, name: str, *, args: "ClusterArgs", opts: pulumi.ResourceOptions) -> None:
        props: dict[str, Any] = {
            "kubeconfig": args.kubeconfig,
            "context": args.context,
            "namespace": args.namespace,
            "create_namespace": args.create_namespace,
            "requirements": [asdict(requirement) for requirement in args.requirements],
            "enabled": args.check,
        }
        super().__init__(_ClusterCheckProvider(), name, props, opts)


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """`kubeconfig` is a path, `context` one of its contexts. Without `check` the cluster is asked nothing (plans).

    `requirements` is what the deployment needs of the cluster; a namespace that is not created must exist as well.
    """

    kubeconfig: str
    context: str
    namespace: str
    create_namespace: bool
    requirements: Sequence[Requirement]
    check: bool = True


class Cluster(pulumi.ComponentResource):
    """A cluster that was found fit. `provider` speaks to it; `namespace` is known once it was judged."""

    access: ClusterAccess
    provider: pulumi_kubernetes.Provider
    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Cluster", name, None, opts)
        check = _ClusterCheck(f"{name}-check", args=args, opts=pulumi.ResourceOptions(parent=self))
        self.access = ClusterAccess(kubeconfig=args.kubeconfig, context=args.context)
        self.provider = pulumi_kubernetes.Provider(
            f"{name}-provider",
            kubeconfig=self.access.kubeconfig,
            context=args.context,
            # What tells one cluster from another. Without it another path of the kubeconfig, or a new address of the
            # same cluster, would be another cluster: everything in it would be replaced, the database too.
            cluster_identifier=args.context,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[check]),
        )
        self.namespace = check.namespace
        self.register_outputs({"context": args.context})
