"""How a release on AWS may be told to take over, and what is refused because it does nothing or takes too long."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.capacity import LAME_DUCK_SECONDS
from stacks.settings import SettingsError
from tests.aws_settings import parse_aws, parse_production

pytestmark = pytest.mark.unit


def refusal(**keys: object) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_aws(**keys)
    return str(caught.value)


@pytest.mark.parametrize("strategy", ["rolling", "blue-green", "canary"])
def test_every_strategy_has_defaults_of_its_own(strategy: str) -> None:
    rollout = parse_aws(rollout={"strategy": strategy}).rollout
    assert rollout.bake == (0 if strategy == "rolling" else 5)
    assert rollout.canary == (10 if strategy == "canary" else None)


@pytest.mark.parametrize(
    ("rollout", "words"),
    [
        ({"bake_minutes": 3}, "bake_minutes does nothing in a rolling release"),
        ({"canary_percent": 10}, "canary_percent does nothing with strategy rolling"),
        ({"strategy": "canary", "bake_minutes": 4}, "bake_minutes 4 is under the 5 minutes that the alarms"),
        ({"strategy": "canary", "bake_minutes": 0}, "set bake_minutes: 5, or leave it out"),
        ({"strategy": "blue-green", "bake_minutes": 5, "startup_seconds": 61}, "set bake_minutes: 6, or leave it out"),
        ({"strategy": "blue-green", "canary_percent": 10}, "canary_percent does nothing with strategy blue-green"),
        ({"strategy": "canary", "canary_percent": 91}, "rag:rollout.canary_percent"),
        ({"strategy": "linear"}, "rag:rollout.strategy"),
        ({"drain_seconds": 29}, "drain_seconds 29 is under graceful_seconds 30"),
    ],
)
def test_a_key_that_does_nothing_with_a_strategy_or_cuts_requests_is_refused(
    rollout: dict[str, object], words: str
) -> None:
    assert words in refusal(rollout=rollout)


def test_a_bake_time_that_breaks_the_promise_of_15_minutes_is_refused_with_the_keys_of_the_sum_and_what_fits() -> None:
    message = refusal(rollout={"strategy": "canary", "bake_minutes": 6})
    assert (
        "a release could take 988 s, over the promised 900 s, with rollout.startup_seconds 30, rollout.drain_seconds "
        "30, rollout.graceful_seconds 30, rollout.bake_minutes 6; lower rollout.bake_minutes to 5"
    ) in message
    assert "migration" not in message
    assert parse_aws(rollout={"strategy": "canary", "bake_minutes": 5}).times.rollout <= 900


def test_where_no_key_alone_is_enough_a_refusal_says_so() -> None:
    message = refusal(rollout={"strategy": "canary", "startup_seconds": 61, "bake_minutes": 6})
    assert "rollout.bake_minutes 6; lower more than one of these" in message


def test_a_default_that_does_not_fit_names_the_key_that_it_follows_from() -> None:
    message = refusal(rollout={"strategy": "canary", "startup_seconds": 61}, replicas={"min": 3, "max": 3})
    assert "with rollout.startup_seconds 61" in message
    assert "lower rollout.startup_seconds to 60" in message
    assert "bake_minutes" not in message, "nobody has written that key"


@pytest.mark.parametrize(("strategy", "most"), [("blue-green", 12), ("canary", 5)])
def test_the_bake_time_goes_from_what_the_alarms_need_to_what_the_promised_time_leaves(
    strategy: str, most: int
) -> None:
    shortest = {"startup_seconds": 1, "drain_seconds": 1, "graceful_seconds": 1, "strategy": strategy}
    accepted: list[int] = []
    for minutes in range(30):
        with contextlib.suppress(SettingsError):
            accepted.append(parse_aws(rollout={**shortest, "bake_minutes": minutes}).rollout.bake)
    assert accepted == list(range(5, most + 1))


def test_a_start_up_that_breaks_the_promise_of_5_minutes_is_refused_where_one_task_runs() -> None:
    message = refusal(rollout={"startup_seconds": 40})
    assert "a failed release could take 323 s to go back, over the promised 300 s" in message
    assert "with rollout.startup_seconds 40, rollout.graceful_seconds 30;" in message
    assert "lower rollout.startup_seconds to 32, or rollout.graceful_seconds to 7" in message
    assert "or raise replicas.min 1 to 2: ECS gives up after 3 failed tasks" in message
    assert "drain_seconds" not in message, "a task that never got a request drains none"
    assert parse_production(rollout={"startup_seconds": 40}).times.rollback <= 300


@given(graceful=st.integers(1, 60), fewest=st.integers(1, 10))
def test_whatever_is_accepted_lets_a_container_stop_before_fargate_kills_it(graceful: int, fewest: int) -> None:
    keys = {"rollout": {"graceful_seconds": graceful, "drain_seconds": 60, "startup_seconds": 10}}
    try:
        settings = parse_production(**keys, replicas={"min": fewest, "max": 10})
    except SettingsError as error:
        assert "could take" in str(error)  # noqa: PT017  # why: hypothesis draws both kinds
        return
    assert graceful + LAME_DUCK_SECONDS < settings.times.stop <= 120
