"""Turns a search scope into what the statements over chunks need."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.tables import Document
from app.retrieval.ports import SearchScope

SEARCHABLE = ("queued", "processing", "indexed")
"""States of documents whose chunks may be cited; chunks of a failed document may be incomplete."""

_MARK = "{in_scope}"


@dataclass(frozen=True, kw_only=True)
class ChunkScope:
    """The chunks of a scope, and how many there are, about; without documents it is the whole tenant."""

    tenant_id: UUID
    documents: tuple[UUID, ...] | None
    chunks: int

    @property
    def parameters(self) -> dict[str, object]:
        """The values of a `ScopedStatement`'s condition."""
        own: dict[str, object] = {"tenant": self.tenant_id}
        return own if self.documents is None else {**own, "documents": list(self.documents)}


@dataclass(frozen=True, kw_only=True)
class ScopedStatement:
    """A statement over `chunks` that reads a scope only; its text is fixed, so PostgreSQL plans it once.

    Written by hand because building it anew for each question cost more than running some of its parts.
    """

    whole_tenant: TextClause
    some_documents: TextClause

    @classmethod
    def of(cls, template: str) -> ScopedStatement:
        """Make both forms of a statement; `{in_scope}` stands for the condition on `chunks`."""
        own = "chunks.tenant_id = :tenant"
        narrowed = f"{own} AND chunks.document_id = ANY(CAST(:documents AS uuid[]))"
        return cls(
            whole_tenant=text(template.replace(_MARK, own)), some_documents=text(template.replace(_MARK, narrowed))
        )

    def within(self, scope: ChunkScope) -> TextClause:
        """Return the form for a scope."""
        return self.whole_tenant if scope.documents is None else self.some_documents


async def chunk_scope(session: AsyncSession, scope: SearchScope) -> ChunkScope:
    """Find the chunks of a scope. Without filters no document is listed, the tenant says it all."""
    conditions = _document_conditions(scope)
    if not scope.narrowed:
        total = await session.scalar(select(func.sum(Document.chunk_count)).where(*conditions))
        return ChunkScope(tenant_id=scope.tenant_id, documents=None, chunks=int(total or 0))
    rows = (await session.execute(select(Document.id, Document.chunk_count).where(*conditions))).all()
    return ChunkScope(
        tenant_id=scope.tenant_id,
        documents=tuple(document for document, _ in rows),
        chunks=sum(count for _, count in rows),
    )


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
