"""`POST /v1/query` over a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.http.schemas_query import NOT_FOUND, QueryResponse
from app.retrieval.keyword import KeywordRetriever
from app.retrieval.ports import Retrieval, SearchScope
from tests.app.query.conftest import Reader

pytestmark = [pytest.mark.anyio, pytest.mark.api]
HANDBOOK = "The ferry leaves the north pier every forty minutes."


async def _ask(reader: Reader, question: str, **options: object) -> QueryResponse:
    response = await reader.client.post("/v1/query", json={"query": question, **options})
    assert response.status_code == 200, response.text
    return QueryResponse.model_validate(response.json())


def _problem(response: httpx.Response, status: int) -> Mapping[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["request_id"]
    return body


async def test_an_answer_quotes_the_document_and_says_where(reader: Reader) -> None:
    stored = reader.library.add("handbook.md", ["Some introduction.", HANDBOOK], pages=[(1, 1), (4, 4)])
    answer = await _ask(reader, "How often does the ferry leave?")
    assert answer.answered
    assert answer.answer == HANDBOOK
    [citation] = answer.citations
    assert stored.text[citation.start_offset : citation.end_offset] == citation.snippet == HANDBOOK
    assert (citation.document_id, citation.chunk_id) == (stored.id, stored.chunk_ids[1])
    assert (citation.filename, citation.page, citation.page_end) == ("handbook.md", 4, 4)
    assert 0.32 <= citation.score <= 1
    assert [chunk.chunk_id for chunk in answer.used_chunks] == [stored.chunk_ids[1]]


async def test_the_metadata_says_who_answered_and_how_long_it_took(reader: Reader) -> None:
    reader.library.add("handbook.md", [HANDBOOK])
    metadata = (await _ask(reader, "How often does the ferry leave?", top_k=3, mmr_lambda=0.9)).metadata
    assert (metadata.provider, metadata.retrieval_method) == ("extractive", "keyword")
    assert (metadata.top_k, metadata.mmr_lambda) == (3, 0.9)
    assert metadata.retrieval_ms > 0
    assert metadata.generation_ms > 0
    assert metadata.total_ms >= metadata.retrieval_ms


async def test_what_no_document_says_is_not_answered(reader: Reader) -> None:
    reader.library.add("handbook.md", [HANDBOOK])
    answer = await _ask(reader, "What is the capital of France?")
    assert (answer.answered, answer.answer, answer.citations) == (False, NOT_FOUND, [])


async def test_a_tenant_without_documents_gets_an_honest_answer(reader: Reader) -> None:
    answer = await _ask(reader, "How often does the ferry leave?")
    assert (answer.answered, answer.used_chunks) == (False, [])


@pytest.mark.parametrize("query", ["ab", " ab ", "\u0000ab\u0000", "x" * 1001, ""])
async def test_a_query_that_is_too_short_or_too_long_is_refused(reader: Reader, query: str) -> None:
    body = _problem(await reader.client.post("/v1/query", json={"query": query}), 422)
    assert "body.query" in str(body["errors"])


@pytest.mark.parametrize("query", ["abc", "x" * 1000, "  " + "x" * 1000 + "\n"])
async def test_the_limits_themselves_are_accepted(reader: Reader, query: str) -> None:
    assert not (await _ask(reader, query)).answered


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 0},
        {"top_k": 51},
        {"mmr_lambda": -0.1},
        {"mmr_lambda": 1.1},
        {"mmr_lambda": "NaN"},
        {"filters": {"document_ids": ["no-uuid"]}},
        {"filters": {"documents": []}},
        {"filter": {}},
        {"filters": {"document_ids": [str(uuid4())] * 101}},
    ],
)
async def test_an_option_that_does_not_fit_is_refused_by_name(reader: Reader, options: dict[str, object]) -> None:
    body = _problem(await reader.client.post("/v1/query", json={"query": "ferry", **options}), 422)
    assert next(iter(options)) in str(body["errors"])


@pytest.mark.parametrize("body", ['{"query": "a marker \\ud800 word"}', '{"query": 7}', "[]", "no json"])
async def test_a_body_that_is_no_question_is_refused_without_echoing_it(reader: Reader, body: str) -> None:
    response = await reader.client.post("/v1/query", content=body, headers={"Content-Type": "application/json"})
    _problem(response, 422)
    assert "marker" not in response.text


@pytest.mark.parametrize(
    "query",
    [
        "ferry & ! | ( ' OR 1=1 --",
        '100% ferry_\\ "quoted" :* <->',
        "ferry\u0000\u0000 leaves",
        "ferry \U0001f6a2 \u202e",
    ],
)
async def test_hostile_characters_are_only_characters(reader: Reader, query: str) -> None:
    reader.library.add("handbook.md", [HANDBOOK])
    assert [chunk.filename for chunk in (await _ask(reader, query)).used_chunks] == ["handbook.md"]


async def test_a_document_that_holds_hostile_characters_is_quoted_as_it_is(reader: Reader) -> None:
    text = "The ferry's \"board\" shows 100% <b>bold</b> & 'quoted' \\ times \U0001f6a2."
    reader.library.add("odd.md", [text])
    assert (await _ask(reader, "What does the board of the ferry show?")).citations[0].snippet == text


async def test_another_tenants_documents_are_never_used(reader: Reader, other_reader: Reader) -> None:
    foreign = other_reader.library.add("handbook.md", [HANDBOOK])
    for filters in ({}, {"document_ids": [str(foreign.id)]}, {"upload_batch_ids": [str(foreign.batch_id)]}):
        answer = await _ask(reader, "How often does the ferry leave?", filters=filters)
        assert (answer.answered, answer.used_chunks) == (False, [])
    assert (await _ask(other_reader, "How often does the ferry leave?")).answered


async def test_filters_narrow_the_answer(reader: Reader) -> None:
    reader.library.add("old.md", ["The ferry leaves at six."])
    stored = reader.library.add("new.md", ["The ferry leaves at seven."])
    for filters in (
        {"filenames": ["new.md"]},
        {"document_ids": [str(stored.id)]},
        {"upload_batch_ids": [str(stored.batch_id)]},
    ):
        answer = await _ask(reader, "When does the ferry leave?", filters=filters)
        assert answer.answer == "The ferry leaves at seven."
    assert not (await _ask(reader, "When does the ferry leave?", filters={"filenames": []})).answered


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "Bearer rag_wrong"}])
async def test_without_a_valid_key_nothing_is_answered(reader: Reader, headers: dict[str, str]) -> None:
    for call in (
        reader.client.post("/v1/query", json={"query": "ferry"}, headers=headers),
        reader.client.get("/v1/queries", headers=headers),
        reader.client.get(f"/v1/queries/{uuid4()}", headers=headers),
    ):
        _problem(await call, 401)


async def test_the_defaults_of_the_operator_hold_when_the_client_says_nothing(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, float]] = []
    retrieve = KeywordRetriever.retrieve

    async def spy(
        self: KeywordRetriever,
        session: AsyncSession,
        question: str,
        scope: SearchScope,
        *,
        top_k: int,
        mmr_lambda: float,
    ) -> Retrieval:
        seen.append((top_k, mmr_lambda))
        return await retrieve(self, session, question, scope, top_k=top_k, mmr_lambda=mmr_lambda)

    monkeypatch.setattr(KeywordRetriever, "retrieve", spy)
    await _ask(reader, "ferry")
    await _ask(reader, "ferry", top_k=1, mmr_lambda=0)
    assert seen == [(10, 0.5), (1, 0.0)]
