"""Turns a search scope into a condition on chunks."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.tables import Chunk, Document
from app.retrieval.ports import SearchScope

SEARCHABLE = ("queued", "processing", "indexed")
"""States of documents whose chunks may be cited; chunks of a failed document may be incomplete."""


@dataclass(frozen=True, kw_only=True)
class ChunkScope:
    """The chunks of a scope: the condition that selects them, and how many there are, about."""

    condition: ColumnElement[bool]
    chunks: int


async def chunk_scope(session: AsyncSession, scope: SearchScope) -> ChunkScope:
    """Find the chunks of a scope. Without filters no document is listed, the tenant says it all."""
    own = Chunk.tenant_id == scope.tenant_id
    conditions = _document_conditions(scope)
    if not scope.narrowed:
        total = await session.scalar(select(func.sum(Document.chunk_count)).where(*conditions))
        return ChunkScope(condition=own, chunks=int(total or 0))
    rows = (await session.execute(select(Document.id, Document.chunk_count).where(*conditions))).all()
    documents = literal([document for document, _ in rows], ARRAY(UUID()))
    return ChunkScope(condition=and_(own, Chunk.document_id == any_(documents)), chunks=sum(count for _, count in rows))


def _document_conditions(scope: SearchScope) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Document.tenant_id == scope.tenant_id,
        Document.status.in_(SEARCHABLE),
    ]
    if scope.document_ids is not None:
        conditions.append(Document.id.in_(scope.document_ids))
    if scope.batch_ids is not None:
        conditions.append(Document.batch_id.in_(scope.batch_ids))
    if scope.filenames is not None:
        conditions.append(Document.filename.in_(scope.filenames))
    return conditions
