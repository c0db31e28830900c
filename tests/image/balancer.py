"""A load balancer's part of a rollout: who is ready gets the requests, and each request is sent once."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

_PROBE_SECONDS: Final = 0.5
"""Slow enough that a backend which leaves without a notice is always asked in vain before that is noticed."""

_PAUSE_SECONDS: Final = 0.01
_LONGEST_SECONDS: Final = 120.0


class Balancer:
    """Four clients (kept connections and new ones) ask the first backend that is ready, until the block ends.

    One that does not watch goes on asking the first backend whatever happens to it.
    """

    def __init__(self, backends: Sequence[str], key: str, *, watches: bool = True) -> None:
        self.answered: Counter[str] = Counter()
        self.failures: list[str] = []
        self._backends = backends
        self._headers = {"Authorization": f"Bearer {key}"}
        self._target = backends[0]
        self._halt = threading.Event()
        self._threads = [threading.Thread(target=self._watch, name="watch")] if watches else []
        for keep in (True, True, False, False):
            self._threads.append(threading.Thread(target=self._ask, args=(keep,), name="ask"))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._halt.set()
        for thread in self._threads:
            thread.join(_LONGEST_SECONDS)
            if thread.is_alive():
                self.failures.append(f"the thread {thread.name} did not end")

    def _watch(self) -> None:
        with httpx.Client(timeout=5, trust_env=False) as client:
            while not self._halt.wait(_PROBE_SECONDS):
                ready = [backend for backend in self._backends if _is_ready(client, backend)]
                # With nobody ready the last target stays: a failure that must be counted.
                self._target = ready[0] if ready else self._target

    def _ask(self, keep: bool) -> None:  # a thread's argument
        with ExitStack() as stack:
            client = stack.enter_context(httpx.Client(timeout=30, trust_env=False, headers=self._headers))
            if not keep:
                client.headers["Connection"] = "close"
            number = 0
            while not self._halt.wait(_PAUSE_SECONDS):
                number += 1
                target = self._target
                try:
                    if number % 2:
                        response = client.get(f"{target}/health")
                    else:
                        response = client.post(f"{target}/v1/query", json={"query": "When does the ferry leave?"})
                except httpx.HTTPError as error:
                    self.failures.append(f"{target}: {error!r}")
                    continue
                if response.status_code == httpx.codes.OK.value:
                    self.answered[target] += 1
                else:
                    self.failures.append(f"{target}: {response.status_code} {response.text[:200]}")


def _is_ready(client: httpx.Client, backend: str) -> bool:
    try:
        return client.get(f"{backend}/readyz").status_code == httpx.codes.OK.value
    except httpx.HTTPError:
        return False
