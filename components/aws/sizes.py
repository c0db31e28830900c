"""The sizes that Fargate has: each number of CPU units (1024 are one vCPU) goes with some amounts of memory in MiB."""

from collections.abc import Mapping, Sequence

GIB = 1024

FARGATE: Mapping[int, Sequence[int]] = {
    256: (512, 1 * GIB, 2 * GIB),
    512: range(1 * GIB, 4 * GIB + 1, GIB),
    1024: range(2 * GIB, 8 * GIB + 1, GIB),
    2048: range(4 * GIB, 16 * GIB + 1, GIB),
    4096: range(8 * GIB, 30 * GIB + 1, GIB),
    8192: range(16 * GIB, 60 * GIB + 1, 4 * GIB),
    16384: range(32 * GIB, 120 * GIB + 1, 8 * GIB),
    32768: (60 * GIB, 120 * GIB, 244 * GIB),
}
"""AWS's table of task sizes. A pair beyond it is refused when the task definition is registered."""


def require_size(cpu: int, memory: int) -> None:
    """Raises ValueError for a pair that Fargate does not have, with what would go."""
    amounts = FARGATE.get(cpu)
    if amounts is None:
        raise ValueError(
            f"cpu {cpu} is no size of Fargate, so the task definition would be refused in the middle of the "
            f"deployment; choose one of {', '.join(map(str, FARGATE))} (1024 are one vCPU)"
        )
    if memory not in amounts:
        raise ValueError(
            f"memory {memory} does not go with cpu {cpu} on Fargate, so the task definition would be refused in the "
            f"middle of the deployment; choose one of {', '.join(map(str, amounts))} (MiB), or another cpu"
        )
