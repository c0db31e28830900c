"""Indexes one document: its bytes are parsed in a child, its chunks written range by range under the job's fence."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from functools import partial
from typing import IO
from uuid import UUID, uuid5

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.engine import Sessions
from app.db.tables import Chunk as ChunkRow
from app.db.tables import Document, DocumentPart, Job
from app.ingestion.chunking import Chunk
from app.ingestion.parser import ParsedDocument, ParseRules, parsed
from app.ingestion.queue import Claim, JobLostError, fence
from app.ingestion.sniffing import CONTENT_TYPES, FileKind

RANGE = 32
"""Chunks per transaction: what a killed worker has to do again at most."""

_KINDS = {content_type: kind for kind, content_type in CONTENT_TYPES.items()}

Persist = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
"""Runs a step that writes, again when the database went away in the middle of it; every step may be repeated."""


class Interrupted(Exception):  # noqa: N818  # a request to stop, not an error
    """The worker is to stop; everything up to the checkpoint is written."""


def chunk_id(document_id: UUID, ordinal: int) -> UUID:
    """The id of a document's n-th chunk: the same whoever writes it."""
    return uuid5(document_id, str(ordinal))


class Indexing:
    """The indexing of one claimed document."""

    def __init__(
        self, sessions: Sessions, claim: Claim, rules: ParseRules, *, persist: Persist, stopping: Callable[[], bool]
    ) -> None:
        self._sessions = sessions
        self._claim = claim
        self._rules = rules
        self._persist = persist
        self._stopping = stopping
        self._next = claim.checkpoint
        self.interruptible = True
        """Whether cancelling now loses nothing but time; False while a range of chunks is being written."""

    async def run(self) -> int:
        """Indexes the document and returns its number of chunks.

        Raises FileProblem (the file cannot be indexed), JobLostError (another worker has it, or it was deleted) and
        Interrupted (``stopping`` said so).
        """
        kinds: list[FileKind] = []

        async def start() -> None:
            kinds[:] = [await self._start()]

        await self._persist(start)
        with tempfile.TemporaryFile(prefix="document-") as content:
            await self._persist(lambda: self._load(content))
            async with parsed(content, kinds[0], self._rules) as document:
                await self._persist(lambda: self._plan(document))
                await self._write_all(document)
                await self._persist(lambda: self._finish(document))
                return document.chunks

    async def _start(self) -> FileKind:
        async with self._sessions.begin() as session:
            await fence(session, self._claim)
            started = (
                update(Document)
                .where(Document.id == self._claim.document_id)
                .values(status="processing", error_code=None, error_message=None)
                .returning(Document.content_type)
            )
            return _KINDS[(await session.execute(started)).scalar_one()]

    async def _load(self, content: IO[bytes]) -> None:
        content.seek(0)
        content.truncate()
        part = 0
        async with self._sessions() as session:
            while True:
                wanted = select(DocumentPart.content).where(
                    DocumentPart.document_id == self._claim.document_id, DocumentPart.part == part
                )
                piece = await session.scalar(wanted)
                if piece is None:
                    break
                content.write(piece)
                part += 1
        if part == 0:
            raise JobLostError(f"the document of job {self._claim.job_id} was deleted")
        content.flush()

    async def _plan(self, document: ParsedDocument) -> None:
        """Decides where to begin: at the checkpoint when what lies before it is what this release would write."""
        async with self._sessions.begin() as session:
            checkpoint = await fence(session, self._claim)
            if checkpoint and not (
                self._claim.total in (None, document.chunks) and await self._matches(session, document, checkpoint - 1)
            ):
                checkpoint = 0
            if checkpoint == 0:
                await session.execute(delete(ChunkRow).where(ChunkRow.document_id == self._claim.document_id))
            await session.execute(
                update(Job)
                .where(Job.id == self._claim.job_id)
                .values(total=document.chunks, checkpoint=checkpoint, updated_at=func.now())
            )
            await session.execute(
                update(Document)
                .where(Document.id == self._claim.document_id)
                .values(page_count=document.pages, chunk_count=checkpoint)
            )
        self._next = checkpoint

    async def _matches(self, session: AsyncSession, document: ParsedDocument, ordinal: int) -> bool:
        """Whether the last chunk of a former attempt is the one of this parse: settings or code may have changed."""
        expected = await document.read(ordinal, 1)
        wanted = select(ChunkRow).where(ChunkRow.document_id == self._claim.document_id, ChunkRow.ordinal == ordinal)
        row = (await session.scalars(wanted)).one_or_none()
        return row is not None and expected == [
            Chunk(
                ordinal=row.ordinal,
                page=row.page,
                page_end=row.page_end,
                start=row.start_offset,
                end=row.end_offset,
                tokens=row.token_count,
                text=row.text,
            )
        ]

    async def _write_all(self, document: ParsedDocument) -> None:
        while self._next < document.chunks:
            if self._stopping():
                raise Interrupted
            chunks = await document.read(self._next, RANGE)
            self.interruptible = False
            try:
                await self._persist(partial(self._write, chunks))
            finally:
                self.interruptible = True
            self._next += len(chunks)

    async def _write(self, chunks: list[Chunk]) -> None:
        """One transaction: the range's chunks and the checkpoint behind them."""
        end = chunks[-1].ordinal + 1
        async with self._sessions.begin() as session:
            checkpoint = await fence(session, self._claim)
            if checkpoint == end:
                # The commit had succeeded, only its answer was lost.
                return
            await session.execute(insert(ChunkRow), [self._row(chunk) for chunk in chunks])
            await session.execute(
                update(Job).where(Job.id == self._claim.job_id).values(checkpoint=end, updated_at=func.now())
            )
            await session.execute(
                update(Document).where(Document.id == self._claim.document_id).values(chunk_count=end)
            )

    def _row(self, chunk: Chunk) -> dict[str, object]:
        return {
            "id": chunk_id(self._claim.document_id, chunk.ordinal),
            "tenant_id": self._claim.tenant_id,
            "document_id": self._claim.document_id,
            "ordinal": chunk.ordinal,
            "page": chunk.page,
            "page_end": chunk.page_end,
            "start_offset": chunk.start,
            "end_offset": chunk.end,
            "token_count": chunk.tokens,
            "text": chunk.text,
        }

    async def _finish(self, document: ParsedDocument) -> None:
        async with self._sessions.begin() as session:
            await fence(session, self._claim)
            await session.execute(
                update(Job)
                .where(Job.id == self._claim.job_id)
                .values(status="done", lease_until=None, last_error=None, updated_at=func.now())
            )
            await session.execute(
                update(Document)
                .where(Document.id == self._claim.document_id)
                .values(status="indexed", indexed_at=func.now(), chunk_count=document.chunks)
            )
