"""Takes jobs from the queue and sees each to its end: done, failed, given back, or lost to another worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.db.engine import Sessions
from app.ingestion.indexing import Indexing, Interrupted
from app.ingestion.parser import ParseRules
from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.queue import Claim, JobLostError, JobQueue
from app.ingestion.wakeup import Wakeup
from app.observability.logs import REQUEST_ID

_log = logging.getLogger(__name__)

# How often an idle slot looks for jobs whose pause or lease has ended: nothing rings for those.
POLL_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
RELEASE_SECONDS = 3.0
"""A stopping worker waits this long for the range at hand, and as long to give its job back; else its lease ends."""
# Lost connection, too many of them, operator's intervention, deadlock, lock not available.
_PASSING_STATES = ("08", "40", "53", "55", "57")


def is_passing(error: BaseException) -> bool:
    """Whether a database error is one of the moment: the same statement may succeed later."""
    if isinstance(error, PoolTimeoutError | InterfaceError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state.startswith(_PASSING_STATES)
    return error.connection_invalidated or type(error.orig).__name__ in {"OperationalError", "ConnectionTimeout"}


class IngestionWorker:
    """A number of slots, each working on one job at a time."""

    def __init__(self, sessions: Sessions, queue: JobQueue, wakeup: Wakeup, rules: ParseRules, lease: float) -> None:
        self._sessions = sessions
        self._queue = queue
        self._wakeup = wakeup
        self._rules = rules
        self._renew_every = lease / 3
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Finish the range of chunks at hand, give unfinished jobs back, and end."""
        self._stop.set()
        self._wakeup.ring()

    async def run(self, slots: int) -> None:
        """Works until ``stop``. An error that nobody foresaw ends the process, for its supervisor to see."""
        listener = asyncio.create_task(self._wakeup.listen())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(slots):
                    group.create_task(self._slot())
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)

    async def _slot(self) -> None:
        while not self._stop.is_set():
            try:
                claim = await self._queue.claim()
            except Exception as error:
                if not is_passing(error):
                    raise
                _log.warning("the queue cannot be reached", extra={"error": type(error).__name__})
                await self._pause(_LONGEST_PAUSE_SECONDS)
                continue
            if claim is None:
                await self._wakeup.wait(POLL_SECONDS)
                continue
            REQUEST_ID.set(f"job-{claim.job_id}.{claim.attempt}")
            await self.see_through(claim)
            REQUEST_ID.set("")

    async def see_through(self, claim: Claim) -> None:
        """Works on one claimed job until it is done, failed, given back or lost."""
        about = {"job_id": claim.job_id, "attempt": claim.attempt, "document_id": str(claim.document_id)}
        _log.info("indexing", extra={**about, "checkpoint": claim.checkpoint})
        try:
            chunks = await self._supervise(claim)
            _log.info("indexed", extra={**about, "chunks": chunks})
        except JobLostError:
            _log.info("the job went to another worker, or its document was deleted", extra=about)
        except Interrupted:
            await self._give_back(claim)
        except FileProblem as problem:
            await self._fail(claim, problem)
        except Exception:
            _log.exception("indexing failed unexpectedly", extra=about)
            await self._fail(
                claim,
                FileProblem(
                    ProblemCode.INTERNAL_ERROR, "Indexing failed for a reason of the service's own; queue it again."
                ),
            )

    async def _supervise(self, claim: Claim) -> int:
        """Indexes under a lease that is kept fresh; a lost lease or a stop ends the work."""
        indexing = Indexing(self._sessions, claim, self._rules, persist=self._persist, stopping=self._stop.is_set)
        work = asyncio.create_task(indexing.run())
        renewal = asyncio.create_task(self._keep_lease(claim))
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({work, renewal, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if renewal.done() and not work.done():
                raise JobLostError(f"the lease of job {claim.job_id} was lost")
            if not work.done() and not indexing.interruptible:
                # A range is being written; the work itself stops behind it.
                await asyncio.wait({work}, timeout=RELEASE_SECONDS)
            if not work.done():
                raise Interrupted
            return await work
        finally:
            for task in (work, renewal, stopped):
                task.cancel()
            await asyncio.gather(work, renewal, stopped, return_exceptions=True)

    async def _keep_lease(self, claim: Claim) -> None:
        """Returns when the lease is lost. A database that is away for a while costs nothing: fencing decides."""
        while True:
            await asyncio.sleep(self._renew_every)
            try:
                await self._queue.renew(claim)
            except JobLostError:
                return
            except Exception as error:
                if not is_passing(error):
                    raise
                _log.warning("the lease could not be renewed", extra={"error": type(error).__name__})

    async def _persist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Repeats a step until the database has taken it. Raises Interrupted when told to stop in between."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await step()
            except Exception as error:
                if not is_passing(error):
                    raise
                _log.warning("the database did not take a step; trying again", extra={"error": type(error).__name__})
            if self._stop.is_set():
                raise Interrupted
            await self._pause(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _fail(self, claim: Claim, problem: FileProblem) -> None:
        async def record() -> None:
            again = await self._queue.fail(claim, problem)
            _log.warning("the document was not indexed", extra={"code": problem.code, "again": again})

        # Whoever has the job now will come to the same end.
        with contextlib.suppress(JobLostError, Interrupted):
            await self._persist(record)

    async def _give_back(self, claim: Claim) -> None:
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._queue.release(claim)
            _log.info("gave the job back", extra={"job_id": claim.job_id})
        except JobLostError:
            _log.info("the job was another worker's already", extra={"job_id": claim.job_id})
        except Exception as error:
            if not isinstance(error, TimeoutError) and not is_passing(error):
                raise
            _log.warning("the job could not be given back; its lease will end", extra={"job_id": claim.job_id})

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
