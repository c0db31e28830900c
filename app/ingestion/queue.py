"""The durable queue of indexing jobs, in the same database and transactions as the documents.

A worker claims a job under a lease that it renews while it works; a job whose lease has run out belongs to whoever
claims it next. ``attempt`` goes up with each claim and is the fencing token: every write of a worker first locks the
document and then checks, in the same transaction, that the job still has its attempt. A worker that was cut off, or
whose document was deleted, can do no harm.

Locks are always taken document first, then job, so deleting a document and writing its chunks cannot deadlock.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.engine import Sessions
from app.db.tables import Chunk, Document, Job
from app.ingestion.problems import WORTH_ANOTHER_ATTEMPT, FileProblem, ProblemCode

_log = logging.getLogger(__name__)

CHANNEL = "ingestion_jobs"
_BACKOFF_SECONDS = 2
_LONGEST_BACKOFF_SECONDS = 60


class JobLostError(Exception):
    """The job is another worker's now, or its document is gone; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A job under lease. ``checkpoint`` chunks are already written, of ``total`` when that is known."""

    job_id: int
    attempt: int
    tenant_id: UUID
    document_id: UUID
    checkpoint: int
    total: int | None


async def enqueue(session: AsyncSession, tenant_id: UUID, document_id: UUID) -> None:
    """Queue the indexing of a document and wake the workers, both when the caller's transaction commits."""
    await session.execute(insert(Job).values(tenant_id=tenant_id, document_id=document_id))
    await session.execute(text(f"NOTIFY {CHANNEL}"))


async def fence(session: AsyncSession, claim: Claim) -> int:
    """Locks the claim's document and job for this transaction and returns the job's checkpoint.

    Raises JobLostError when the claim is no longer the current one.
    """
    document = await session.scalar(
        select(Document.id)
        .where(Document.id == claim.document_id, Document.tenant_id == claim.tenant_id)
        .with_for_update(key_share=True)
    )
    checkpoint = await session.scalar(select(Job.checkpoint).where(_held(claim)).with_for_update(key_share=True))
    if document is None or checkpoint is None:
        raise JobLostError(f"job {claim.job_id} is no longer held by attempt {claim.attempt}")
    return checkpoint


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(Job.id == claim.job_id, Job.attempt == claim.attempt, Job.status == "running")


class JobQueue:
    """One worker's view of the queue."""

    def __init__(self, sessions: Sessions, *, lease_seconds: float, max_attempts: int) -> None:
        self._sessions = sessions
        self._lease = timedelta(seconds=lease_seconds)
        self._max_attempts = max_attempts

    async def claim(self) -> Claim | None:
        """The next job that is due or whose worker vanished, leased to the caller; None when there is none."""
        while True:
            claim = await self._claim_one()
            if claim is None or claim.attempt <= self._max_attempts:
                return claim
            # Its last worker died or hung each time. Trying for ever would block a slot for ever.
            lost = FileProblem(
                ProblemCode.WORKER_LOST,
                f"Indexing was interrupted {self._max_attempts} times (JOB_MAX_ATTEMPTS) without an end; "
                "queue it again, or split the document.",
            )
            try:
                await self.fail(claim, lost)
            except JobLostError:
                _log.info("a job that had failed too often is gone", extra={"job_id": claim.job_id})

    async def _claim_one(self) -> Claim | None:
        due = or_(
            and_(Job.status == "queued", Job.run_after <= func.now()),
            and_(Job.status == "running", Job.lease_until < func.now()),
        )
        candidate = select(Job.id).where(due).order_by(Job.run_after, Job.id).limit(1).with_for_update(skip_locked=True)
        claimed = (
            update(Job)
            .where(Job.id == candidate.scalar_subquery())
            .values(
                status="running",
                attempt=Job.attempt + 1,
                lease_until=func.now() + self._lease,
                updated_at=func.now(),
            )
            .returning(Job.id, Job.attempt, Job.tenant_id, Job.document_id, Job.checkpoint, Job.total)
        )
        async with self._sessions.begin() as session:
            row = (await session.execute(claimed)).one_or_none()
        if row is None:
            return None
        return Claim(
            job_id=row.id,
            attempt=row.attempt,
            tenant_id=row.tenant_id,
            document_id=row.document_id,
            checkpoint=row.checkpoint,
            total=row.total,
        )

    async def renew(self, claim: Claim) -> None:
        """Extends the lease from now. Raises JobLostError when the job is no longer the caller's."""
        renewed = update(Job).where(_held(claim)).values(lease_until=func.now() + self._lease).returning(Job.id)
        async with self._sessions.begin() as session:
            if await session.scalar(renewed) is None:
                raise JobLostError(f"job {claim.job_id} is no longer held by attempt {claim.attempt}")

    async def release(self, claim: Claim) -> None:
        """Gives an unfinished job back at once, for another worker to go on from its checkpoint.

        The job gets a new row, because attempts count failures and a worker that is told to stop has not failed;
        the new id also ends the old claim. Raises JobLostError.
        """
        async with self._sessions.begin() as session:
            await fence(session, claim)
            kept = (Job.tenant_id, Job.document_id, Job.kind, Job.checkpoint, Job.total, Job.last_error, Job.created_at)
            taken = await session.execute(delete(Job).where(Job.id == claim.job_id).returning(*kept))
            await session.execute(insert(Job).values(**taken.mappings().one(), attempt=claim.attempt - 1))
            await session.execute(text(f"NOTIFY {CHANNEL}"))

    async def fail(self, claim: Claim, problem: FileProblem) -> bool:
        """Ends an attempt that went wrong; True when another one will follow, after a pause.

        Otherwise the document has failed: it carries the problem's code and message, and what had been written of
        its index is removed. Raises JobLostError.
        """
        again = problem.code in WORTH_ANOTHER_ATTEMPT and claim.attempt < self._max_attempts
        async with self._sessions.begin() as session:
            await fence(session, claim)
            job = update(Job).where(Job.id == claim.job_id).values(last_error=problem.code.value, updated_at=func.now())
            document = update(Document).where(Document.id == claim.document_id)
            if again:
                pause = timedelta(seconds=min(_BACKOFF_SECONDS**claim.attempt, _LONGEST_BACKOFF_SECONDS))
                await session.execute(job.values(status="queued", lease_until=None, run_after=func.now() + pause))
                await session.execute(document.values(status="queued"))
            else:
                await session.execute(job.values(status="failed", lease_until=None, checkpoint=0))
                await session.execute(delete(Chunk).where(Chunk.document_id == claim.document_id))
                await session.execute(
                    document.values(
                        status="failed", error_code=problem.code.value, error_message=problem.message, chunk_count=0
                    )
                )
        return again
