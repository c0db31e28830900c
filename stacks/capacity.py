"""Arithmetic that decides whether a configuration can work: connections and release times. No resources, no I/O.

PostgreSQL refuses a connection beyond `max_connections`, and the application meets that only under load or in the
middle of a rollout, when two generations run at once. So it is computed before anything is created.
"""

from dataclasses import dataclass

POSTGRES_RESERVED = 3
"""`superuser_reserved_connections`: PostgreSQL keeps this many back from ordinary roles (its default)."""


@dataclass(frozen=True, kw_only=True)
class ConnectionBudget:
    """The connections that a deployment may hold at its worst moment, against what the database offers.

    `web_processes` and `worker_processes` are per replica, and pools are per process. A web process holds up to
    `pool_size + max_overflow`. A worker holds two for each job at a time (`worker_concurrency`), because a job is
    written while its lease is renewed, and one more that listens for new jobs.
    `surge` is how many generations of a replica may run at once during a rollout (2 for blue/green and 200 %).
    """

    max_connections: int
    web_processes: int
    worker_processes: int
    worker_concurrency: int
    pool_size: int
    max_overflow: int
    replicas: int
    surge: int
    migration: int = 1
    monitoring: int = 2

    @property
    def web_pools(self) -> int:
        """Web processes, and so pools of the configured size, at the peak."""
        return self.web_processes * self.replicas * self.surge

    @property
    def workers(self) -> int:
        """Worker processes at the peak."""
        return self.worker_processes * self.replicas * self.surge

    @property
    def per_worker(self) -> int:
        """Connections of one worker process: its own pool, and the one that listens."""
        return 2 * self.worker_concurrency + 1

    @property
    def fixed(self) -> int:
        """Connections at the peak that do not depend on the pool's size."""
        return self.workers * self.per_worker + self.migration + self.monitoring

    @property
    def peak(self) -> int:
        """Connections at the worst moment of a rollout."""
        return self.web_pools * (self.pool_size + self.max_overflow) + self.fixed

    @property
    def available(self) -> int:
        """Connections that ordinary roles can open."""
        return self.max_connections - POSTGRES_RESERVED

    @property
    def fits(self) -> bool:
        """Whether the worst moment stays within what the database offers."""
        return self.peak <= self.available

    @property
    def largest_pool(self) -> int:
        """The largest `pool_size + max_overflow` that fits; 0 when not even one connection a process does."""
        return max(0, (self.available - self.fixed) // self.web_pools)

    def explain(self, *, more: str = "raise max_connections") -> str:
        """The arithmetic in one line, with the largest pool that fits; `more` is how to get more connections."""
        remedy = (
            f"the largest pool_size + max_overflow that fits is {self.largest_pool}, or {more}"
            if self.largest_pool
            else f"no pool fits: {more}, or run fewer processes, replicas or jobs at a time"
        )
        return (
            f"at the peak of a rollout {self.web_pools} web processes x ({self.pool_size} + {self.max_overflow}) "
            f"+ {self.workers} workers x (2 x {self.worker_concurrency} + 1 that listens) "
            f"+ {self.migration + self.monitoring} (migration, monitoring) = {self.peak} connections, "
            f"but max_connections {self.max_connections} less {POSTGRES_RESERVED} reserved leaves {self.available}; "
            f"{remedy}"
        )


LINGER_SECONDS = 1
"""What a web process grants connections that it has just accepted, after it has stopped to accept more."""
EXIT_SECONDS = 2
"""What gunicorn adds before it kills a web process whose time is over."""
WORKER_STOP_SECONDS = 6
"""What a worker takes at most to finish the range of chunks at hand and to give its job back."""
WORKER_START_SECONDS = 15
"""What a new worker is given to stay up."""


@dataclass(frozen=True, kw_only=True)
class ReleaseTimes:
    """How long a release may take at worst, in seconds, from the end of its migration to the old generation's end. How
    long a migration takes is up to the data, and the release before serves meanwhile.

    `startup` is what a new process is given to answer its readiness probe; `drain` is the lame duck in which an old
    one still serves but asks clients to leave; `graceful` bounds the requests in flight after that.
    """

    startup: int
    drain: int
    graceful: int

    @property
    def web_stop(self) -> int:
        """Seconds until a web process that was asked to stop is gone."""
        return self.drain + LINGER_SECONDS + self.graceful + EXIT_SECONDS

    @property
    def worker_change(self) -> int:
        """Seconds to stop one worker and to see that another stays up."""
        return WORKER_STOP_SECONDS + WORKER_START_SECONDS

    @property
    def rollout(self) -> int:
        """Seconds for the slowest release that still succeeds."""
        return self.startup + self.worker_change + self.web_stop

    @property
    def rollback(self) -> int:
        """Seconds until a release that fails as late as it can is gone: its worker does not stay up, so the old one
        comes back. The old web processes serve throughout.
        """
        return self.startup + 2 * self.worker_change + self.web_stop


LAME_DUCK_SECONDS = 2
"""What a web process in a container still serves after SIGTERM while it asks clients on open connections to leave. The
platform has taken it out of the load balancer before that (`rollout.drain_seconds`)."""
PULL_SECONDS = 60
"""What a platform is granted to find room for a replica and to fetch its image."""
STOP_MARGIN_SECONDS = 3
"""What a platform waits beyond the application's own bound before it kills."""


@dataclass(frozen=True, kw_only=True)
class ContainerTimes:
    """How long a release in containers may take at worst, in seconds, once its migration is done, and what the platform
    must be told for that.

    `startup` is what a new replica is given to become ready once its image is there; `drain` is what an old one is
    granted after it has left the load balancer; `graceful` bounds the requests in flight after SIGTERM. `batches` is
    how many groups of replicas are replaced one after the other.
    """

    startup: int
    drain: int
    graceful: int
    batches: int

    @property
    def web_stop(self) -> int:
        """Seconds from SIGTERM until a web process is gone by itself."""
        return LAME_DUCK_SECONDS + LINGER_SECONDS + self.graceful + EXIT_SECONDS

    @property
    def stop(self) -> int:
        """Seconds from SIGTERM after which the platform may kill: longer than web and worker take at most."""
        return max(self.web_stop, WORKER_STOP_SECONDS) + STOP_MARGIN_SECONDS

    @property
    def grace(self) -> int:
        """Seconds from leaving the load balancer until the platform may kill."""
        return self.drain + self.stop

    @property
    def progress(self) -> int:
        """Seconds within which one group of new replicas must be ready, or the release has failed."""
        return PULL_SECONDS + self.startup

    @property
    def rollout(self) -> int:
        """Seconds for the slowest release that still succeeds."""
        return self.batches * self.progress + self.grace

    @property
    def rollback(self) -> int:
        """Seconds until a release that fails in its first group is gone; the old replicas serve throughout."""
        return self.progress + self.grace


def web_workers(*, cpus: int, low: int, high: int) -> int:
    """How many web processes to run on a machine with this many processors: one each, within the bounds."""
    return max(low, min(high, cpus))
