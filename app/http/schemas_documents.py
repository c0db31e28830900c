"""What clients send and get where documents are concerned."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from app.db.tables import Chunk
from app.documents.states import BatchState, BatchStatus, DocumentState, DocumentStatus

PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
PageLimit = Annotated[int, Query(ge=1, le=100)]
Percent = Annotated[int, Field(ge=0, le=100)]


class DocumentOut(BaseModel):
    """A document, or a file that was rejected and why."""

    document_id: UUID
    upload_batch_id: UUID
    filename: str = Field(description="For display only: folders and control characters are removed.")
    content_type: str
    size_bytes: int
    status: DocumentStatus
    error_code: str | None = Field(description="Stable name of what is wrong, for example `encrypted`.")
    error_message: str | None
    duplicate_of: UUID | None = Field(description="The document that holds this content, if the file is a duplicate.")
    page_count: int | None
    chunk_count: int
    created_at: datetime
    indexed_at: datetime | None

    @classmethod
    def of(cls, state: DocumentState) -> DocumentOut:
        """As clients see it."""
        return cls.model_validate(state, from_attributes=True)


class ChunkOut(BaseModel):
    """A piece of a document. Offsets count characters of the document's extracted text, from 0, end exclusive."""

    chunk_id: UUID
    document_id: UUID
    ordinal: int
    page: int
    page_end: int
    start_offset: int
    end_offset: int
    token_count: int
    text: str

    @classmethod
    def of(cls, row: Chunk) -> ChunkOut:
        """As clients see it."""
        return cls(
            chunk_id=row.id,
            document_id=row.document_id,
            ordinal=row.ordinal,
            page=row.page,
            page_end=row.page_end,
            start_offset=row.start_offset,
            end_offset=row.end_offset,
            token_count=row.token_count,
            text=row.text,
        )


class DocumentDetail(DocumentOut):
    """A document and, with `include_chunks`, a page of its chunks."""

    chunks: list[ChunkOut] | None = None


class DocumentPage(BaseModel):
    """A page of documents, newest first."""

    items: list[DocumentOut]
    page: int
    limit: int
    total: int


class ChunkPage(BaseModel):
    """A page of a document's chunks, in reading order."""

    items: list[ChunkOut]
    page: int
    limit: int
    total: int


class IndexingStatus(BaseModel):
    """How far the indexing of a document is."""

    document_id: UUID
    status: DocumentStatus
    progress: Percent
    indexed_chunks: int
    total_chunks: int | None = Field(description="Known once the document has been parsed.")
    attempt: int | None
    error_code: str | None
    error_message: str | None

    @classmethod
    def of(cls, state: DocumentState) -> IndexingStatus:
        """As clients see it."""
        return cls(
            document_id=state.document_id,
            status=state.status,
            progress=state.progress,
            indexed_chunks=state.chunk_count,
            total_chunks=state.total_chunks,
            attempt=state.attempt,
            error_code=state.error_code,
            error_message=state.error_message,
        )


class BatchSummary(BaseModel):
    """A batch without its files."""

    upload_batch_id: UUID
    status: BatchStatus
    progress: Percent
    total_files: int
    accepted_files: int
    rejected_files: int
    created_at: datetime

    @classmethod
    def of(cls, state: BatchState) -> BatchSummary:
        """As clients see it."""
        return cls.model_validate(state, from_attributes=True)


class BatchOut(BatchSummary):
    """A batch with one row for each file, in the order in which they were sent."""

    documents: list[DocumentOut]


class BatchPage(BaseModel):
    """A page of batches, newest first."""

    items: list[BatchSummary]
    page: int
    limit: int
    total: int


class BatchProgress(BaseModel):
    """How far the indexing of a batch is; it has ended when `progress` is 100."""

    upload_batch_id: UUID
    status: BatchStatus
    progress: Percent
    documents: list[IndexingStatus]
