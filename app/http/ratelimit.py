"""Limits by class of request, as operators set them with RATE_LIMIT_<CLASS>.

A request counts against its tenant, or against its client's address when it brings no valid key (so guessing keys is
limited too). Counters live in the memory of each web worker.
"""

import math
import time
from collections.abc import Awaitable, Callable

from fastapi import Request
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from app.http.context import client_address
from app.http.dependencies import find_tenant
from app.http.problems import ProblemError
from app.http.state import services
from app.settings import RATE_CLASSES, RateClass, Settings

# Probes and scrapers bring no key, and looking one up would be I/O that a probe must not cause.
_BY_ADDRESS: frozenset[RateClass] = frozenset({"health", "metrics"})


class RateLimiter:
    """Counts requests in moving windows."""

    def __init__(self, settings: Settings) -> None:
        self._enabled = settings.rate_limit_enabled
        self._items: dict[str, RateLimitItem] = {name: parse(settings.rate(name)) for name in RATE_CLASSES}
        self._strategy = MovingWindowRateLimiter(MemoryStorage())

    async def wait_for(self, name: RateClass, who: str) -> int | None:
        """Count one request; None when it may go on, else the whole seconds until one will be let through."""
        item = self._items[name]
        if not self._enabled or await self._strategy.hit(item, name, who):
            return None
        window = await self._strategy.get_window_stats(item, name, who)
        return max(1, math.ceil(window.reset_time - time.time()))


def limit(name: RateClass) -> Callable[[Request], Awaitable[None]]:
    """A dependency that counts the request in a class: `dependencies=[Depends(limit("query"))]`.

    Raises (in the request): 429 with `Retry-After`, the real wait in seconds.
    """

    async def count(request: Request) -> None:
        own = services(request)
        found = None if name in _BY_ADDRESS else await find_tenant(request)
        who = f"tenant:{found.tenant_id}" if found else _address(request, own.settings)
        wait = await own.limiter.wait_for(name, who)
        if wait is not None:
            raise ProblemError(
                429,
                "rate_limited",
                f"Too many requests of class `{name}` ({own.settings.rate(name)}); try again in {wait} s.",
                headers={"Retry-After": str(wait)},
            )

    return count


def _address(request: Request, settings: Settings) -> str:
    return f"address:{client_address(request.scope, settings.trusted_proxy_hops)}"
