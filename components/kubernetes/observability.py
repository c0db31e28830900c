"""What Prometheus needs: annotations of the pods where it looks for them, or its operator's objects with the alerts.

The metrics are the application's own, and of others kube-state-metrics' (pods) and CloudNativePG's (connections).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from components.kubernetes.handles import Place
from components.kubernetes.labels import SERVICE, metadata, selector
from components.kubernetes.pod import HTTP
from components.kubernetes.requirements import PROMETHEUS, api_version

PATH = "/metrics"
SCRAPE_SECONDS = 30
"""Well below the application's own rate limit of its metrics."""


def scrape_annotations(port: int) -> dict[str, str]:
    """What a Prometheus without its operator finds pods by."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port), "prometheus.io/path": PATH}


@dataclass(frozen=True, kw_only=True)
class ObservabilityArgs:
    """`labels` are those by which the operator's Prometheus selects its objects.

    `database` is the name of a CloudNativePG cluster, whose connections are watched then, with `max_connections`.
    """

    place: Place
    labels: Mapping[str, str]
    database: str | None
    max_connections: int


class Observability(pulumi.ComponentResource):
    """A ServiceMonitor and the alerts; both need Prometheus' operator."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("rag:kubernetes:Observability", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        described = metadata(args.place, SERVICE, args.place.name)
        described.labels = {**selector(args.place, SERVICE), **args.labels}
        CustomResource(
            f"{name}-monitor",
            api_version=api_version(PROMETHEUS),
            kind="ServiceMonitor",
            metadata=described,
            spec={
                "selector": {"matchLabels": selector(args.place, SERVICE)},
                "endpoints": [{"port": HTTP, "path": PATH, "interval": f"{SCRAPE_SECONDS}s"}],
            },
            opts=own,
        )
        rules = pulumi.Output.from_input(args.place.namespace).apply(lambda namespace: alerts(args, namespace))
        CustomResource(
            f"{name}-rules",
            api_version=api_version(PROMETHEUS),
            kind="PrometheusRule",
            metadata=described,
            spec={"groups": [{"name": args.place.name, "rules": rules}]},
            opts=own,
        )
        self.register_outputs({})


def alerts(args: ObservabilityArgs, namespace: str) -> list[dict[str, object]]:
    """The alerts on the service in one namespace, each with what it means for users and where to look first."""
    own = f'namespace="{namespace}", service="{args.place.name}"'
    # A Deployment's pods end in its template's hash and five characters of their own.
    pods = f'namespace="{namespace}", pod=~"{args.place.name}-[a-z0-9]+-....."'
    found = [
        _alert(
            "RagServerErrors",
            f'sum(rate(http_requests_total{{{own}, status=~"5.."}}[5m]))'
            f" / sum(rate(http_requests_total{{{own}}}[5m])) > 0.05",
            "5m",
            "critical",
            "More than 5 % of the requests fail; look at the log of the web containers.",
        ),
        _alert(
            "RagSlowAnswers",
            f"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{{{own}}}[5m]))) > 5",
            "10m",
            "warning",
            "One request in a hundred takes over 5 s; look at the database and at how busy the replicas are.",
        ),
        _alert(
            "RagPodsNotReady",
            f'sum(kube_pod_status_ready{{{pods}, condition="false"}}) > 0',
            "10m",
            "warning",
            "A pod has not been ready for 10 minutes; `kubectl describe` says why.",
        ),
        _alert(
            "RagDatabaseUnreachable",
            f"min(database_up{{{own}}}) == 0",
            "2m",
            "critical",
            "A replica does not reach the database, so it serves nothing; look at the database first.",
        ),
        _alert(
            "RagIngestionStalled",
            f"max(ingestion_oldest_queued_seconds{{{own}}}) > 900",
            "5m",
            "warning",
            "A document has waited over 15 minutes to be ingested; look at the log of the worker containers.",
        ),
    ]
    if args.database:
        servers = f'namespace="{namespace}", pod=~"{args.database}-[0-9]+"'
        found.append(
            _alert(
                "RagDatabaseConnections",
                f"max(sum by (pod) (cnpg_backends_total{{{servers}}})) > {int(args.max_connections * 0.8)}",
                "5m",
                "warning",
                f"Over 80 % of the database's {args.max_connections} connections are taken; beyond them requests "
                "fail with 503.",
            )
        )
    return found


def _alert(name: str, expression: str, lasting: str, severity: str, summary: str) -> dict[str, object]:
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
    }
