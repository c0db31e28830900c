"""`GET /v1/queries` and `/v1/queries/{id}`."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.http.schemas_query import QueryPage
from tests.app.query.conftest import Reader

pytestmark = [pytest.mark.anyio, pytest.mark.api]


async def _ask(reader: Reader, question: str) -> dict[str, object]:
    response = await reader.client.post("/v1/query", json={"query": question})
    assert response.status_code == 200
    return response.json()


async def _page(reader: Reader, **parameters: int) -> QueryPage:
    response = await reader.client.get("/v1/queries", params=parameters)
    assert response.status_code == 200
    return QueryPage.model_validate(response.json())


async def test_an_answered_question_is_read_back_as_it_was_answered(reader: Reader) -> None:
    reader.library.add("handbook.md", ["The ferry leaves at six."])
    asked = await _ask(reader, "When does the ferry leave?")
    response = await reader.client.get(f"/v1/queries/{asked['query_id']}")
    assert response.json() == asked


async def test_a_question_without_an_answer_is_kept_too(reader: Reader) -> None:
    asked = await _ask(reader, "When does the ferry leave?")
    assert (await reader.client.get(f"/v1/queries/{asked['query_id']}")).json() == asked
    [item] = (await _page(reader)).items
    assert (item.answered, item.citation_count) == (False, 0)


async def test_pages_are_newest_first_and_hold_every_question_once(reader: Reader) -> None:
    asked = [(await _ask(reader, f"question {number}"))["query"] for number in range(5)]
    pages = [await _page(reader, page=page, limit=2) for page in (1, 2, 3, 4)]
    assert [item.query for page in pages for item in page.items] == asked[::-1]
    assert [len(page.items) for page in pages] == [2, 2, 1, 0]
    assert {page.total for page in pages} == {5}


@pytest.mark.parametrize(
    "parameters", [{"page": 0}, {"page": -1}, {"limit": 0}, {"limit": 101}, {"page": 10**30}, {"page": "x"}]
)
async def test_a_page_that_cannot_be_is_refused(reader: Reader, parameters: dict[str, int | str]) -> None:
    assert (await reader.client.get("/v1/queries", params=parameters)).status_code == 422


async def test_a_page_far_beyond_the_end_is_empty(reader: Reader) -> None:
    assert (await _page(reader, page=1_000_000, limit=100)).items == []


async def test_no_tenant_sees_the_questions_of_another(reader: Reader, other_reader: Reader) -> None:
    asked = await _ask(other_reader, "a private question")
    response = await reader.client.get(f"/v1/queries/{asked['query_id']}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert (await _page(reader)).total == 0


async def test_an_unknown_question_is_a_404(reader: Reader) -> None:
    assert (await reader.client.get(f"/v1/queries/{uuid4()}")).status_code == 404
