from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingestion.chunking import PAGE_SEPARATOR, Chunk, ChunkRules, chunks_of, join_pages
from app.ingestion.tokens import EstimatedTokens
from tests.fixtures.documents import prose

pytestmark = pytest.mark.unit

COUNTER = EstimatedTokens()
RULES = ChunkRules(size=100, overlap=20, minimum=30)


def cut(pages: list[str], rules: ChunkRules = RULES) -> tuple[str, list[Chunk]]:
    text, starts = join_pages(pages)
    return text, list(chunks_of(text, starts, rules, COUNTER))


WORDS = st.text(st.sampled_from("ab. ,\n!é日\U0001f600?\"'-1 "), max_size=400)
SIZES = st.integers(16, 120).flatmap(
    lambda size: st.builds(
        ChunkRules, size=st.just(size), overlap=st.integers(0, size - 1), minimum=st.integers(0, size)
    )
)


@given(st.lists(WORDS | st.text(max_size=200), min_size=1, max_size=5), SIZES)
def test_chunks_are_verbatim_bounded_in_order_and_leave_nothing_out(pages: list[str], rules: ChunkRules) -> None:
    text, chunks = cut(pages, rules)
    covered = [False] * len(text)
    for number, chunk in enumerate(chunks):
        assert chunk.ordinal == number
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.text.strip() == chunk.text != ""
        assert chunk.tokens == COUNTER.count(chunk.text) <= rules.size
        covered[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
    assert all(covered[position] or text[position].isspace() for position in range(len(text)))
    ends = [chunk.end for chunk in chunks]
    assert ends == sorted(set(ends)), "each chunk goes on beyond its predecessor"


@given(st.lists(WORDS, min_size=1, max_size=6), SIZES)
def test_pages_are_those_on_which_a_chunk_begins_and_ends(pages: list[str], rules: ChunkRules) -> None:
    text, chunks = cut(pages, rules)
    page_at: list[int] = []
    for number, page in enumerate(pages, start=1):
        page_at += [number] * (len(page) + len(PAGE_SEPARATOR))
    assert len(page_at) == len(text) + len(PAGE_SEPARATOR)
    for chunk in chunks:
        assert (chunk.page, chunk.page_end) == (page_at[chunk.start], page_at[chunk.end - 1])


def test_every_page_of_a_long_document_is_named_by_its_own_chunks() -> None:
    pages = [prose(page, sentences=6) for page in range(1, 31)]
    _, chunks = cut(pages)
    for page in range(1, 31):
        first = next(chunk for chunk in chunks if f"Fact {page}.1 " in chunk.text)
        assert first.page <= page <= first.page_end
    assert {chunk.page for chunk in chunks} == set(range(1, 31))


def test_sentences_stay_whole_when_they_fit() -> None:
    _, chunks = cut([prose(1, sentences=40)], ChunkRules(size=200, overlap=20, minimum=30))
    assert len(chunks) > 3
    assert all(chunk.text.startswith("Fact ") and chunk.text.endswith(".") for chunk in chunks)


def test_text_without_sentence_ends_still_splits() -> None:
    _, chunks = cut([" ".join(f"word{number}" for number in range(3000))])
    assert len(chunks) > 60
    assert max(chunk.tokens for chunk in chunks) <= RULES.size


def test_white_space_at_the_end_makes_no_chunk_that_repeats_the_last() -> None:
    # The line break alone overflows the first chunk, so a second one would hold the overlap and nothing else.
    _, chunks = cut([",b..-bab.aa.a-a,\n"], ChunkRules(size=16, overlap=7, minimum=0))
    assert [chunk.text for chunk in chunks] == [",b..-bab.aa.a-a,"]


def test_text_without_any_space_still_splits() -> None:
    _, chunks = cut(["x" * 10_000])
    assert sum(chunk.end - chunk.start for chunk in chunks) >= 10_000
    assert max(chunk.tokens for chunk in chunks) <= RULES.size


def test_neighbours_overlap_by_whole_sentences() -> None:
    _, chunks = cut([prose(1, sentences=40)], ChunkRules(size=200, overlap=80, minimum=30))
    for before, after in itertools.pairwise(chunks):
        shared = before.end - after.start
        assert shared > 0
        assert after.text.startswith("Fact ")
        assert before.text.endswith(after.text[:shared].rstrip())


def test_a_short_tail_is_kept_and_long_enough() -> None:
    _, chunks = cut([prose(1, sentences=9) + " The end."], ChunkRules(size=100, overlap=0, minimum=60))
    assert chunks[-1].text.endswith("The end.")
    assert chunks[-1].tokens >= 60


def test_a_document_shorter_than_the_smallest_chunk_is_one_chunk() -> None:
    _, chunks = cut(["Tiny."])
    assert [(chunk.text, chunk.page, chunk.start, chunk.end) for chunk in chunks] == [("Tiny.", 1, 0, 5)]


def test_a_chunk_that_spans_pages_names_both() -> None:
    _, chunks = cut(["One short page.", "", "Another short page."])
    assert [(chunk.page, chunk.page_end) for chunk in chunks] == [(1, 3)]


@pytest.mark.parametrize(
    ("size", "overlap", "minimum", "named"),
    [(15, 0, 0, "size 15"), (100, 100, 0, "overlap 100"), (100, -1, 0, "overlap -1"), (100, 0, 101, "chunk 101")],
)
def test_impossible_sizes_are_refused_by_name(size: int, overlap: int, minimum: int, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ChunkRules(size=size, overlap=overlap, minimum=minimum)
