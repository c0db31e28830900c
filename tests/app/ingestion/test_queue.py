from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import delete, func, select, text, update

from app.db.engine import Sessions
from app.db.tables import Chunk, Document, Job
from app.ingestion.indexing import Indexing, Interrupted
from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.queue import Claim, JobLostError, JobQueue
from app.settings import Settings
from app.worker import parse_rules
from tests.app.ingestion.conftest import queue_document, sessions_of
from tests.fixtures.documents import long_pdf, prose

pytestmark = pytest.mark.integration

CRASH = FileProblem(ProblemCode.PARSER_CRASHED, "It crashed.")
HOPELESS = FileProblem(ProblemCode.ENCRYPTED, "It is encrypted.")


@pytest.fixture
def url(settings: Settings) -> str:
    return settings.database_url.get_secret_value()


def with_queue(settings: Settings, work: Callable[[Sessions, JobQueue], Awaitable[None]]) -> None:
    async def run() -> None:
        async with sessions_of(settings) as sessions:
            await work(sessions, JobQueue(sessions, lease_seconds=30, max_attempts=3))

    asyncio.run(run())


async def claimed(queue: JobQueue) -> Claim:
    claim = await queue.claim()
    assert claim is not None
    return claim


async def let_lease_end(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Job).values(lease_until=func.now() - text("interval '1 second'")))


async def become_due(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Job).values(run_after=func.now()))


async def state(sessions: Sessions, document_id: UUID) -> tuple[str, str | None, int]:
    async with sessions() as session:
        found = await session.get_one(Document, document_id)
        stored = await session.scalar(select(func.count()).select_from(Chunk).where(Chunk.document_id == document_id))
    assert found.chunk_count == stored
    return found.status, found.error_code, found.chunk_count


async def at_once(step: Callable[[], Awaitable[None]]) -> None:
    await step()


def indexing(sessions: Sessions, claim: Claim, settings: Settings, rounds: int | None = None) -> Indexing:
    """The indexing of a claim; with ``rounds`` it is told to stop after that many ranges."""
    asked = 0

    def stopping() -> bool:
        nonlocal asked
        asked += 1
        return rounds is not None and asked > rounds

    return Indexing(sessions, claim, parse_rules(settings), persist=at_once, stopping=stopping)


def test_a_job_is_claimed_by_one_worker_only(settings: Settings, url: str) -> None:
    documents = {queue_document(url, f"{number}.txt", b"text %d" % number) for number in range(6)}

    async def work(_: Sessions, queue: JobQueue) -> None:
        claims = await asyncio.gather(*(queue.claim() for _ in range(8)))
        found = [claim.document_id for claim in claims if claim is not None]
        assert sorted(found) == sorted(documents)
        assert {claim.attempt for claim in claims if claim is not None} == {1}

    with_queue(settings, work)


def test_jobs_are_claimed_in_the_order_in_which_they_were_queued(settings: Settings, url: str) -> None:
    documents = [queue_document(url, f"{number}.txt", b"text %d" % number) for number in range(3)]

    async def work(_: Sessions, queue: JobQueue) -> None:
        assert [(await claimed(queue)).document_id for _ in documents] == documents

    with_queue(settings, work)


def test_a_job_is_another_workers_when_its_lease_has_ended_and_not_before(settings: Settings, url: str) -> None:
    queue_document(url, "a.txt", b"text")

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        first = await claimed(queue)
        assert await queue.claim() is None
        await queue.renew(first)
        await let_lease_end(sessions)
        second = await claimed(queue)
        assert (second.job_id, second.attempt) == (first.job_id, 2)
        for outdated in (queue.renew(first), queue.release(first), queue.fail(first, HOPELESS)):
            with pytest.raises(JobLostError):
                await outdated
        await queue.renew(second)

    with_queue(settings, work)


def test_an_outdated_worker_can_write_nothing(settings: Settings, url: str) -> None:
    document = queue_document(url, "facts.pdf", long_pdf(3))

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        first = await claimed(queue)
        await let_lease_end(sessions)
        second = await claimed(queue)
        with pytest.raises(JobLostError):
            await indexing(sessions, first, settings).run()
        assert await state(sessions, document) == ("queued", None, 0)
        chunks = await indexing(sessions, second, settings).run()
        with pytest.raises(JobLostError):
            await indexing(sessions, second, settings).run()
        assert await state(sessions, document) == ("indexed", None, chunks)

    with_queue(settings, work)


def test_an_interrupted_document_goes_on_from_its_checkpoint(settings: Settings, url: str) -> None:
    document = queue_document(url, "facts.pdf", long_pdf(20))

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        first = await claimed(queue)
        with pytest.raises(Interrupted):
            await indexing(sessions, first, settings, rounds=1).run()
        async with sessions() as session:
            before = (await session.scalars(select(Chunk).order_by(Chunk.ordinal))).all()
            written = await session.scalar(text("SELECT max(xmin::text::bigint) FROM chunks"))
        assert 0 < len(before) < 100
        await queue.release(first)
        second = await claimed(queue)
        assert (second.checkpoint, second.attempt) == (len(before), 1)
        chunks = await indexing(sessions, second, settings).run()
        assert await state(sessions, document) == ("indexed", None, chunks)
        async with sessions() as session:
            kept = text("SELECT count(*) FROM chunks WHERE xmin::text::bigint <= :written")
            assert await session.scalar(kept, {"written": written}) == len(before), "finished work was done again"
            pages = set(await session.scalars(select(Chunk.page)))
        assert pages == set(range(1, 21))

    with_queue(settings, work)


def test_a_takeover_under_other_settings_begins_anew_instead_of_mixing(settings: Settings, url: str) -> None:
    document = queue_document(url, "facts.pdf", long_pdf(20))
    others = settings.model_copy(update={"chunk_size": 130})

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        first = await claimed(queue)
        with pytest.raises(Interrupted):
            await indexing(sessions, first, settings, rounds=1).run()
        await let_lease_end(sessions)
        chunks = await indexing(sessions, await claimed(queue), others).run()
        assert await state(sessions, document) == ("indexed", None, chunks)
        async with sessions() as session:
            tokens = list(await session.scalars(select(Chunk.token_count).order_by(Chunk.ordinal)))
        assert max(tokens[:32]) > 100, "the first chunks are those of the old settings"

    with_queue(settings, work)


def test_a_commit_whose_answer_was_lost_is_not_written_twice(settings: Settings, url: str) -> None:
    document = queue_document(url, "facts.pdf", long_pdf(10))

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        async def twice(step: Callable[[], Awaitable[None]]) -> None:
            # As after a connection that broke behind the commit. The last step ends the job, so it stays done.
            await step()
            with contextlib.suppress(JobLostError):
                await step()

        run = Indexing(sessions, await claimed(queue), parse_rules(settings), persist=twice, stopping=lambda: False)
        chunks = await run.run()
        assert await state(sessions, document) == ("indexed", None, chunks)

    with_queue(settings, work)


def test_deleting_a_document_under_the_worker_leaves_nothing_and_no_deadlock(settings: Settings, url: str) -> None:
    document = queue_document(url, "facts.pdf", long_pdf(10))

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        claim = await claimed(queue)
        with pytest.raises(Interrupted):
            await indexing(sessions, claim, settings, rounds=1).run()
        async with sessions.begin() as session:
            await session.execute(delete(Document).where(Document.id == document))
        with pytest.raises(JobLostError):
            await indexing(sessions, claim, settings).run()
        async with sessions() as session:
            assert await session.scalar(select(func.count()).select_from(Chunk)) == 0

    with_queue(settings, work)


def test_a_problem_of_the_file_fails_the_document_at_once_and_removes_its_chunks(settings: Settings, url: str) -> None:
    document = queue_document(url, "facts.pdf", long_pdf(10))

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        claim = await claimed(queue)
        with pytest.raises(Interrupted):
            await indexing(sessions, claim, settings, rounds=1).run()
        assert await queue.fail(claim, HOPELESS) is False
        assert await state(sessions, document) == ("failed", "encrypted", 0)
        await let_lease_end(sessions)
        assert await queue.claim() is None

    with_queue(settings, work)


def test_a_problem_of_the_moment_is_tried_again_after_a_pause_and_not_for_ever(settings: Settings, url: str) -> None:
    document = queue_document(url, "a.txt", b"text")

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        for attempt in (1, 2):
            claim = await claimed(queue)
            assert claim.attempt == attempt
            assert await queue.fail(claim, CRASH) is True
            assert await state(sessions, document) == ("queued", None, 0)
            assert await queue.claim() is None, "the pause has not ended"
            await become_due(sessions)
        assert await queue.fail(await claimed(queue), CRASH) is False
        assert await state(sessions, document) == ("failed", "parser_crashed", 0)

    with_queue(settings, work)


def test_a_document_that_kills_its_workers_is_given_up(settings: Settings, url: str) -> None:
    document = queue_document(url, "a.txt", b"text")

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        for _ in range(3):
            await claimed(queue)
            await let_lease_end(sessions)
        assert await queue.claim() is None
        assert await state(sessions, document) == ("failed", "worker_lost", 0)

    with_queue(settings, work)


def test_workers_that_are_told_to_stop_use_up_no_attempt(settings: Settings, url: str) -> None:
    document = queue_document(url, "a.txt", prose(1).encode())

    async def work(sessions: Sessions, queue: JobQueue) -> None:
        for _ in range(5):
            await queue.release(await claimed(queue))
        chunks = await indexing(sessions, await claimed(queue), settings).run()
        assert await state(sessions, document) == ("indexed", None, chunks)

    with_queue(settings, work)


def test_an_upload_rings_the_bell_only_when_it_is_committed(settings: Settings, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute("LISTEN ingestion_jobs")
        queue_document(url, "a.txt", b"text")
        assert len(list(listener.notifies(timeout=10, stop_after=1))) == 1
