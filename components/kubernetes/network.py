"""What stands around the pods: the Service, who may reach whom, and how many pods a drain may take.

All of it can be judged before anything migrates, and nothing of it needs the pods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.networking import v1 as networking
from pulumi_kubernetes.policy import v1 as policy

from components.kubernetes.handles import DatabaseRoute, Place
from components.kubernetes.labels import (
    DATABASE,
    NAMESPACE_NAME,
    SERVICE,
    everything,
    metadata,
    name_of,
    selector,
)
from components.kubernetes.pod import HTTP

DNS_NAMESPACE = "kube-system"
DNS_PORT, HTTPS_PORT, SERVICE_PORT = 53, 443, 80
OPERATOR_PORTS = (8000, 5432)
"""Where CloudNativePG's operator asks a server for its state, and where it speaks SQL."""
DATABASE_METRICS_PORT = 9187
OWN_METADATA = "169.254.0.0/16"
"""Where clouds hand a machine's credentials to whoever asks from it."""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """`port` is the web process's. Only pods of `controller_namespace`, and of `metrics_namespace` if there is one,
    may open connections to it. `operator_namespace` is where the database's operator runs, if it has one.
    """

    place: Place
    port: int
    controller_namespace: str
    metrics_namespace: str | None
    database: DatabaseRoute
    operator_namespace: str | None


class Network(pulumi.ComponentResource):
    """The service's name inside of the cluster (`service`), and the rules about who may reach whom."""

    service: pulumi.Output[str]
    port: int

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Network", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        service = core.Service(
            f"{name}-service",
            # The provider would wait for pods, which come last.
            metadata=metadata(args.place, SERVICE, args.place.name, {"pulumi.com/skipAwait": "true"}),
            spec=core.ServiceSpecArgs(
                type="ClusterIP",
                selector=selector(args.place, SERVICE),
                ports=[core.ServicePortArgs(name=HTTP, port=SERVICE_PORT, target_port=HTTP, protocol="TCP")],
            ),
            opts=own,
        )
        _policy(f"{name}-closed", args.place, SERVICE, everything(args.place), own, egress=_needed(args))
        sources = [args.controller_namespace, *([args.metrics_namespace] if args.metrics_namespace else [])]
        _policy(
            f"{name}-entrance",
            args.place,
            SERVICE,
            selector(args.place, SERVICE),
            own,
            ingress=[
                networking.NetworkPolicyIngressRuleArgs(
                    from_=[_namespace(source) for source in dict.fromkeys(sources)], ports=[_tcp(args.port)]
                )
            ],
        )
        if args.database.pods:
            _policy(f"{name}-database", args.place, DATABASE, args.database.pods, own, ingress=_database(args))
        _disruptions(f"{name}-disruptions", args.place, own)
        self.service = name_of(service)
        self.port = SERVICE_PORT
        self.register_outputs({"service": self.service})


def _policy(
    name: str,
    place: Place,
    component: str,
    pods: Mapping[str, str],
    opts: pulumi.ResourceOptions,
    *,
    ingress: Sequence[networking.NetworkPolicyIngressRuleArgs] | None = None,
    egress: Sequence[networking.NetworkPolicyEgressRuleArgs] | None = None,
) -> None:
    """Pods that a policy selects may do what some policy allows, and nothing else.

    With `egress` both directions are closed; without it only who may come in is said.
    """
    networking.NetworkPolicy(
        name,
        metadata=metadata(place, component, f"{place.name}-{name.rpartition('-')[2]}"),
        spec=networking.NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels=pods),
            policy_types=["Ingress"] if egress is None else ["Ingress", "Egress"],
            ingress=ingress,
            egress=egress,
        ),
        opts=opts,
    )


def _needed(args: NetworkArgs) -> list[networking.NetworkPolicyEgressRuleArgs]:
    """What the service and its migration may reach: names, the database, and model providers by HTTPS."""
    anywhere = [
        networking.NetworkPolicyPeerArgs(ip_block=networking.IPBlockArgs(cidr="0.0.0.0/0", except_=[OWN_METADATA])),
        networking.NetworkPolicyPeerArgs(ip_block=networking.IPBlockArgs(cidr="::/0")),
    ]
    database = [_pods(args.database.pods)] if args.database.pods else anywhere
    return [
        networking.NetworkPolicyEgressRuleArgs(
            to=[_namespace(DNS_NAMESPACE)],
            ports=[networking.NetworkPolicyPortArgs(port=DNS_PORT, protocol=kind) for kind in ("UDP", "TCP")],
        ),
        networking.NetworkPolicyEgressRuleArgs(to=database, ports=[_tcp(args.database.port)]),
        networking.NetworkPolicyEgressRuleArgs(to=anywhere, ports=[_tcp(HTTPS_PORT)]),
    ]


def _database(args: NetworkArgs) -> list[networking.NetworkPolicyIngressRuleArgs]:
    """Who may reach the database: the service and its migration, the servers each other, their operator, Prometheus.

    What the servers themselves may reach is not bounded: the API server's address and the backups' are not known here.
    """
    assert args.database.pods is not None
    servers, clients = _pods(args.database.pods), _pods(everything(args.place))
    rules = [
        networking.NetworkPolicyIngressRuleArgs(from_=[clients], ports=[_tcp(args.database.port)]),
        networking.NetworkPolicyIngressRuleArgs(from_=[servers], ports=[_tcp(port) for port in OPERATOR_PORTS]),
    ]
    if args.operator_namespace:
        rules.append(
            networking.NetworkPolicyIngressRuleArgs(
                from_=[_namespace(args.operator_namespace)], ports=[_tcp(port) for port in OPERATOR_PORTS]
            )
        )
    if args.metrics_namespace:
        rules.append(
            networking.NetworkPolicyIngressRuleArgs(
                from_=[_namespace(args.metrics_namespace)], ports=[_tcp(DATABASE_METRICS_PORT)]
            )
        )
    return rules


def _disruptions(name: str, place: Place, opts: pulumi.ResourceOptions) -> None:
    """One pod at a time, so a single replica can be drained as well; a pod that is broken anyway never blocks."""
    policy.PodDisruptionBudget(
        name,
        metadata=metadata(place, SERVICE, place.name),
        spec=policy.PodDisruptionBudgetSpecArgs(
            max_unavailable=1,
            unhealthy_pod_eviction_policy="AlwaysAllow",
            selector=LabelSelectorArgs(match_labels=selector(place, SERVICE)),
        ),
        opts=opts,
    )


def _tcp(port: int) -> networking.NetworkPolicyPortArgs:
    return networking.NetworkPolicyPortArgs(port=port, protocol="TCP")


def _namespace(name: str) -> networking.NetworkPolicyPeerArgs:
    return networking.NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={NAMESPACE_NAME: name}))


def _pods(labels: Mapping[str, str]) -> networking.NetworkPolicyPeerArgs:
    """Pods of the policy's own namespace."""
    return networking.NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=labels))
