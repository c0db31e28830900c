"""`stream: true`: Server-Sent Events that leave the service while the answer is still being made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy.exc import OperationalError
from starlette.types import Message

from app.http.query import question_service
from app.http.schemas_query import NOT_FOUND
from app.http.state import services_of
from app.retrieval import service as service_module
from app.retrieval.keyword import KeywordRetriever
from app.retrieval.ports import AnswerPiece, Citation, Retrieval
from app.retrieval.service import QuestionService
from tests.app.query.conftest import Reader

pytestmark = [pytest.mark.anyio, pytest.mark.api]
DEADLINE_SECONDS = 20


def _events(text: str) -> list[tuple[str, dict[str, object]]]:
    events: list[tuple[str, dict[str, object]]] = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


async def _stream(reader: Reader, question: str) -> list[tuple[str, dict[str, object]]]:
    response = await reader.client.post("/v1/query", json={"query": question, "stream": True})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    return _events(response.text)


async def test_the_events_tell_the_answer_in_order_and_end_with_the_whole(reader: Reader) -> None:
    stored = reader.library.add("handbook.md", ["The ferry leaves\nat six."])
    events = await _stream(reader, "When does the ferry leave?")
    assert [name for name, _ in events] == ["retrieval", "citation", "answer", "done"]
    assert events[1][1]["document_id"] == str(stored.id)
    assert events[2][1] == {"text": "The ferry leaves\nat six."}
    whole = events[3][1]
    assert whole["answer"] == "The ferry leaves\nat six."
    assert whole["query_id"] == events[0][1]["query_id"]
    assert (await reader.client.get(f"/v1/queries/{whole['query_id']}")).json() == whole


async def test_a_stream_says_when_nothing_was_found(reader: Reader) -> None:
    events = await _stream(reader, "When does the ferry leave?")
    assert [name for name, _ in events] == ["retrieval", "answer", "done"]
    assert events[1][1] == {"text": NOT_FOUND}


class _Slow:
    """An answerer that waits for a sign before its second piece, as an LLM would."""

    provider = "test"
    model = "slow"

    def __init__(self, sign: asyncio.Event) -> None:
        self._sign = sign

    async def answer(self, question: str, retrieval: Retrieval) -> AsyncIterator[AnswerPiece]:
        citation = Citation(
            document_id=uuid4(),
            filename="a.txt",
            page=1,
            page_end=1,
            chunk_id=uuid4(),
            snippet=question,
            start_offset=len(retrieval.passages),
            end_offset=1,
            score=1.0,
        )
        yield AnswerPiece(text="first", citation=citation)
        await self._sign.wait()
        yield AnswerPiece(text=" second", citation=citation)


async def test_the_first_piece_arrives_before_the_second_exists(app: FastAPI, reader: Reader) -> None:
    sign = asyncio.Event()
    slow = QuestionService(services_of(app.state).sessions, KeywordRetriever(), _Slow(sign), method="keyword")
    app.dependency_overrides[question_service] = lambda: slow
    body = json.dumps({"query": "ferry", "stream": True}).encode()
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await arrived.put(message["body"])

    headers = [(b"authorization", f"Bearer {reader.key}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/query", "headers": headers, "query_string": b""}
    scope |= {"asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "server": ("service.test", 80)}
    async with asyncio.timeout(DEADLINE_SECONDS):
        call = asyncio.create_task(app(scope, receive, send))
        early = b""
        while b'"first"' not in early:
            early += await arrived.get()
        assert b"second" not in early
        assert not call.done()
        sign.set()
        await call
    late = b"".join(arrived.get_nowait() for _ in range(arrived.qsize()))
    assert b'" second"' in late
    assert b"event: done" in late


async def test_a_database_that_goes_during_the_answer_ends_the_stream_with_an_error(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("secret host refused"))

    monkeypatch.setattr(service_module, "record", gone)
    events = await _stream(reader, "When does the ferry leave?")
    assert events[-1][0] == "error"
    assert events[-1][1]["code"] == "database_unavailable"
    assert events[-1][1]["request_id"]
    assert "secret" not in json.dumps(events)
