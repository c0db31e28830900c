from __future__ import annotations

import pytest

from app.retrieval.bm25 import Bm25, inverse_frequency
from app.retrieval.keyword import LOOKUP_BUDGET, lexemes_within_budget
from app.retrieval.mmr import diversified, likeness
from app.retrieval.words import content_words, gram_count, grams, same_word

pytestmark = pytest.mark.unit


def test_a_rarer_term_weighs_more_and_none_weighs_less_than_nothing() -> None:
    assert inverse_frequency(1000, 1) > inverse_frequency(1000, 100) > inverse_frequency(1000, 1000) > 0
    assert inverse_frequency(10, 50) > 0, "an estimate above the number of chunks must not turn the weight around"


def test_bm25_prefers_the_rarer_term_the_repeated_term_and_the_shorter_chunk() -> None:
    ranking = Bm25(weights={"rare": 5.0, "common": 1.0}, average_length=100)
    assert ranking.score({"rare": 1}, 100) > ranking.score({"common": 1}, 100)
    assert ranking.score({"rare": 2}, 100) > ranking.score({"rare": 1}, 100)
    assert ranking.score({"rare": 1}, 50) > ranking.score({"rare": 1}, 200)
    assert ranking.score({"rare": 0}, 100) == 0


def test_repeating_a_term_saturates() -> None:
    ranking = Bm25(weights={"term": 1.0}, average_length=100)
    once, twice, often = (ranking.score({"term": count}, 100) for count in (1, 2, 200))
    assert twice - once > 0
    assert often < 2.2 * once


def test_lambda_one_is_the_order_of_relevance() -> None:
    same = frozenset({"a"})
    assert diversified([3.0, 2.0, 1.0], [same, same, same], count=3, trade_off=1.0) == [0, 1, 2]


def test_a_lower_lambda_moves_a_near_duplicate_behind_something_else() -> None:
    terms = [frozenset("abcd"), frozenset("abcd"), frozenset("wxyz")]
    assert diversified([3.0, 2.9, 2.0], terms, count=3, trade_off=0.5) == [0, 2, 1]


def test_lambda_zero_still_begins_with_the_most_relevant() -> None:
    terms = [frozenset("ab"), frozenset("ac"), frozenset("xy")]
    assert diversified([3.0, 2.0, 1.0], terms, count=2, trade_off=0.0) == [0, 2]


def test_no_more_are_chosen_than_there_are() -> None:
    assert diversified([], [], count=5, trade_off=0.5) == []
    assert diversified([1.0], [frozenset("a")], count=5, trade_off=0.5) == [0]


def test_likeness_is_one_for_the_same_terms_and_zero_for_none_in_common() -> None:
    assert likeness(frozenset("ab"), frozenset("ab")) == pytest.approx(1.0)
    assert likeness(frozenset("ab"), frozenset("cd")) == 0
    assert likeness(frozenset(), frozenset("cd")) == 0


def test_the_lookup_takes_the_rarest_terms_until_the_budget_is_spent() -> None:
    frequencies = {"common": LOOKUP_BUDGET, "rare": 3, "absent": 0, "some": 100}
    assert lexemes_within_budget(frequencies) == ["rare", "some"]


def test_a_question_of_one_common_word_is_looked_up_all_the_same() -> None:
    assert lexemes_within_budget({"common": 10 * LOOKUP_BUDGET}) == ["common"]


@pytest.mark.parametrize(("left", "right"), [("inspects", "inspected"), ("crossing", "crossings"), ("mite", "mites")])
def test_forms_of_a_word_are_the_same_word(left: str, right: str) -> None:
    assert same_word(left, right)


@pytest.mark.parametrize(("left", "right"), [("ferry", "fertile"), ("cat", "dog"), ("harbor", "harpoon")])
def test_words_that_only_begin_alike_are_different_words(left: str, right: str) -> None:
    assert not same_word(left, right)


def test_a_question_of_stop_words_has_no_content() -> None:
    assert content_words("What is it, and how often?") == []


def test_the_number_of_ngrams_is_known_without_making_them() -> None:
    words = ["a", "ab", "abc", "ferry", "twenty-four"]
    assert gram_count(words) == sum(len(grams(word)) for word in words)
