"""What Prometheus sees."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.app.service import environment, eventually, gunicorn, listening, service

pytestmark = pytest.mark.api


@pytest.fixture
def client(migrated_url: str) -> Iterator[httpx.Client]:
    with service(migrated_url, rate_limit_enabled=False) as served:
        yield served


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((name, frozenset(labels.items())))


def test_requests_are_counted_by_route_template_and_status(client: httpx.Client) -> None:
    for _ in range(3):
        client.get("/livez")
    for _ in range(2):
        client.get(f"/v1/queries/{uuid.uuid4()}")
    text = client.get("/metrics").text
    assert value(text, "http_requests_total", method="GET", route="/livez", status="200") == 3
    template = value(text, "http_requests_total", method="GET", route="/v1/queries/{query_id}", status="401")
    assert template == 2
    assert value(text, "http_request_duration_seconds_count", method="GET", route="/livez") == 3


def test_paths_and_methods_of_strangers_do_not_become_labels(client: httpx.Client) -> None:
    for number in range(20):
        client.get(f"/stranger/{number}")
        client.request(f"METHOD{number}", "/livez")
    text = client.get("/metrics").text
    assert value(text, "http_requests_total", method="GET", route="unmatched", status="404") == 20
    assert "stranger" not in text
    assert "METHOD" not in text


def test_the_queue_shows_its_depth_and_its_oldest_job(migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute(
            """
            WITH t AS (INSERT INTO tenants (name) VALUES ('acme') RETURNING id),
            b AS (INSERT INTO upload_batches (tenant_id, total_files, accepted_files, rejected_files)
                  SELECT id, 1, 1, 0 FROM t RETURNING id, tenant_id),
            d AS (INSERT INTO documents (tenant_id, batch_id, filename, content_type, size_bytes, status)
                  SELECT tenant_id, id, 'a.txt', 'text/plain', 1, 'queued' FROM b RETURNING id, tenant_id)
            INSERT INTO jobs (tenant_id, document_id, status, created_at)
            SELECT d.tenant_id, d.id, s.status, now() - s.age
            FROM d, (VALUES ('queued', interval '90 seconds'), ('queued', interval '10 seconds'),
                            ('running', interval '1 hour'), ('done', interval '1 day')) AS s(status, age)
            """
        )
    with service(migrated_url) as client:
        text = client.get("/metrics").text
    assert value(text, "ingestion_jobs", status="queued") == 2
    assert value(text, "ingestion_jobs", status="running") == 1
    oldest = value(text, "ingestion_oldest_queued_seconds")
    assert oldest is not None
    assert 90 <= oldest < 600


def test_without_a_database_metrics_still_answer_and_say_so() -> None:
    with service("postgresql://u:p@127.0.0.1:1/d") as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    assert value(answer.text, "database_up") == 0
    assert value(answer.text, "ingestion_jobs", status="queued") is None


def test_connections_are_given_back_to_the_pool(client: httpx.Client) -> None:
    for _ in range(5):
        client.get("/readyz")
    text = client.get("/metrics").text
    assert value(text, "db_pool_connections_in_use") == 0
    assert value(text, "db_pool_connections_max") == 30


def test_two_workers_add_up_to_one_exposition_and_leave_no_files(migrated_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    env = environment(
        migrated_url,
        API_WORKERS="2",
        DRAIN_SECONDS="0",
        RATE_LIMIT_ENABLED="false",
        PROMETHEUS_MULTIPROC_DIR=str(folder),
    )
    with listening() as (fd, base), gunicorn(tmp_path, env, fd=fd) as server:
        eventually(lambda: server.output().count("Application startup complete") == 2, "two workers")
        for _ in range(60):
            httpx.get(f"{base}/livez", headers={"Connection": "close"}, trust_env=False)
        text = httpx.get(f"{base}/metrics", trust_env=False).text
        assert value(text, "http_requests_total", method="GET", route="/livez", status="200") == 60
        assert value(text, "db_pool_connections_max") == 60
        assert list(folder.glob("*.db"))
        server.terminate()
        assert server.wait() == 0
    assert not folder.exists()
