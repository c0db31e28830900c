"""What clients are told about the state of a document and of a batch, derived from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class DocumentStatus(StrEnum):
    """``unindexed``: kept, but without chunks, so it cannot be found until it is queued again."""

    QUEUED = "queued"
    PROCESSING = "processing"
    INDEXED = "indexed"
    UNINDEXED = "unindexed"
    FAILED = "failed"
    REJECTED = "rejected"


class BatchStatus(StrEnum):
    """``completed``: every accepted document can be found. ``partial``: some failed. ``rejected``: none was accepted.

    ``deleted``: its documents were deleted one by one.
    """

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    PARTIAL = "partial"
    FAILED = "failed"
    REJECTED = "rejected"
    DELETED = "deleted"


_UNFINISHED = frozenset({DocumentStatus.QUEUED, DocumentStatus.PROCESSING})
_WHOLE = 100


@dataclass(frozen=True, kw_only=True)
class DocumentState:
    """A document's row and the size of its latest job. ``total_chunks`` is None until the document was parsed."""

    document_id: UUID
    upload_batch_id: UUID
    filename: str
    content_type: str
    size_bytes: int
    stored_status: str
    error_code: str | None
    error_message: str | None
    duplicate_of: UUID | None
    page_count: int | None
    chunk_count: int
    total_chunks: int | None
    attempt: int | None
    created_at: datetime
    indexed_at: datetime | None

    @property
    def status(self) -> DocumentStatus:
        """The status in the client's words: an index that was removed leaves an indexed row without a time."""
        if self.stored_status == DocumentStatus.INDEXED and self.indexed_at is None:
            return DocumentStatus.UNINDEXED
        return DocumentStatus(self.stored_status)

    @property
    def progress(self) -> int:
        """Percent of the chunks that are written; 100 exactly when nothing more will happen by itself."""
        if self.status not in _UNFINISHED:
            return _WHOLE
        if self.status is DocumentStatus.QUEUED or not self.total_chunks:
            return 0
        return min(_WHOLE - 1, _WHOLE * self.chunk_count // self.total_chunks)


@dataclass(frozen=True, kw_only=True)
class BatchState:
    """A batch and all rows that came with it, the rejected files included."""

    upload_batch_id: UUID
    created_at: datetime
    total_files: int
    accepted_files: int
    rejected_files: int
    documents: Sequence[DocumentState]

    @property
    def accepted(self) -> list[DocumentState]:
        """The documents proper."""
        return [document for document in self.documents if document.status is not DocumentStatus.REJECTED]

    @property
    def status(self) -> BatchStatus:
        """Finished only when each of its documents is."""
        found = {document.status for document in self.accepted}
        if not found:
            return BatchStatus.DELETED if self.accepted_files else BatchStatus.REJECTED
        if found & _UNFINISHED:
            return BatchStatus.QUEUED if found == {DocumentStatus.QUEUED} else BatchStatus.PROCESSING
        if DocumentStatus.FAILED in found:
            return BatchStatus.FAILED if found == {DocumentStatus.FAILED} else BatchStatus.PARTIAL
        return BatchStatus.COMPLETED

    @property
    def progress(self) -> int:
        """The mean of its documents' progress in percent, rounded down, so 100 means that all have ended."""
        accepted = self.accepted
        if not accepted:
            return _WHOLE
        return sum(document.progress for document in accepted) // len(accepted)
