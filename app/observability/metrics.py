"""What Prometheus scrapes. Under gunicorn each worker writes to files that the scraped worker adds up."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import event, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Sessions
from app.db.tables import Job

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one web process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "Time until the last byte of the answer was handed over, by route template.",
            ("method", "route"),
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self.in_flight = Gauge(
            "http_requests_in_flight", "Requests being handled.", registry=self.registry, multiprocess_mode="livesum"
        )
        self.connections = Gauge(
            "db_pool_connections_in_use",
            "Database connections that requests hold.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.capacity = Gauge(
            "db_pool_connections_max",
            "Database connections that the web processes may open (DB_POOL_SIZE + DB_MAX_OVERFLOW, all workers).",
            registry=self.registry,
            multiprocess_mode="livesum",
        )

    def watch_pool(self, engine: AsyncEngine, most: int) -> None:
        """Count the connections that leave the engine's pool and come back."""
        self.capacity.set(most)

        def taken(*_: object) -> None:
            self.connections.inc()

        def returned(*_: object) -> None:
            self.connections.dec()

        event.listen(engine.sync_engine, "checkout", taken)
        event.listen(engine.sync_engine, "checkin", returned)

    def text(self, multiprocess: Path | None, queue: "QueueState | None") -> bytes:
        """The exposition; over all workers when they share the folder `multiprocess`."""
        registry = self.registry
        if multiprocess is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(multiprocess))
        answer = generate_latest(registry)
        extra = CollectorRegistry()
        extra.register(_QueueCollector(queue))
        return answer + generate_latest(extra)


def forget_process(multiprocess: Path, pid: int) -> None:
    """Drop the gauges of a worker that is gone: it holds no request and no connection any more."""
    for path in multiprocess.glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)


class QueueState:
    """How much ingestion work waits, and for how long the oldest of it has."""

    def __init__(self, *, queued: int, running: int, oldest_seconds: float) -> None:
        self.queued = queued
        self.running = running
        self.oldest_seconds = oldest_seconds


class QueueWatch:
    """Reads the queue's state for scrapes, at most once per `fresh_seconds`."""

    def __init__(self, sessions: Sessions, *, fresh_seconds: float = 5.0) -> None:
        self._sessions = sessions
        self._fresh_seconds = fresh_seconds
        self._state: QueueState | None = None
        self._read_at = float("-inf")

    async def state(self) -> QueueState | None:
        """The state; None when the database does not answer, which `database_up` then says."""
        if time.monotonic() - self._read_at >= self._fresh_seconds:
            try:
                self._state = await self._read()
            except (SQLAlchemyError, OSError):
                self._state = None
            self._read_at = time.monotonic()
        return self._state

    async def _read(self) -> QueueState:
        statement = select(
            func.count().filter(Job.status == "queued"),
            func.count().filter(Job.status == "running"),
            func.coalesce(func.now() - func.min(Job.created_at).filter(Job.status == "queued"), timedelta()),
        ).where(Job.status.in_(("queued", "running")))
        async with self._sessions() as session:
            queued, running, oldest = (await session.execute(statement)).one()
        return QueueState(queued=queued, running=running, oldest_seconds=oldest.total_seconds())


class _QueueCollector(Collector):
    def __init__(self, state: QueueState | None) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        state = self._state
        yield GaugeMetricFamily("database_up", "1 when the database answered this scrape.", value=float(bool(state)))
        if state is None:
            return
        depth = GaugeMetricFamily("ingestion_jobs", "Ingestion jobs that are not done.", labels=("status",))
        depth.add_metric(("queued",), state.queued)
        depth.add_metric(("running",), state.running)
        yield depth
        yield GaugeMetricFamily(
            "ingestion_oldest_queued_seconds", "Age of the oldest job that waits.", value=state.oldest_seconds
        )
