from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.documents.states import BatchState, BatchStatus, DocumentState, DocumentStatus

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUEUED = DocumentState(
    document_id=uuid4(),
    upload_batch_id=uuid4(),
    filename="a.txt",
    content_type="text/plain",
    size_bytes=1,
    stored_status="queued",
    error_code=None,
    error_message=None,
    duplicate_of=None,
    page_count=None,
    chunk_count=0,
    total_chunks=None,
    attempt=0,
    created_at=NOW,
    indexed_at=None,
)
HALF = replace(QUEUED, stored_status="processing", chunk_count=5, total_chunks=10)
INDEXED = replace(QUEUED, stored_status="indexed", chunk_count=10, total_chunks=10, indexed_at=NOW)
FAILED = replace(QUEUED, stored_status="failed")
REJECTED = replace(QUEUED, stored_status="rejected")


@pytest.mark.parametrize(
    ("documents", "status", "progress"),
    [
        ([QUEUED, QUEUED], BatchStatus.QUEUED, 0),
        ([QUEUED, INDEXED], BatchStatus.PROCESSING, 50),
        ([HALF, INDEXED], BatchStatus.PROCESSING, 75),
        ([HALF, FAILED, FAILED], BatchStatus.PROCESSING, 83),
        ([INDEXED, INDEXED], BatchStatus.COMPLETED, 100),
        ([INDEXED, REJECTED], BatchStatus.COMPLETED, 100),
        ([INDEXED, FAILED], BatchStatus.PARTIAL, 100),
        ([FAILED, FAILED], BatchStatus.FAILED, 100),
        ([FAILED, REJECTED], BatchStatus.FAILED, 100),
        ([REJECTED, REJECTED], BatchStatus.REJECTED, 100),
        ([], BatchStatus.DELETED, 100),
    ],
)
def test_a_batch_is_finished_only_when_all_its_documents_are(
    documents: list[DocumentState], status: BatchStatus, progress: int
) -> None:
    accepted = sum(document is not REJECTED for document in documents) or (0 if documents else 3)
    batch = BatchState(
        upload_batch_id=uuid4(),
        created_at=NOW,
        total_files=3,
        accepted_files=accepted,
        rejected_files=0,
        documents=documents,
    )
    assert (batch.status, batch.progress) == (status, progress)


def test_the_last_percent_is_shown_only_when_the_document_can_be_found() -> None:
    assert replace(HALF, chunk_count=10).progress == 99
    assert INDEXED.progress == 100


def test_a_document_whose_index_was_removed_does_not_pretend_to_be_indexed() -> None:
    assert replace(INDEXED, indexed_at=None).status is DocumentStatus.UNINDEXED
