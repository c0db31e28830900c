"""Reads and changes what is stored of documents and batches. Every statement names the tenant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, case, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from app.db.tables import LIVE_STATUSES, Chunk, Document, Job, UploadBatch
from app.documents.states import BatchState, DocumentState, DocumentStatus
from app.ingestion.problems import ProblemCode
from app.ingestion.queue import enqueue


class DuplicateContentError(Exception):
    """Another document of the tenant holds the same content."""


class RejectedFileError(Exception):
    """The file was rejected at upload, so none of its content is stored."""


def _documents(tenant_id: UUID) -> Select[*tuple[Any, ...]]:
    """Document rows with their latest job's figures and, for a duplicate, the document that has the content."""
    other = aliased(Document)
    same_content = (
        select(other.id)
        .where(
            other.tenant_id == tenant_id,
            other.sha256 == Document.sha256,
            other.status.in_(LIVE_STATUSES),
        )
        .limit(1)
        .scalar_subquery()
    )
    latest = (
        select(Job.total, Job.attempt)
        .where(Job.document_id == Document.id)
        .order_by(Job.id.desc())
        .limit(1)
        .lateral("latest")
    )
    return (
        select(
            Document.id,
            Document.batch_id,
            Document.filename,
            Document.content_type,
            Document.size_bytes,
            Document.status,
            Document.error_code,
            Document.error_message,
            case((Document.error_code == ProblemCode.DUPLICATE.value, same_content)).label("duplicate_of"),
            Document.page_count,
            Document.chunk_count,
            latest.c.total,
            latest.c.attempt,
            Document.created_at,
            Document.indexed_at,
        )
        .outerjoin_from(Document, latest, latest.c.attempt.is_not(None))
        .where(Document.tenant_id == tenant_id)
    )


def _state(row: Row[*tuple[Any, ...]]) -> DocumentState:
    return DocumentState(
        document_id=row.id,
        upload_batch_id=row.batch_id,
        filename=row.filename,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        stored_status=row.status,
        error_code=row.error_code,
        error_message=row.error_message,
        duplicate_of=row.duplicate_of,
        page_count=row.page_count,
        chunk_count=row.chunk_count,
        total_chunks=row.total,
        attempt=row.attempt,
        created_at=row.created_at,
        indexed_at=row.indexed_at,
    )


async def document(session: AsyncSession, tenant_id: UUID, document_id: UUID) -> DocumentState | None:
    """One document, or a rejected file; None when the tenant has none with this id."""
    row = (await session.execute(_documents(tenant_id).where(Document.id == document_id))).one_or_none()
    return None if row is None else _state(row)


async def documents_page(
    session: AsyncSession, tenant_id: UUID, status: DocumentStatus | None, *, page: int, limit: int
) -> tuple[list[DocumentState], int]:
    """Documents, newest first, and how many there are. Rejected files are listed only when asked for by status."""
    condition = Document.status != DocumentStatus.REJECTED.value
    if status is DocumentStatus.INDEXED:
        condition = (Document.status == status.value) & Document.indexed_at.is_not(None)
    elif status is DocumentStatus.UNINDEXED:
        condition = (Document.status == DocumentStatus.INDEXED.value) & Document.indexed_at.is_(None)
    elif status is not None:
        condition = Document.status == status.value
    total = await session.scalar(
        select(func.count()).select_from(Document).where(Document.tenant_id == tenant_id, condition)
    )
    wanted = _documents(tenant_id).where(condition).order_by(Document.created_at.desc(), Document.id)
    rows = await session.execute(wanted.limit(limit).offset((page - 1) * limit))
    return [_state(row) for row in rows], total or 0


async def chunks_page(
    session: AsyncSession, tenant_id: UUID, document_id: UUID, *, page: int, limit: int
) -> Sequence[Chunk]:
    """A document's chunks in reading order."""
    wanted = select(Chunk).where(Chunk.tenant_id == tenant_id, Chunk.document_id == document_id)
    ordered = wanted.order_by(Chunk.ordinal).limit(limit).offset((page - 1) * limit)
    return (await session.scalars(ordered)).all()


async def chunk(session: AsyncSession, tenant_id: UUID, document_id: UUID, chunk_id: UUID) -> Chunk | None:
    """One chunk of one document."""
    wanted = select(Chunk).where(Chunk.tenant_id == tenant_id, Chunk.document_id == document_id, Chunk.id == chunk_id)
    return await session.scalar(wanted)


async def batch(session: AsyncSession, tenant_id: UUID, batch_id: UUID) -> BatchState | None:
    """One batch with its files in the order in which they were sent."""
    found = await session.scalar(
        select(UploadBatch).where(UploadBatch.tenant_id == tenant_id, UploadBatch.id == batch_id)
    )
    return None if found is None else (await _with_documents(session, tenant_id, [found]))[0]


async def batches_page(
    session: AsyncSession, tenant_id: UUID, *, page: int, limit: int
) -> tuple[list[BatchState], int]:
    """Batches, newest first, and how many there are."""
    mine = UploadBatch.tenant_id == tenant_id
    total = await session.scalar(select(func.count()).select_from(UploadBatch).where(mine))
    wanted = select(UploadBatch).where(mine).order_by(UploadBatch.created_at.desc(), UploadBatch.id)
    found = (await session.scalars(wanted.limit(limit).offset((page - 1) * limit))).all()
    return await _with_documents(session, tenant_id, found), total or 0


async def _with_documents(session: AsyncSession, tenant_id: UUID, batches: Sequence[UploadBatch]) -> list[BatchState]:
    wanted = _documents(tenant_id).where(Document.batch_id.in_([found.id for found in batches]))
    members: dict[UUID, list[DocumentState]] = defaultdict(list)
    for row in await session.execute(wanted.order_by(Document.id)):
        members[row.batch_id].append(_state(row))
    return [
        BatchState(
            upload_batch_id=found.id,
            created_at=found.created_at,
            total_files=found.total_files,
            accepted_files=found.accepted_files,
            rejected_files=found.rejected_files,
            documents=members[found.id],
        )
        for found in batches
    ]


async def delete_document(session: AsyncSession, tenant_id: UUID, document_id: UUID) -> bool:
    """Deletes a document with its bytes, chunks and jobs; a worker that is at it writes nothing more."""
    gone = delete(Document).where(Document.tenant_id == tenant_id, Document.id == document_id).returning(Document.id)
    return await session.scalar(gone) is not None


async def delete_batch(session: AsyncSession, tenant_id: UUID, batch_id: UUID) -> bool:
    """Deletes a batch with all that came with it."""
    gone = delete(UploadBatch).where(UploadBatch.tenant_id == tenant_id, UploadBatch.id == batch_id)
    return await session.scalar(gone.returning(UploadBatch.id)) is not None


async def _lock(session: AsyncSession, tenant_id: UUID, document_id: UUID) -> str | None:
    """The stored status, locked for this transaction; before any of the document's other rows, as workers do."""
    mine = select(Document.status).where(Document.tenant_id == tenant_id, Document.id == document_id)
    return await session.scalar(mine.with_for_update(key_share=True))


async def remove_index(session: AsyncSession, tenant_id: UUID, document_id: UUID) -> bool:
    """Removes a document's chunks and ends its indexing; the document and its bytes stay. False without a document."""
    status = await _lock(session, tenant_id, document_id)
    if status is None:
        return False
    if status in LIVE_STATUSES:
        open_jobs = Job.status.in_(("queued", "running"))
        await session.execute(delete(Job).where(Job.document_id == document_id, open_jobs))
        await session.execute(delete(Chunk).where(Chunk.tenant_id == tenant_id, Chunk.document_id == document_id))
        await session.execute(
            update(Document)
            .where(Document.id == document_id)
            .values(status=DocumentStatus.INDEXED.value, indexed_at=None, chunk_count=0)
        )
    return True


async def index_again(session: AsyncSession, tenant_id: UUID, document_id: UUID) -> bool:
    """Queues a document for indexing unless it is queued already. False without a document.

    Raises RejectedFileError, and DuplicateContentError when the content was uploaded again after this one failed.
    """
    status = await _lock(session, tenant_id, document_id)
    if status is None:
        return False
    if status == DocumentStatus.REJECTED:
        raise RejectedFileError
    if status in {DocumentStatus.QUEUED, DocumentStatus.PROCESSING}:
        return True
    queued = (
        update(Document)
        .where(Document.id == document_id)
        .values(status=DocumentStatus.QUEUED.value, error_code=None, error_message=None)
    )
    try:
        await session.execute(queued)
    except IntegrityError as error:
        raise DuplicateContentError from error
    await enqueue(session, tenant_id, document_id)
    return True
