"""What is watched, as data: which numbers of CloudWatch, what they must not do for how long, and what that means.

A service without requests is silent: CloudWatch has no number for it, and silence is no fault here. Shares and
percentiles count from a number of requests on, because one slow request of three says nothing.

What judges a release is counted for each group of tasks by itself: of a canary's tenth of the requests, one in twenty
failing is one in two hundred of all of them, and no alarm would ring.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Of = Literal["balancer", "primary", "alternate", "database", "service"]
"""Whose number it is: the load balancer's, one of its groups', the database's, or the ECS service's."""
Comparison = Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"]
Missing = Literal["notBreaching", "breaching"]

MINUTE = 60
LATE_SECONDS = 2 * MINUTE
"""What an alarm is late by, at most: the load balancer shows a minute up to a minute after it, and CloudWatch looks
once a minute."""
JUDGED_PERIODS = 2
"""How many bad minutes in a row take a release back: one alone can be chance."""
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

    It rings after `periods` bad periods in a row (of `period` seconds). `judges` is whether a release is taken back
    for it.
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
        """Seconds from the first bad moment until it rings, at most."""
        return _rings_within(self.period, self.periods)

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


def _rings_within(period: int, periods: int) -> int:
    """The period under way counts the good answers before the first bad one, so it may not count as bad."""
    return period * (1 + periods) + LATE_SECONDS


def _unready_periods(startup_seconds: int) -> int:
    """Minutes after which a task that is not ready is no longer one that starts."""
    return 1 + max(1, math.ceil(startup_seconds / MINUTE))


def seconds_to_judge(startup_seconds: int) -> int:
    """Seconds within which the slowest of the alarms that judge a release rings: so long a release must be watched."""
    return _rings_within(MINUTE, max(JUDGED_PERIODS, _unready_periods(startup_seconds)))


def alarms(limits: Limits) -> tuple[Alarm, ...]:
    """Every alarm of a stack, those that judge releases first."""
    groups: tuple[Of, ...] = ("primary", "alternate") if limits.two_groups else ("primary",)
    judges = [alarm for group in groups for alarm in _judges(limits, group)]
    return (*judges, *_of_the_service(groups), *_of_the_database(limits))


def _balancer(name: str, statistic: str, of: Of = "balancer") -> Metric:
    return Metric(namespace=BALANCER, name=name, statistic=statistic, of=of)


def _database(name: str, statistic: str) -> Metric:
    return Metric(namespace=DATABASE, name=name, statistic=statistic, of="database")


def _judges(limits: Limits, group: Of) -> tuple[Alarm, ...]:
    """What takes a release back, of the tasks of one group."""
    requests = _balancer("RequestCount", "Sum", group)
    return (
        Alarm(
            key=f"errors-{group}",
            says=f"More than {ERROR_PERCENT} % of the requests to the {group} group failed in the service (5xx)",
            metrics={"requests": requests, "errors": _balancer("HTTPCode_Target_5XX_Count", "Sum", group)},
            # Without an error there is no number of errors at all.
            expression=f"IF(requests >= {FEWEST_REQUESTS}, 100 * FILL(errors, 0) / requests, 0)",
            comparison="GreaterThanThreshold",
            threshold=ERROR_PERCENT,
            periods=JUDGED_PERIODS,
            judges=True,
        ),
        Alarm(
            key=f"latency-{group}",
            says=f"One request in a hundred to the {group} group took longer than {limits.latency_seconds:g} s",
            metrics={"requests": requests, "latency": _balancer("TargetResponseTime", "p99", group)},
            expression=f"IF(requests >= {FEWEST_FOR_P99}, latency, 0)",
            comparison="GreaterThanThreshold",
            threshold=limits.latency_seconds,
            periods=JUDGED_PERIODS,
            judges=True,
        ),
        Alarm(
            key=f"unhealthy-{group}",
            says=f"A task of the {group} group runs and cannot serve; look at its log and at /readyz",
            metrics={"unhealthy": _balancer("UnHealthyHostCount", "Minimum", group)},
            comparison="GreaterThanOrEqualToThreshold",
            threshold=1,
            periods=_unready_periods(limits.startup_seconds),
            judges=True,
        ),
    )


def _of_the_service(groups: Sequence[Of]) -> tuple[Alarm, ...]:
    """What users see of the service as a whole, whichever group serves."""
    healthy = {str(group): _balancer("HealthyHostCount", "Maximum", group) for group in groups}
    return (
        Alarm(
            key="balancer-errors",
            says="The load balancer answered for the service (502, 503, 504): no task took the request",
            metrics={"errors": _balancer("HTTPCode_ELB_5XX_Count", "Sum")},
            comparison="GreaterThanThreshold",
            threshold=ELB_ERRORS,
            periods=2,
        ),
        Alarm(
            key="no-healthy-task",
            says="No task can serve: the service is down",
            metrics=healthy,
            expression=f"SUM([{', '.join(healthy)}])" if len(groups) > 1 else None,
            comparison="LessThanThreshold",
            threshold=1,
            periods=2,
            # A group without tasks has no number, and that is the very outage. A first deployment rings it once.
            missing="breaching",
        ),
    )


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
