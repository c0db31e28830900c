"""Reading, re-indexing and deleting documents."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from app.documents import catalog
from app.documents.states import DocumentState, DocumentStatus
from app.http.dependencies import SessionDep, TenantDep
from app.http.problems import ProblemError, not_found
from app.http.ratelimit import limit as rate_limit
from app.http.schemas_documents import (
    ChunkOut,
    ChunkPage,
    DocumentDetail,
    DocumentOut,
    DocumentPage,
    IndexingStatus,
    PageLimit,
    PageNumber,
)

router = APIRouter(prefix="/v1/documents", tags=["documents"])

_READ = [Depends(rate_limit("read"))]
_DELETE = [Depends(rate_limit("delete"))]


async def _document(document_id: UUID, tenant: TenantDep, session: SessionDep) -> DocumentState:
    found = await catalog.document(session, tenant.tenant_id, document_id)
    if found is None:
        raise not_found("document")
    return found


DocumentDep = Annotated[DocumentState, Depends(_document)]


@router.get("", dependencies=_READ)
async def list_documents(
    tenant: TenantDep,
    session: SessionDep,
    page: PageNumber = 1,
    limit: PageLimit = 20,
    status: Annotated[DocumentStatus | None, Query(description="Only documents in this state.")] = None,
) -> DocumentPage:
    """The tenant's documents, newest first. Rejected files are listed with `status=rejected` only."""
    found, total = await catalog.documents_page(session, tenant.tenant_id, status, page=page, limit=limit)
    return DocumentPage(items=[DocumentOut.of(state) for state in found], page=page, limit=limit, total=total)


@router.get("/{document_id}", dependencies=_READ)
async def get_document(
    found: DocumentDep,
    tenant: TenantDep,
    session: SessionDep,
    *,
    include_chunks: Annotated[bool, Query(description="Add a page of the document's chunks.")] = False,
    page: PageNumber = 1,
    limit: PageLimit = 20,
) -> DocumentDetail:
    """One document; `page` and `limit` choose among its chunks when they are included."""
    detail = DocumentDetail.model_validate(DocumentOut.of(found).model_dump())
    if include_chunks:
        rows = await catalog.chunks_page(session, tenant.tenant_id, found.document_id, page=page, limit=limit)
        detail.chunks = [ChunkOut.of(row) for row in rows]
    return detail


@router.get("/{document_id}/chunks", dependencies=_READ)
async def list_chunks(
    found: DocumentDep, tenant: TenantDep, session: SessionDep, page: PageNumber = 1, limit: PageLimit = 20
) -> ChunkPage:
    """The document's chunks in reading order; while it is being indexed, those that are written."""
    rows = await catalog.chunks_page(session, tenant.tenant_id, found.document_id, page=page, limit=limit)
    return ChunkPage(items=[ChunkOut.of(row) for row in rows], page=page, limit=limit, total=found.chunk_count)


@router.get("/{document_id}/chunks/{chunk_id}", dependencies=_READ)
async def get_chunk(document_id: UUID, chunk_id: UUID, tenant: TenantDep, session: SessionDep) -> ChunkOut:
    """One chunk."""
    row = await catalog.chunk(session, tenant.tenant_id, document_id, chunk_id)
    if row is None:
        raise not_found("chunk")
    return ChunkOut.of(row)


@router.get("/{document_id}/indexing-status", dependencies=_READ)
async def get_indexing_status(found: DocumentDep) -> IndexingStatus:
    """How far the document's indexing is, and why it failed if it did."""
    return IndexingStatus.of(found)


@router.delete("/{document_id}", status_code=204, dependencies=_DELETE)
async def delete_document(document_id: UUID, tenant: TenantDep, session: SessionDep) -> None:
    """Delete a document with its content, chunks and jobs; indexing that is under way ends and leaves nothing."""
    if not await catalog.delete_document(session, tenant.tenant_id, document_id):
        raise not_found("document")
    await session.commit()


@router.delete("/{document_id}/vectors", status_code=204, dependencies=_DELETE)
async def remove_index(document_id: UUID, tenant: TenantDep, session: SessionDep) -> None:
    """Remove the document from the search index and keep the document.

    This release searches by words and stores no vectors: what is removed are the document's chunks. It is then
    `unindexed` and found by no query until `POST /v1/documents/{document_id}/embed`. Removing twice is no error.
    """
    if not await catalog.remove_index(session, tenant.tenant_id, document_id):
        raise not_found("document")
    await session.commit()


@router.post("/{document_id}/embed", status_code=202, dependencies=[Depends(rate_limit("upload"))])
async def index_again(document_id: UUID, tenant: TenantDep, session: SessionDep) -> IndexingStatus:
    """Queue the document for indexing again, from its stored content and with today's settings.

    This release searches by words and computes no embeddings: what is made anew are the document's chunks. The old
    ones are found until the new ones are about to be written. A document that is queued already stays so.
    """
    try:
        known = await catalog.index_again(session, tenant.tenant_id, document_id)
    except catalog.RejectedFileError:
        raise ProblemError(
            409, "document_rejected", "This file was rejected, so its content is not stored; upload it again."
        ) from None
    except catalog.DuplicateContentError:
        await session.rollback()
        raise ProblemError(
            409, "duplicate", "The same content was uploaded again since this document failed; use that document."
        ) from None
    if not known:
        raise not_found("document")
    await session.commit()
    return IndexingStatus.of(await _document(document_id, tenant, session))
