"""An event loop for whatever runs a program of Pulumi's: its SDK asks for the thread's own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


@contextlib.contextmanager
def own_event_loop() -> Generator[None]:
    """A new loop for the thread; afterwards it has again the one that it had, or none after an `asyncio.run`."""
    try:
        before = asyncio.get_event_loop()
    except RuntimeError:
        before = None
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        loop.close()
        asyncio.set_event_loop(before)


@pytest.fixture(autouse=True)
def event_loop_of_its_own() -> Iterator[None]:
    """A test before this one that called `asyncio.run` has left none."""
    with own_event_loop():
        yield
