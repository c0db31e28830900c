"""One question from search to history. No database connection is held while an answer is made or sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from app.db.engine import Sessions
from app.retrieval.history import AnsweredQuery, QueryMetadata, UsedChunk, record
from app.retrieval.ports import Answerer, AnswerPiece, Citation, Retrieval, Retriever, SearchScope

CONCURRENT_SEARCHES = 4
"""Searches that one process has in the database at once. They cost CPU, not waiting: more of them only slow each other
down, and would take the connections that other requests need."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, where to look, and how."""

    text: str
    scope: SearchScope
    top_k: int
    mmr_lambda: float


@dataclass(frozen=True, kw_only=True)
class Searched:
    """A question whose passages are found; `started` is the monotonic clock's time of its beginning."""

    query_id: UUID
    question: Question
    retrieval: Retrieval
    used_chunks: Sequence[UsedChunk]
    started: float
    retrieval_ms: float


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The end of a question: the answer as it stands in the history."""

    answered: AnsweredQuery
    created_at: datetime


class QuestionService:
    """Answers questions with one retriever and one answerer."""

    def __init__(self, sessions: Sessions, retriever: Retriever, answerer: Answerer, *, method: str) -> None:
        self._sessions = sessions
        self._retriever = retriever
        self._answerer = answerer
        self._method = method
        self._searches = asyncio.Semaphore(CONCURRENT_SEARCHES)

    async def search(self, question: Question) -> Searched:
        """Find the passages. Raises SQLAlchemy's errors when the database is gone."""
        started = time.monotonic()
        async with self._searches, self._sessions() as session:
            retrieval = await self._retriever.retrieve(
                session, question.text, question.scope, top_k=question.top_k, mmr_lambda=question.mmr_lambda
            )
        return Searched(
            query_id=uuid4(),
            question=question,
            retrieval=retrieval,
            used_chunks=[UsedChunk.of(passage) for passage in retrieval.passages],
            started=started,
            retrieval_ms=_milliseconds_since(started),
        )

    async def answer(self, searched: Searched) -> AsyncIterator[AnswerPiece | Recorded]:
        """Yield the pieces of the answer as they come, and last what was recorded of the whole."""
        began = time.monotonic()
        texts: list[str] = []
        citations: list[Citation] = []
        async for piece in self._answerer.answer(searched.question.text, searched.retrieval):
            texts.append(piece.text)
            citations.append(piece.citation)
            yield piece
        answered = AnsweredQuery(
            query_id=searched.query_id,
            query=searched.question.text,
            answer="".join(texts) if citations else None,
            citations=citations,
            used_chunks=searched.used_chunks,
            metadata=self._metadata(searched, _milliseconds_since(began)),
        )
        async with self._sessions() as session:
            created_at = await record(session, searched.question.scope.tenant_id, answered)
        yield Recorded(answered=answered, created_at=created_at)

    def _metadata(self, searched: Searched, generation_ms: float) -> QueryMetadata:
        return QueryMetadata(
            retrieval_ms=searched.retrieval_ms,
            generation_ms=generation_ms,
            total_ms=_milliseconds_since(searched.started),
            provider=self._answerer.provider,
            model=self._answerer.model,
            retrieval_method=self._method,
            top_k=searched.question.top_k,
            mmr_lambda=searched.question.mmr_lambda,
        )


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000.0, 2)
