"""Retrieval against a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.retrieval import frequencies, keyword
from app.retrieval.keyword import KeywordRetriever
from app.retrieval.lexemes import frequencies_in, lexemes_in, needles, quoted
from app.retrieval.ports import Passage, SearchScope
from app.retrieval.scope import ChunkScope
from tests.app.retrieval.library import Library

pytestmark = [pytest.mark.anyio, pytest.mark.integration]

HOSTILE = [
    "ferry & !ticket | (",
    "ferry' OR '1'='1",
    'ferry":*A <-> \\',
    "100% ferry _ % \\%",
    "ferry \U0001f6a2\U0001f6a2\U0001f6a2 \u202e",
    "\u6f22" * 1000,
    "x" * 1000,
    "ferry; DROP TABLE chunks; --",
    "$1 :word %(word)s {0} ferry",
    "ferry@example.org https://example.org/a?b=c&d='e' /etc/passwd ferry.py",
]


async def _find(
    session: AsyncSession, scope: SearchScope | Library, question: str, *, top_k: int = 10, mmr_lambda: float = 1.0
) -> list[Passage]:
    where = SearchScope(tenant_id=scope.tenant_id) if isinstance(scope, Library) else scope
    retrieval = await KeywordRetriever().retrieve(session, question, where, top_k=top_k, mmr_lambda=mmr_lambda)
    return list(retrieval.passages)


async def test_the_chunk_with_the_rare_word_comes_first(session: AsyncSession, library: Library) -> None:
    library.add("a.txt", ["The boat is late and the boat is full.", "The boat carries a sextant.", "A boat."])
    found = await _find(session, library, "Which boat carries the sextant?")
    assert found[0].text == "The boat carries a sextant."
    assert [passage.score for passage in found] == sorted((passage.score for passage in found), reverse=True)


async def test_other_forms_of_a_word_are_found(session: AsyncSession, library: Library) -> None:
    library.add("a.txt", ["The lifeboats are inspected in March."])
    assert await _find(session, library, "inspecting the lifeboat")


async def test_a_file_name_in_a_question_is_found(session: AsyncSession, library: Library) -> None:
    library.add("a.txt", ["Everything is read by stacks/settings.py alone.", "Nothing here."])
    found = await _find(session, library, "Who reads `stacks/settings.py`?")
    assert [passage.ordinal for passage in found] == [0]


async def test_no_tenant_finds_the_chunks_of_another(
    session: AsyncSession, library: Library, other_library: Library
) -> None:
    foreign = other_library.add("secret.txt", ["The sextant is in the safe."])
    library.add("own.txt", ["A boat without instruments."])
    assert await _find(session, library, "Where is the sextant?") == []
    by_id = SearchScope(tenant_id=library.tenant_id, document_ids=(foreign.id,))
    by_batch = SearchScope(tenant_id=library.tenant_id, batch_ids=(foreign.batch_id,))
    by_name = SearchScope(tenant_id=library.tenant_id, filenames=("secret.txt",))
    for scope in (by_id, by_batch, by_name):
        assert await _find(session, scope, "Where is the sextant?") == []
    assert len(await _find(session, replace(by_id, tenant_id=other_library.tenant_id), "Where is the sextant?")) == 1


async def test_each_filter_narrows_and_all_must_hold(session: AsyncSession, library: Library) -> None:
    first = library.add("first.txt", ["The sextant of brass."])
    second = library.add("second.txt", ["The sextant of steel."])
    scope = SearchScope(tenant_id=library.tenant_id)
    for narrowed in (
        replace(scope, document_ids=(second.id, uuid4())),
        replace(scope, batch_ids=(second.batch_id,)),
        replace(scope, filenames=("second.txt", "third.txt")),
    ):
        assert [passage.document_id for passage in await _find(session, narrowed, "sextant")] == [second.id]
    both = replace(scope, document_ids=(first.id,), filenames=("second.txt",))
    assert await _find(session, both, "sextant") == []


async def test_an_empty_filter_finds_nothing_and_is_not_taken_for_no_filter(
    session: AsyncSession, library: Library
) -> None:
    library.add("first.txt", ["The sextant of brass."])
    assert await _find(session, SearchScope(tenant_id=library.tenant_id, document_ids=()), "sextant") == []


@pytest.mark.parametrize("status", ["failed", "rejected"])
async def test_leftovers_of_a_failed_document_are_never_cited(
    session: AsyncSession, library: Library, status: str
) -> None:
    library.add("broken.txt", ["The sextant of brass."], status=status)
    assert await _find(session, library, "sextant") == []


@pytest.mark.parametrize("question", ["what is it", "the and of", "?!...", "''", "\U0001f6a2\U0001f6a2\U0001f6a2"])
async def test_a_question_without_content_finds_nothing(session: AsyncSession, library: Library, question: str) -> None:
    library.add("a.txt", ["What is it? The and of."])
    assert await _find(session, library, question) == []


@pytest.mark.parametrize("question", HOSTILE)
async def test_characters_of_query_languages_are_only_characters(
    session: AsyncSession, library: Library, question: str
) -> None:
    library.add("a.txt", ["The ferry leaves.", "Nothing else."])
    found = await _find(session, library, question)
    assert [passage.ordinal for passage in found] == ([0] if "ferry" in question else [])


async def test_no_more_than_top_k_are_returned(session: AsyncSession, library: Library) -> None:
    library.add("a.txt", [f"Sextant number {number}." for number in range(60)])
    assert len(await _find(session, library, "sextant", top_k=1)) == 1
    assert len(await _find(session, library, "sextant", top_k=50)) == 50


async def test_lambda_decides_between_near_copies_and_variety(session: AsyncSession, library: Library) -> None:
    copies = [f"The sextant is kept in the brass cabinet of the captain, copy {number}." for number in range(5)]
    library.add("a.txt", [*copies, "Polish the sextant with chalk every month and never with acid or sand paper."])
    relevant = await _find(session, library, "sextant cabinet", top_k=2, mmr_lambda=1.0)
    varied = await _find(session, library, "sextant cabinet", top_k=2, mmr_lambda=0.3)
    assert all("cabinet" in passage.text for passage in relevant)
    assert varied[0].text == relevant[0].text
    assert "chalk" in varied[1].text


async def test_a_frequent_word_is_told_from_the_sample_and_a_rare_one_counted(
    session: AsyncSession, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add("a.txt", [f"Harbor log {number}." + (" A sextant." if number < 3 else "") for number in range(40)])
    await session.execute(text("ANALYZE chunks"))
    monkeypatch.setattr(frequencies, "COUNT_LIMIT", 5)
    own = ChunkScope(tenant_id=library.tenant_id, documents=None, chunks=40)
    counted = await frequencies.document_frequencies(
        session, ["harbor", "sextant", "absent"], own, sampled={"harbor": 0.9}
    )
    assert counted == {"harbor": 36, "sextant": 3, "absent": 0}
    unsampled = await frequencies.document_frequencies(session, ["harbor"], own, sampled={})
    assert unsampled == {"harbor": 5}, "without a sample the count stops at the limit"


async def test_the_sample_is_read_once_it_exists(session: AsyncSession, library: Library) -> None:
    library.add("a.txt", ["Zanzibar clove harvest."] * 30)
    await session.execute(text("ANALYZE chunks"))
    sampled = await frequencies.SampledFractions().of(session)
    assert 0 < sampled["zanzibar"] <= 1


async def test_a_lookup_beyond_the_budget_still_finds(
    session: AsyncSession, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add("a.txt", [f"Harbor log number{number}." for number in range(40)])
    monkeypatch.setattr(keyword, "LOOKUP_BUDGET", 5)
    assert 0 < len(await _find(session, library, "harbor log", top_k=50)) <= 5
    assert [passage.ordinal for passage in await _find(session, library, "harbor log number7")] == [7]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_lexeme_survives_the_way_to_postgresql_and_back(service_database: str, lexeme: str) -> None:
    with psycopg.connect(service_database, autocommit=True) as connection:
        row = connection.execute(
            "SELECT array_to_tsvector(ARRAY[%s])::text, array_to_tsvector(ARRAY[%s]) @@ %s::tsquery",
            (lexeme, lexeme, quoted(lexeme)),
        ).fetchone()
    assert row is not None
    printed, found = row
    assert found is True
    assert printed == quoted(lexeme)
    assert frequencies_in(f"{printed}:1", needles([lexeme])) == {lexeme: 1}


def test_frequencies_read_from_a_vector_are_those_that_postgresql_counts(service_database: str) -> None:
    content = "Boat boat's boats; a rowboat, BOAT-house, o'boat. See boat.py, 3.5 boats at boat@example.org!"
    with psycopg.connect(service_database, autocommit=True) as connection:
        printed = connection.execute("SELECT to_tsvector('english', %s)::text", (content,)).fetchone()
        counts = connection.execute(
            "SELECT lexeme, cardinality(positions) FROM unnest(to_tsvector('english', %s))", (content,)
        ).fetchall()
    assert printed is not None
    assert counts
    assert frequencies_in(printed[0], needles([*(lexeme for lexeme, _ in counts), "absent"])) == dict(counts)
    assert len(lexemes_in(printed[0])) == len(counts)
