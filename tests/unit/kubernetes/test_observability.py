"""Alerts name metrics that exist, and of our own objects alone."""

import re

import pytest

from app.observability.metrics import Metrics, QueueState
from components.kubernetes.handles import Place
from components.kubernetes.observability import ObservabilityArgs, alerts, scrape_annotations

pytestmark = pytest.mark.unit

OTHERS = {"kube_pod_status_ready", "cnpg_backends_total"}
"""Of kube-state-metrics, and of CloudNativePG's servers."""
WORDS = {"sum", "rate", "by", "le", "max", "min", "histogram_quantile", "pod"}
PLACE = Place(namespace="rag", name="rag")


def rules(database: str | None = "rag-database") -> list[dict[str, object]]:
    return alerts(ObservabilityArgs(place=PLACE, labels={}, database=database, max_connections=400), "rag")


def expressions() -> dict[str, str]:
    return {str(rule["alert"]): str(rule["expr"]) for rule in rules()}


def metrics_in(expression: str) -> set[str]:
    """The metrics of an expression: its words outside of braces, brackets and numbers."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", " ", expression)
    return set(re.findall(r"[a-z_]{2,}", bare)) - WORDS


def offered() -> set[str]:
    """The series that the application's own /metrics answers, after a request of each kind."""
    metrics = Metrics()
    metrics.requests.labels("GET", "/", "200").inc()
    metrics.seconds.labels("GET", "/").observe(1)
    text = metrics.text(None, QueueState(queued=1, running=0, oldest_seconds=5)).decode()
    return {match[1] for line in text.splitlines() if (match := re.match(r"([a-z_]+)[{ ]", line))}


def test_every_metric_of_an_alert_is_one_that_somebody_offers() -> None:
    used = set[str]().union(*(metrics_in(expression) for expression in expressions().values()))
    assert used <= offered() | OTHERS
    assert {"http_requests_total", "http_request_duration_seconds_bucket", "ingestion_oldest_queued_seconds"} <= used
    assert used >= OTHERS


def test_what_was_asked_for_is_watched() -> None:
    assert set(expressions()) == {
        "RagServerErrors",
        "RagSlowAnswers",
        "RagPodsNotReady",
        "RagDatabaseUnreachable",
        "RagDatabaseConnections",
        "RagIngestionStalled",
    }


def test_an_external_databases_connections_are_watched_where_it_lives() -> None:
    assert "RagDatabaseConnections" not in {rule["alert"] for rule in rules(database=None)}


@pytest.mark.parametrize("alert", sorted(expressions()))
def test_an_alert_is_on_this_namespace_alone(alert: str) -> None:
    selectors = re.findall(r"\{([^}]*)\}", expressions()[alert])
    assert selectors
    assert all('namespace="rag"' in selector for selector in selectors)


def test_a_database_is_warned_of_before_its_connections_are_gone() -> None:
    assert expressions()["RagDatabaseConnections"].endswith("> 320")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_what_it_means_and_how_urgent_it_is(rule: dict[str, object]) -> None:
    assert rule["labels"] in ({"severity": "warning"}, {"severity": "critical"})
    summary = str(rule["annotations"])
    assert len(summary) > 60


def test_the_pods_of_the_migration_and_of_the_database_are_not_those_of_the_service() -> None:
    (pattern,) = re.findall(r'pod=~"([^"]*)"', expressions()["RagPodsNotReady"])
    assert re.fullmatch(pattern, "rag-6d4cf56db6-abcde")
    assert not re.fullmatch(pattern, "rag-database-1")
    assert not re.fullmatch(pattern, f"rag-migrate-{'1' * 12}-abcde")
    (servers,) = re.findall(r'pod=~"([^"]*)"', expressions()["RagDatabaseConnections"])
    assert re.fullmatch(servers, "rag-database-1")


def test_prometheus_without_an_operator_finds_the_port_and_the_path() -> None:
    assert scrape_annotations(8000) == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8000",
        "prometheus.io/path": "/metrics",
    }
