"""Open-loop load: requests leave on schedule whether or not earlier ones came back."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Latencies in milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Summary:
        """Nearest-rank percentiles. Raises ValueError for no values at all."""
        if not milliseconds:
            raise ValueError("nothing was measured: every request failed")
        ordered = sorted(milliseconds)

        def percentile(share: float) -> float:
            return round(ordered[math.ceil(share * len(ordered)) - 1], 2)

        return cls(
            count=len(ordered),
            p50=percentile(0.50),
            p95=percentile(0.95),
            p99=percentile(0.99),
            max=round(ordered[-1], 2),
        )

    def line(self) -> str:
        """One line for people."""
        values = "  ".join(f"{name} {value:8.2f}" for name, value in asdict(self).items() if name != "count")
        return f"{values}   ({self.count} samples, ms)"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of a load: latencies of the successes in milliseconds, and the failures by kind."""

    milliseconds: list[float]
    errors: dict[str, int]


async def open_loop(action: Callable[[int], Awaitable[None]], *, per_second: float, seconds: float) -> Load:
    """Call `action(number)` on schedule; a call that raises is an error.

    Latency counts from the moment a call was due, so a stalled service cannot hide by delaying the load.
    """
    load = Load(milliseconds=[], errors={})
    began = time.perf_counter()

    async def one(number: int) -> None:
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        try:
            await action(number)
        except Exception as error:  # every failure is a result here
            kind = str(error) or type(error).__name__
            load.errors[kind] = load.errors.get(kind, 0) + 1
        else:
            load.milliseconds.append((time.perf_counter() - due) * 1000.0)

    async with asyncio.TaskGroup() as group:
        for number in range(round(per_second * seconds)):
            group.create_task(one(number))
    return load
