"""The same arithmetic for what only AWS has: connections of RDS, memory of a Fargate task, release times on ECS."""

from dataclasses import dataclass

from stacks.capacity import ContainerTimes

RDS_BYTES_A_CONNECTION = 9531392
RDS_MOST_CONNECTIONS = 5000
"""RDS's own formula for PostgreSQL: LEAST(DBInstanceClassMemory / 9531392, 5000)."""
RDS_KEPT_BACK = 10
"""What RDS takes of these for its own agents and for `rds_superuser`, beyond PostgreSQL's reserve: on the safe side."""


def rds_max_connections(memory_gib: float) -> int:
    """How many connections an RDS instance with this much memory is set up for."""
    return min(int(memory_gib * 2**30 / RDS_BYTES_A_CONNECTION), RDS_MOST_CONNECTIONS)


WEB_PROCESS_MIB = 256
WORKER_MIB = 256
"""What one web process and the worker itself are granted; a parser's child has a bound of its own (PARSE_MEMORY_MB)."""


def task_memory(*, web_processes: int, worker_concurrency: int, parse: int) -> int:
    """The least MiB of a task: its two containers halve it, so the larger of the two decides."""
    return 2 * max(web_processes * WEB_PROCESS_MIB, WORKER_MIB + worker_concurrency * parse)


FARGATE_START_SECONDS = 40
"""What Fargate is granted to notice that a task is due, to place it, give it an address and fetch its image."""
HEALTH_INTERVAL_SECONDS = 5
HEALTHY_THRESHOLD = 2
UNHEALTHY_THRESHOLD = 6
"""How often the load balancer asks whether a task is ready, and how many answers in a row decide. Half a minute of bad
ones: a database that is away for a moment must not cost every task its life. A failover of RDS takes one to two
minutes, and then ECS replaces the tasks, by new ones first: the connection budget counts both."""
LIVENESS_RETRIES = 3
"""How many of ECS's own checks in a row (as often, and without the database) a container may fail."""
SHIFT_SECONDS = 30
"""What a load balancer is granted until all of its nodes send requests the other way."""
ASK_SECONDS = 60
"""What the public address is granted, once ECS is done, to answer with the new release."""
FEWEST_FAILED_TASKS, MOST_FAILED_TASKS = 3, 200
"""Bounds of ECS's circuit breaker: half of the wanted tasks must fail, but at least three. ECS itself could be told
another number (`thresholdConfiguration`), and the Pulumi provider has no input for it."""


def failed_tasks(desired: int) -> int:
    """How many tasks must fail until ECS's circuit breaker gives a release up, without one that became healthy between:
    that one sets the count back to nothing.
    """
    return max(FEWEST_FAILED_TASKS, min(MOST_FAILED_TASKS, -(-desired // 2)))


def migration_seconds(migration: int) -> int:
    """Seconds for the task that migrates, with its start."""
    return FARGATE_START_SECONDS + migration


@dataclass(frozen=True, kw_only=True)
class EcsTimes:
    """How long a release on ECS may take at worst, in seconds, once its migration is done, and what ECS and the load
    balancer are told for that.

    `shared` are the parts that every container has. `fewest` is the lowest number of tasks: with few of them the
    circuit breaker needs several rounds to see enough fail. `shifts` is how often requests change from the old tasks
    to the new while both run (0: rolling, 1: blue/green, 2: canary), and `bake` how long each change is watched.
    `ring` is within how long the slowest of the alarms that judge a release rings.
    """

    shared: ContainerTimes
    fewest: int
    shifts: int
    bake: int
    ring: int

    @property
    def deregistration(self) -> int:
        """Seconds in which a task that leaves the load balancer still answers what it has begun; then it is asked to
        stop.
        """
        return self.shared.drain

    @property
    def stop(self) -> int:
        """Seconds from SIGTERM until ECS kills (`stopTimeout`)."""
        return self.shared.stop

    @property
    def start(self) -> int:
        """Seconds from asking for a task until it gets requests."""
        return FARGATE_START_SECONDS + self.shared.startup + HEALTHY_THRESHOLD * HEALTH_INTERVAL_SECONDS

    @property
    def fail(self) -> int:
        """Seconds from asking for a task until one that never becomes healthy has failed: ECS's own checks begin to
        count when the time to start up is over, the load balancer's count from the first moment.
        """
        own = self.shared.startup + LIVENESS_RETRIES * HEALTH_INTERVAL_SECONDS
        return FARGATE_START_SECONDS + max(own, UNHEALTHY_THRESHOLD * HEALTH_INTERVAL_SECONDS)

    @property
    def watch(self) -> int:
        """Seconds for which ECS watches the alarms of a release that has become healthy. For a rolling one it sets them
        itself, from the alarms' periods.
        """
        return self.shifts * (SHIFT_SECONDS + self.bake) if self.shifts else self.ring

    @property
    def service(self) -> int:
        """Seconds for the service alone: new tasks all at once beside the old, watched, and the old ones gone."""
        return self.start + self.watch + self.deregistration + self.stop

    @property
    def rollout(self) -> int:
        """Seconds for the slowest release that still succeeds."""
        return self.service + ASK_SECONDS

    @property
    def rounds(self) -> int:
        """How many times tasks are started until enough of them have failed; as many run at a time as are wanted."""
        return -(-failed_tasks(self.fewest) // self.fewest)

    @property
    def given_up(self) -> int:
        """Seconds until a release that never becomes healthy is gone. It got no request, so nothing is waited for
        when it leaves the load balancer.
        """
        return self.rounds * self.fail + self.stop

    @property
    def called_back(self) -> int:
        """Seconds from an alarm's ringing until the release that let it ring is gone: the old tasks must be started
        again after a rolling release, and wait beside it otherwise.
        """
        back = SHIFT_SECONDS if self.shifts else self.start
        return back + self.deregistration + self.stop

    @property
    def rollback(self) -> int:
        """Seconds for the slower of the two ways back. A release whose tasks become healthy and die later has none of
        its own: the circuit breaker counts from nothing again, so an alarm or the end of the release's time ends it.
        """
        return max(self.given_up, self.called_back)
