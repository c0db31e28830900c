"""How often the right sentence answers, over a small corpus; the thresholds leave no room for a worse method."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.retrieval.extractive import ExtractiveAnswerer
from app.retrieval.keyword import KeywordRetriever
from app.retrieval.ports import AnswerPiece, SearchScope
from tests.app.retrieval.library import Library
from tests.app.retrieval.questions import ANSWERABLE, UNANSWERABLE

pytestmark = [pytest.mark.anyio, pytest.mark.integration]
FLOOR = 0.32


async def _answer(session: AsyncSession, library: Library, question: str) -> list[AnswerPiece]:
    retrieval = await KeywordRetriever().retrieve(
        session, question, SearchScope(tenant_id=library.tenant_id), top_k=10, mmr_lambda=0.5
    )
    return [piece async for piece in ExtractiveAnswerer(FLOOR).answer(question, retrieval)]


@pytest.mark.parametrize("by_section", [True, False], ids=["a chunk per section", "a chunk per document"])
async def test_nine_of_ten_questions_are_answered_by_the_right_sentence(
    session: AsyncSession, library: Library, by_section: bool
) -> None:
    library.add_corpus(by_section=by_section)
    wrong: list[str] = []
    for question, expected in ANSWERABLE:
        pieces = await _answer(session, library, question)
        if not pieces or expected not in pieces[0].citation.snippet:
            wrong.append(f"{question} -> {pieces[0].citation.snippet if pieces else 'not found'}")
    assert len(wrong) <= 0.1 * len(ANSWERABLE), "\n".join(wrong)


@pytest.mark.parametrize("by_section", [True, False], ids=["a chunk per section", "a chunk per document"])
async def test_a_question_that_the_documents_do_not_answer_is_refused(
    session: AsyncSession, library: Library, by_section: bool
) -> None:
    library.add_corpus(by_section=by_section)
    answered: list[str] = []
    for question in UNANSWERABLE:
        pieces = await _answer(session, library, question)
        answered += [f"{question} -> {piece.citation.snippet} {piece.citation.score}" for piece in pieces]
    assert not answered, "\n".join(answered)
