"""Questions, their answers, and the history of both."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi import Query as QueryParameter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.http.context import request_id
from app.http.dependencies import SessionDep, SettingsDep, TenantDep
from app.http.problems import not_found, problem_body
from app.http.ratelimit import limit as rate_limit
from app.http.schemas_query import (
    NOT_FOUND,
    AnswerEvent,
    CitationOut,
    QueryPage,
    QueryRequest,
    QueryResponse,
    QuerySummary,
    RetrievalEvent,
    UsedChunkOut,
)
from app.http.state import services
from app.http.unavailable import database_unavailable, internal_error
from app.retrieval import history
from app.retrieval.extractive import ExtractiveAnswerer
from app.retrieval.keyword import KeywordRetriever
from app.retrieval.ports import AnswerPiece, SearchScope
from app.retrieval.service import Question, QuestionService, Searched

router = APIRouter(prefix="/v1", tags=["query"])
_log = logging.getLogger(__name__)

_STREAM: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The answer; with `stream` the events `retrieval`, then `citation` and `answer` in turn, and "
        "`done` with the whole response, or `error` with a problem.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
PageNumber = Annotated[int, QueryParameter(ge=1, le=1_000_000)]
PageLimit = Annotated[int, QueryParameter(ge=1, le=100)]


async def question_service(request: Request) -> QuestionService:
    """The service of this process, made at the first question: its retriever remembers statistics."""
    state = request.app.state
    found = getattr(state, "question_service", None)
    if isinstance(found, QuestionService):
        return found
    own = services(request)
    made = QuestionService(
        own.sessions,
        KeywordRetriever(),
        ExtractiveAnswerer(own.settings.answer_score_floor),
        method=own.settings.retrieval_method,
    )
    state.question_service = made
    return made


@router.post("/query", response_model=QueryResponse, responses=_STREAM, dependencies=[Depends(rate_limit("query"))])
async def ask(
    body: QueryRequest,
    request: Request,
    tenant: TenantDep,
    settings: SettingsDep,
    service: Annotated[QuestionService, Depends(question_service)],
) -> QueryResponse | StreamingResponse:
    """Answer from the tenant's documents in their own words, or say that they do not hold an answer.

    The history keeps question, answer and cited sentences, also after a document is deleted.
    """
    filters = body.filters
    question = Question(
        text=body.query,
        scope=SearchScope(
            tenant_id=tenant.tenant_id,
            document_ids=None if filters.document_ids is None else tuple(filters.document_ids),
            batch_ids=None if filters.upload_batch_ids is None else tuple(filters.upload_batch_ids),
            filenames=None if filters.filenames is None else tuple(filters.filenames),
        ),
        top_k=body.top_k if body.top_k is not None else settings.retrieval_top_k,
        mmr_lambda=body.mmr_lambda if body.mmr_lambda is not None else settings.mmr_lambda,
    )
    # Before the stream begins, so that a database that is gone is a 503 and not an event.
    searched = await service.search(question)
    if body.stream:
        return StreamingResponse(
            _events(service, searched, request_id(request.scope)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
    async for event in service.answer(searched):
        if not isinstance(event, AnswerPiece):
            return QueryResponse.of_recorded(event)
    raise AssertionError("an answer always ends with what was recorded")


@router.get("/queries", dependencies=[Depends(rate_limit("read"))])
async def list_queries(
    tenant: TenantDep, session: SessionDep, page: PageNumber = 1, limit: PageLimit = 20
) -> QueryPage:
    """The tenant's questions, newest first."""
    rows, total = await history.page_of(session, tenant.tenant_id, page=page, limit=limit)
    return QueryPage(items=[QuerySummary.of_row(row) for row in rows], page=page, limit=limit, total=total)


@router.get("/queries/{query_id}", dependencies=[Depends(rate_limit("read"))])
async def get_query(query_id: UUID, tenant: TenantDep, session: SessionDep) -> QueryResponse:
    """One question of the history, as it was answered."""
    row = await history.find(session, tenant.tenant_id, query_id)
    if row is None:
        raise not_found("query")
    return QueryResponse.of_row(row)


async def _events(service: QuestionService, searched: Searched, identifier: str) -> AsyncIterator[str]:
    used = [UsedChunkOut.model_validate(entry) for entry in searched.used_chunks]
    yield _event(
        "retrieval",
        RetrievalEvent(query_id=searched.query_id, used_chunks=used, retrieval_ms=searched.retrieval_ms),
    )
    try:
        async for event in service.answer(searched):
            if isinstance(event, AnswerPiece):
                yield _event("citation", CitationOut.model_validate(event.citation))
                yield _event("answer", AnswerEvent(text=event.text))
                continue
            if event.answered.answer is None:
                yield _event("answer", AnswerEvent(text=NOT_FOUND))
            yield _event("done", QueryResponse.of_recorded(event))
    except SQLAlchemyError as error:
        # The status is long sent: the stream itself has to say that the answer was not recorded.
        gone = isinstance(error, (OperationalError, InterfaceError, PoolTimeoutError))
        _log.warning("a streamed answer could not be recorded: %s", type(error).__name__)
        problem = database_unavailable() if gone else internal_error()
        yield _event("error", json.dumps(problem_body(problem, identifier)))


def _event(name: str, data: BaseModel | str) -> str:
    """One event; JSON has no raw line ends, so its data is one line."""
    return f"event: {name}\ndata: {data if isinstance(data, str) else data.model_dump_json()}\n\n"
