"""The end of a task's log, which CloudWatch shows late."""

from __future__ import annotations

import pytest

from components.aws.task_log import log_tail
from tests.aws.moto_account import GROUP, World, stopped

pytestmark = pytest.mark.unit


def test_a_log_that_is_shown_late_is_read_until_two_readings_agree(world: World) -> None:
    outcome = world.run(stopped(0), world.wrote("one"), world.wrote("two"))
    assert list(outcome.log) == ["one", "two"]


def test_a_log_that_never_comes_is_waited_for_only_so_long(world: World) -> None:
    waits: list[float] = []
    assert log_tail(world.logs, GROUP, "migrate/migrate/none", wait=waits.append) == []
    assert sum(waits) <= 30


def test_only_the_end_of_a_long_log_is_shown(world: World) -> None:
    said = world.fails(world.wrote(*[f"line {number}" for number in range(100)]), stopped(1))
    assert "  line 99" in said
    assert "  line 69\n" not in said
