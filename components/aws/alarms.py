"""What is watched, as data: which numbers of CloudWatch, what they must not do for how long, and what that means.

A service without requests is silent: CloudWatch has no number for it, and silence is no fault here. Shares and
percentiles count from a number of requests on, because one slow request of three says nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Of = Literal["balancer", "primary", "alternate", "database", "service"]
"""Whose number it is: the load balancer's, one of its groups', the database's, or the ECS service's."""
Comparison = Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"]
Missing = Literal["notBreaching", "breaching"]

MINUTE = 60
GIB = 2**30
FEWEST_REQUESTS, FEWEST_FOR_P99 = 20, 100
"""A minute's requests from which on a share of them, and their slowest hundredth, are looked at: of fewer than a
hundred that is the slowest one, and one slow upload must not take a release back."""
ERROR_PERCENT = 1
ELB_ERRORS = 10
DATABASE_CPU_PERCENT = 80
CONNECTIONS_SHARE = 0.8
FREE_SHARE, FREE_GIB = 0.1, 2

BALANCER, DATABASE, SERVICE = "AWS/ApplicationELB", "AWS/RDS", "AWS/ECS"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number of CloudWatch, and how the values of a period become one."""

    namespace: str
    name: str
    statistic: str
    of: Of


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One alarm. `metrics` by the names that `expression` knows them by; without one there is a single metric.

    It rings after `periods` periods in a row (of `period` seconds). `judges` is whether a release is taken back for it.
    """

    key: str
    says: str
    metrics: Mapping[str, Metric]
    comparison: Comparison
    threshold: float
    periods: int
    expression: str | None = None
    period: int = MINUTE
    missing: Missing = "notBreaching"
    judges: bool = False

    @property
    def seconds(self) -> int:
        """Seconds from the first bad moment until it rings."""
        return self.period * self.periods

    def named(self, prefix: str) -> str:
        """Its name at AWS, known before the service exists."""
        return f"{prefix}-{self.key}"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the stack knows of its own limits.

    `latency_seconds` is what the slowest of a hundred requests may take. `startup_seconds` is what a new task may take
    to become ready: so long the load balancer calls it unhealthy without a fault. `two_groups` is whether releases
    move between two target groups.
    """

    latency_seconds: float
    startup_seconds: int
    max_connections: int
    storage_gb: int
    two_groups: bool


def alarms(limits: Limits) -> tuple[Alarm, ...]:
    """Every alarm of a stack, those that judge releases first."""
    return (*_of_requests(limits), *_of_tasks(limits), *_of_the_database(limits))


def _balancer(name: str, statistic: str, of: Of = "balancer") -> Metric:
    return Metric(namespace=BALANCER, name=name, statistic=statistic, of=of)


def _database(name: str, statistic: str) -> Metric:
    return Metric(namespace=DATABASE, name=name, statistic=statistic, of="database")


def _of_requests(limits: Limits) -> tuple[Alarm, ...]:
    """Numbers of the load balancer as a whole, so of both groups while a release moves from one to the other."""
    requests = _balancer("RequestCount", "Sum")
    return (
        Alarm(
            key="errors",
            says=f"More than {ERROR_PERCENT} % of the requests failed in the service (5xx)",
            metrics={"requests": requests, "errors": _balancer("HTTPCode_Target_5XX_Count", "Sum")},
            # Without an error there is no number of errors at all.
            expression=f"IF(requests >= {FEWEST_REQUESTS}, 100 * FILL(errors, 0) / requests, 0)",
            comparison="GreaterThanThreshold",
            threshold=ERROR_PERCENT,
            periods=2,
            judges=True,
        ),
        Alarm(
            key="latency",
            says=f"One request in a hundred took longer than {limits.latency_seconds:g} s",
            metrics={"requests": requests, "latency": _balancer("TargetResponseTime", "p99")},
            expression=f"IF(requests >= {FEWEST_FOR_P99}, latency, 0)",
            comparison="GreaterThanThreshold",
            threshold=limits.latency_seconds,
            periods=2,
            judges=True,
        ),
        Alarm(
            key="balancer-errors",
            says="The load balancer answered for the service (502, 503, 504): no task took the request",
            metrics={"errors": _balancer("HTTPCode_ELB_5XX_Count", "Sum")},
            comparison="GreaterThanThreshold",
            threshold=ELB_ERRORS,
            periods=2,
        ),
    )


def _of_tasks(limits: Limits) -> tuple[Alarm, ...]:
    groups: tuple[Of, ...] = ("primary", "alternate") if limits.two_groups else ("primary",)
    unhealthy = tuple(
        Alarm(
            key=f"unhealthy-{group}",
            says=f"A task of the {group} group runs and cannot serve; look at its log and at /readyz",
            metrics={"unhealthy": _balancer("UnHealthyHostCount", "Minimum", group)},
            comparison="GreaterThanOrEqualToThreshold",
            threshold=1,
            periods=1 + max(1, math.ceil(limits.startup_seconds / MINUTE)),
            judges=True,
        )
        for group in groups
    )
    healthy = {group: _balancer("HealthyHostCount", "Maximum", group) for group in groups}
    nobody = Alarm(
        key="no-healthy-task",
        says="No task can serve: the service is down",
        metrics=healthy,
        expression=f"SUM([{', '.join(healthy)}])" if limits.two_groups else None,
        comparison="LessThanThreshold",
        threshold=1,
        periods=2,
        # A group without tasks has no number, and that is the very outage. A first deployment rings it once.
        missing="breaching",
    )
    return (*unhealthy, nobody)


def _of_the_database(limits: Limits) -> tuple[Alarm, ...]:
    connections = math.floor(limits.max_connections * CONNECTIONS_SHARE)
    free = max(limits.storage_gb * FREE_SHARE, FREE_GIB)
    return (
        Alarm(
            key="database-cpu",
            says=f"The database's processors are above {DATABASE_CPU_PERCENT} %; look for slow queries in its log",
            metrics={"cpu": _database("CPUUtilization", "Average")},
            comparison="GreaterThanThreshold",
            threshold=DATABASE_CPU_PERCENT,
            period=5 * MINUTE,
            periods=3,
        ),
        Alarm(
            key="database-storage",
            says=f"The database has less than {free:g} GiB left: it has not grown by itself, or has reached its limit",
            metrics={"free": _database("FreeStorageSpace", "Minimum")},
            comparison="LessThanThreshold",
            threshold=free * GIB,
            period=5 * MINUTE,
            periods=3,
        ),
        Alarm(
            key="database-connections",
            says=f"More than {connections} of {limits.max_connections} connections of the database are in use",
            metrics={"connections": _database("DatabaseConnections", "Maximum")},
            comparison="GreaterThanThreshold",
            threshold=connections,
            periods=5,
        ),
    )


SERVICE_METRICS = (
    Metric(namespace=SERVICE, name="CPUUtilization", statistic="Average", of="service"),
    Metric(namespace=SERVICE, name="MemoryUtilization", statistic="Maximum", of="service"),
)
"""What the dashboard shows beside the alarms: what the autoscaler goes by, and how near the tasks are to their end."""
