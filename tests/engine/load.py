"""A steady load on a service: a request every 10 ms, each one accounted for."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from types import TracebackType

EVERY_SECONDS: Final = 0.01
LONGEST_SECONDS: Final = 120


@dataclass
class Answers:
    """Every answer by what it was: a status code, or the name of the error."""

    counts: Counter[str] = field(default_factory=Counter[str])
    releases: set[str] = field(default_factory=set[str])
    bodies: set[str] = field(default_factory=set[str])

    @property
    def failures(self) -> dict[str, int]:
        """Whatever was not a 200."""
        return {what: count for what, count in self.counts.items() if what != "200"}

    @property
    def total(self) -> int:
        """Requests sent and answered, in whatever way."""
        return self.counts.total()


class SteadyLoad:
    """Asks `/health` and `/v1/query` in turn from a thread of its own, until the block ends.

    Open loop: a request is sent every 10 ms whether or not the ones before were answered. Connections are kept alive,
    as a load balancer keeps them.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.answers = Answers()

    def __enter__(self) -> Answers:
        self._thread.start()
        return self.answers

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        timeout = httpx.Timeout(30)
        async with httpx.AsyncClient(
            base_url=self._url, limits=limits, timeout=timeout, headers=self._headers
        ) as client:
            pending: set[asyncio.Task[None]] = set()
            loop = asyncio.get_running_loop()
            begin = loop.time()
            sent = 0
            while not self._stop.is_set() and loop.time() - begin < LONGEST_SECONDS:
                task = asyncio.create_task(self._ask(client, query=sent % 2 == 1))
                pending.add(task)
                task.add_done_callback(pending.discard)
                sent += 1
                await asyncio.sleep(max(0.0, begin + sent * EVERY_SECONDS - loop.time()))
            await asyncio.gather(*pending)

    async def _ask(self, client: httpx.AsyncClient, *, query: bool) -> None:
        try:
            if query:
                response = await client.post("/v1/query", json={"query": "How long is the notice period?"})
            else:
                response = await client.get("/health")
        except httpx.HTTPError as error:
            self.answers.counts[type(error).__name__] += 1
            return
        self.answers.counts[str(response.status_code)] += 1
        if response.status_code != 200:
            self.answers.bodies.add(f"{response.request.url.path}: {response.text[:300]}")
        if not query and response.status_code == 200:
            self.answers.releases.add(str(response.json()["release"]))
