"""What `/v1/query` and its history take and give."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.db.tables import Query
from app.retrieval.service import Recorded

NOT_FOUND = "Not found in your documents."

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
_MOST_FILTER_VALUES = 100


def _plain(value: object) -> object:
    """Drop what nobody types: control characters (PostgreSQL refuses NUL) and the white space around."""
    if not isinstance(value, str):
        return value
    if _HALF_CHARACTER.search(value):
        raise ValueError("holds half a character (a lone surrogate), which is not text; send it as UTF-8")
    return _CONTROL.sub(" ", value).strip()


class QueryFilters(BaseModel):
    """Narrows the search; different filters must all hold, the values of one are alternatives."""

    model_config = ConfigDict(extra="forbid")

    document_ids: Annotated[list[UUID] | None, Field(max_length=_MOST_FILTER_VALUES)] = None
    upload_batch_ids: Annotated[list[UUID] | None, Field(max_length=_MOST_FILTER_VALUES)] = None
    filenames: Annotated[
        list[Annotated[str, Field(max_length=255), BeforeValidator(_plain)]] | None,
        Field(max_length=_MOST_FILTER_VALUES, description="Exact names, as shown with the documents."),
    ] = None


class QueryRequest(BaseModel):
    """A question. A field that is not known here is refused, because a mistyped filter would filter nothing."""

    model_config = ConfigDict(extra="forbid")

    query: Annotated[
        str,
        Field(min_length=3, max_length=1000, description="The question; counted without white space around it."),
        BeforeValidator(_plain),
    ]
    top_k: Annotated[int | None, Field(ge=1, le=50, description="Chunks to use; default RETRIEVAL_TOP_K.")] = None
    mmr_lambda: Annotated[
        float | None, Field(ge=0, le=1, description="1: relevance alone; 0: variety alone; default MMR_LAMBDA.")
    ] = None
    filters: QueryFilters = QueryFilters()
    stream: Annotated[bool, Field(description="Answer as Server-Sent Events.")] = False


class CitationOut(BaseModel):
    """A verbatim sentence: characters `start_offset` to `end_offset` of the document's extracted text.

    It stands on `page`; when that is not known exactly, somewhere from `page` to `page_end`.
    """

    model_config = ConfigDict(from_attributes=True)

    document_id: UUID
    filename: str
    page: int
    page_end: int
    chunk_id: UUID
    snippet: str
    start_offset: int
    end_offset: int
    score: float


class UsedChunkOut(BaseModel):
    """A chunk that was searched for the answer; `score` has no fixed scale."""

    model_config = ConfigDict(from_attributes=True)

    chunk_id: UUID
    document_id: UUID
    filename: str
    ordinal: int
    page: int
    page_end: int
    score: float


class MetadataOut(BaseModel):
    """Times in milliseconds, and who answered."""

    model_config = ConfigDict(from_attributes=True)

    retrieval_ms: float
    generation_ms: float
    total_ms: float
    provider: str
    model: str
    retrieval_method: str
    top_k: int
    mmr_lambda: float


class QueryResponse(BaseModel):
    """An answer with its sources. With `answered` false the documents do not hold one, and nothing is cited."""

    query_id: UUID
    query: str
    answered: bool
    answer: str
    citations: list[CitationOut]
    used_chunks: list[UsedChunkOut]
    metadata: MetadataOut
    created_at: datetime

    @classmethod
    def of_recorded(cls, recorded: Recorded) -> QueryResponse:
        """What was just answered."""
        answered = recorded.answered
        return cls(
            query_id=answered.query_id,
            query=answered.query,
            answered=answered.answer is not None,
            answer=answered.answer or NOT_FOUND,
            citations=[CitationOut.model_validate(entry) for entry in answered.citations],
            used_chunks=[UsedChunkOut.model_validate(entry) for entry in answered.used_chunks],
            metadata=MetadataOut.model_validate(answered.metadata),
            created_at=recorded.created_at,
        )

    @classmethod
    def of_row(cls, row: Query) -> QueryResponse:
        """What was answered earlier."""
        return cls(
            query_id=row.id,
            query=row.query,
            answered=row.answered,
            answer=row.answer or NOT_FOUND,
            citations=[CitationOut.model_validate(entry) for entry in row.citations],
            used_chunks=[UsedChunkOut.model_validate(entry) for entry in row.used_chunks],
            metadata=MetadataOut.model_validate(row.details),
            created_at=row.created_at,
        )


class QuerySummary(BaseModel):
    """A question of the history, without its sources."""

    query_id: UUID
    query: str
    answered: bool
    answer: str
    citation_count: int
    created_at: datetime

    @classmethod
    def of_row(cls, row: Query) -> QuerySummary:
        """The short form of a row."""
        return cls(
            query_id=row.id,
            query=row.query,
            answered=row.answered,
            answer=row.answer or NOT_FOUND,
            citation_count=len(row.citations),
            created_at=row.created_at,
        )


class QueryPage(BaseModel):
    """A page of the history, newest first."""

    items: list[QuerySummary]
    page: int
    limit: int
    total: int


class RetrievalEvent(BaseModel):
    """The first event of a stream: what was found."""

    query_id: UUID
    used_chunks: list[UsedChunkOut]
    retrieval_ms: float


class AnswerEvent(BaseModel):
    """A piece to append to the answer."""

    text: str
