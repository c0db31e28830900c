"""What retrieval hands to answering, and the two places where later implementations join.

A retriever over vectors, and the fusion of several retrievers, implement `Retriever`; an LLM implements `Answerer`.
Both see document text as data: nothing in it is ever an instruction to the service.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, kw_only=True)
class SearchScope:
    """Which documents may be searched: those of the tenant, narrowed by whichever filters are set.

    Filters combine with AND, the values of one filter with OR. Ids of another tenant match nothing.
    """

    tenant_id: UUID
    document_ids: tuple[UUID, ...] | None = None
    batch_ids: tuple[UUID, ...] | None = None
    filenames: tuple[str, ...] | None = None

    @property
    def narrowed(self) -> bool:
        """Whether any filter is set."""
        return not (self.document_ids is None and self.batch_ids is None and self.filenames is None)


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A chunk that was found. `start_offset` counts characters of the document's extracted text; pages count from 1."""

    chunk_id: UUID
    document_id: UUID
    filename: str
    ordinal: int
    page: int
    page_end: int
    start_offset: int
    text: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """The passages found, best first, and how much each content word of the question tells (0: nothing)."""

    passages: Sequence[Passage]
    word_weights: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Citation:
    """A verbatim piece of a document: `snippet == document_text[start_offset:end_offset]`.

    It stands on `page`; when that is not known exactly, somewhere from `page` to `page_end`.
    """

    document_id: UUID
    filename: str
    page: int
    page_end: int
    chunk_id: UUID
    snippet: str
    start_offset: int
    end_offset: int
    score: float


@dataclass(frozen=True, kw_only=True)
class AnswerPiece:
    """Text to append to the answer, and the citation that carries it."""

    text: str
    citation: Citation


class Retriever(Protocol):
    """Finds the passages that answer a question best."""

    async def retrieve(
        self, session: AsyncSession, question: str, scope: SearchScope, *, top_k: int, mmr_lambda: float
    ) -> Retrieval:
        """Return at most `top_k` passages; `mmr_lambda` 1 is relevance alone, 0 is difference alone."""
        ...


class Answerer(Protocol):
    """Answers from passages; yields nothing when they do not hold the answer."""

    @property
    def provider(self) -> str:
        """Who answers, as reported to the client."""
        ...

    @property
    def model(self) -> str:
        """Which model of the provider, as reported to the client."""
        ...

    def answer(self, question: str, retrieval: Retrieval) -> AsyncIterator[AnswerPiece]:
        """Yield the answer piece by piece, each with the citation it rests on."""
        ...
