"""What was asked and answered, kept for each tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.tables import Json, Query
from app.retrieval.ports import Citation, Passage

JsonValue = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class QueryMetadata:
    """How an answer came about; times in milliseconds."""

    retrieval_ms: float
    generation_ms: float
    total_ms: float
    provider: str
    model: str
    retrieval_method: str
    top_k: int
    mmr_lambda: float


@dataclass(frozen=True, kw_only=True)
class UsedChunk:
    """A chunk that was searched for sentences; `score` is its relevance (BM25, no fixed scale)."""

    chunk_id: UUID
    document_id: UUID
    filename: str
    ordinal: int
    page: int
    page_end: int
    score: float

    @classmethod
    def of(cls, passage: Passage) -> UsedChunk:
        """Keep what identifies a passage; its text stays in the document."""
        return cls(
            chunk_id=passage.chunk_id,
            document_id=passage.document_id,
            filename=passage.filename,
            ordinal=passage.ordinal,
            page=passage.page,
            page_end=passage.page_end,
            score=round(passage.score, 4),
        )


@dataclass(frozen=True, kw_only=True)
class AnsweredQuery:
    """A question and its answer; `answer` is None when the documents do not hold one."""

    query_id: UUID
    query: str
    answer: str | None
    citations: Sequence[Citation]
    used_chunks: Sequence[UsedChunk]
    metadata: QueryMetadata


async def record(session: AsyncSession, tenant_id: UUID, answered: AnsweredQuery) -> datetime:
    """Write the history's row, commit, and return its time."""
    statement = insert(Query).values(
        id=answered.query_id,
        tenant_id=tenant_id,
        query=answered.query,
        answer=answered.answer,
        answered=answered.answer is not None,
        citations=_rows(answered.citations),
        used_chunks=_rows(answered.used_chunks),
        details=asdict(answered.metadata),
    )
    created_at = (await session.execute(statement.returning(Query.created_at))).scalar_one()
    await session.commit()
    return created_at


async def find(session: AsyncSession, tenant_id: UUID, query_id: UUID) -> Query | None:
    """Return one question of the tenant."""
    return await session.scalar(select(Query).where(Query.tenant_id == tenant_id, Query.id == query_id))


async def page_of(session: AsyncSession, tenant_id: UUID, *, page: int, limit: int) -> tuple[Sequence[Query], int]:
    """Return the questions of one page, newest first, and how many there are in all. Pages count from 1."""
    own = Query.tenant_id == tenant_id
    total = await session.scalar(select(func.count()).select_from(Query).where(own))
    newest = select(Query).where(own).order_by(Query.created_at.desc(), Query.id)
    rows = await session.scalars(newest.offset((page - 1) * limit).limit(limit))
    return rows.all(), int(total or 0)


def _rows(entries: Sequence[Citation | UsedChunk]) -> Json:
    return [
        {name: str(value) if isinstance(value, UUID) else value for name, value in asdict(entry).items()}
        for entry in entries
    ]
