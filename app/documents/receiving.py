"""Stores a batch of received files: documents, their bytes and their jobs, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from sqlalchemy import Select, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.tables import LIVE_STATUSES, Document, DocumentPart, UploadBatch
from app.documents.intake import PIECE_BYTES, Incoming
from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.queue import enqueue

# The predicate of the partial unique index, letter for letter: PostgreSQL compares it before it knows any parameter.
_LIVE = text("status IN ({})".format(", ".join(f"'{status}'" for status in LIVE_STATUSES)))
_TRIES = 5


async def receive(session: AsyncSession, tenant_id: UUID, files: Sequence[Incoming]) -> UUID:
    """Stores what can be taken and records what cannot, and returns the batch. The caller commits.

    Nothing is left behind when the transaction fails, and workers hear of the jobs when it commits.
    """
    batch_id = uuid4()
    await session.execute(
        insert(UploadBatch).values(
            id=batch_id, tenant_id=tenant_id, total_files=len(files), accepted_files=0, rejected_files=0
        )
    )
    accepted = 0
    # In order of content, so that two uploads of the same files wait for each other instead of deadlocking.
    for position, file in sorted(enumerate(files), key=lambda entry: (entry[1].sha256, entry[0])):
        row = _Row(session, tenant_id, batch_id, position)
        if file.problem is None and await row.accept(file):
            accepted += 1
        else:
            await row.reject(file)
    await session.execute(
        update(UploadBatch)
        .where(UploadBatch.id == batch_id)
        .values(accepted_files=accepted, rejected_files=len(files) - accepted)
    )
    return batch_id


class _Row:
    """One file of the batch on its way into the tables."""

    def __init__(self, session: AsyncSession, tenant_id: UUID, batch_id: UUID, position: int) -> None:
        self._session = session
        self._values = {"tenant_id": tenant_id, "batch_id": batch_id}
        self._tenant_id = tenant_id
        # Rows of one transaction share their time of creation; their ids keep the order in which the files were sent.
        self._id = UUID(int=(batch_id.int & ~0xFF) | position, version=4)

    async def accept(self, file: Incoming) -> bool:
        """Stores the file and its job; False when the tenant has the same content already."""
        for _ in range(_TRIES):
            inserted = (
                upsert(Document)
                .values(
                    **self._values,
                    id=self._id,
                    filename=file.filename,
                    content_type=file.content_type,
                    size_bytes=file.size,
                    sha256=file.sha256,
                    status="queued",
                )
                .on_conflict_do_nothing(index_elements=["tenant_id", "sha256"], index_where=_LIVE)
                .returning(Document.id)
            )
            document_id = await self._session.scalar(inserted)
            if document_id is not None:
                await self._store(document_id, file)
                await enqueue(self._session, self._tenant_id, document_id)
                return True
            if await self._session.scalar(live_content(self._tenant_id, file.sha256)) is not None:
                return False
            # The other document was deleted or failed between the two statements.
        return False

    async def _store(self, document_id: UUID, file: Incoming) -> None:
        file.stream.seek(0)
        part = 0
        while piece := await asyncio.to_thread(file.stream.read, PIECE_BYTES):
            await self._session.execute(insert(DocumentPart).values(document_id=document_id, part=part, content=piece))
            part += 1

    async def reject(self, file: Incoming) -> None:
        """Records a file that is not stored, with the reason."""
        if file.problem is None:
            file = replace(
                file,
                problem=FileProblem(
                    ProblemCode.DUPLICATE,
                    "A document with the same content exists already; use that one, or delete it first.",
                ),
            )
        assert file.problem is not None
        await self._session.execute(
            insert(Document).values(
                **self._values,
                id=self._id,
                filename=file.filename,
                content_type=file.content_type,
                size_bytes=file.size,
                # By it the document that holds the content is found, whichever that is later on.
                sha256=file.sha256 if file.problem.code is ProblemCode.DUPLICATE else None,
                status="rejected",
                error_code=file.problem.code.value,
                error_message=file.problem.message,
            )
        )


def live_content(tenant_id: UUID, sha256: bytes) -> Select[UUID]:
    """Selects the id of the tenant's document with this content, of which there is at most one."""
    return select(Document.id).where(
        Document.tenant_id == tenant_id, Document.sha256 == sha256, Document.status.in_(LIVE_STATUSES)
    )
