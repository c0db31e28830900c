"""Lexical retrieval: PostgreSQL finds, BM25 ranks, MMR spreads.

An AND query finds a tenth of natural questions and an OR query of everything reads half of the table. So the rarest
words of the question are looked up until their chunks fill a budget; the chunks whose words weigh most are then ranked
by BM25 over all words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Float, Text, cast, func, literal, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.tables import Chunk, Document
from app.retrieval.bm25 import Bm25, inverse_frequency
from app.retrieval.frequencies import SampledFractions, document_frequencies
from app.retrieval.lexemes import frequency_in, lexemes_in, quoted, tokens_of
from app.retrieval.matching import matches
from app.retrieval.mmr import diversified
from app.retrieval.ports import Passage, Retrieval, SearchScope
from app.retrieval.scope import SEARCHABLE, ChunkScope, chunk_scope
from app.retrieval.words import content_words

LOOKUP_BUDGET = 4000
"""Chunks read from the index for one question; 4,000 took 14 ms in the median over 50,000 chunks."""
CANDIDATES = 200
"""Chunks that BM25 ranks."""
MAX_LEXEMES = 24
"""Words of a question that are weighed; a longer question keeps its rarest."""

# Without it a word that no document holds outweighs all others in a library of a few chunks, and nothing is answered.
_BASE_WEIGHT = 2.0
_LEXEMES = text(
    "SELECT token.word, found.lexeme FROM unnest(CAST(:words AS text[])) AS token(word),"
    " unnest(to_tsvector('english', token.word)) AS found"
)


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    chunk_id: UUID
    document_id: UUID
    filename: str
    tokens: int
    vector: str


class KeywordRetriever:
    """Implements `Retriever` with the index of PostgreSQL alone; one for each process."""

    def __init__(self) -> None:
        self._sampled = SampledFractions()

    async def retrieve(
        self, session: AsyncSession, question: str, scope: SearchScope, *, top_k: int, mmr_lambda: float
    ) -> Retrieval:
        """Return at most `top_k` passages, best first; none when no word of the question occurs in the scope."""
        lexemes = await _lexemes_by_token(session, question)
        found = await chunk_scope(session, scope)
        weights, frequencies = await self._weigh(session, lexemes, found)
        words = {
            word: _BASE_WEIGHT + max(weights[lexeme] for lexeme in lexemes[word] if lexeme in weights)
            for word in content_words(question)
            if any(lexeme in weights for lexeme in lexemes.get(word, ()))
        }
        lookup = lexemes_within_budget(frequencies)
        candidates = await _candidates(session, found, {lexeme: weights[lexeme] for lexeme in lookup})
        # Ranking is arithmetic over a few hundred kilobytes: in a thread, other requests go on meanwhile.
        chosen = await asyncio.to_thread(_rank, candidates, weights, top_k, mmr_lambda)
        return Retrieval(passages=await _passages(session, scope.tenant_id, chosen), word_weights=words)

    async def _weigh(
        self, session: AsyncSession, lexemes: Mapping[str, Sequence[str]], scope: ChunkScope
    ) -> tuple[dict[str, float], dict[str, int]]:
        distinct = list(dict.fromkeys(lexeme for group in lexemes.values() for lexeme in group))
        if not distinct:
            return {}, {}
        sampled = await self._sampled.of(session)
        kept = sorted(distinct, key=lambda lexeme: (sampled.get(lexeme, 0.0), -len(lexeme)))[:MAX_LEXEMES]
        frequencies = await document_frequencies(session, kept, scope.condition, chunks=scope.chunks, sampled=sampled)
        # The sum over documents lags behind while a document is being indexed.
        chunks = max(scope.chunks, 1, *frequencies.values())
        return {lexeme: inverse_frequency(chunks, frequencies[lexeme]) for lexeme in kept}, frequencies


async def _lexemes_by_token(session: AsyncSession, question: str) -> dict[str, list[str]]:
    tokens = tokens_of(question)
    if not tokens:
        return {}
    grouped: dict[str, list[str]] = {}
    for token, lexeme in (await session.execute(_LEXEMES, {"words": tokens})).all():
        grouped.setdefault(str(token), []).append(str(lexeme))
    return grouped


def lexemes_within_budget(frequencies: Mapping[str, int]) -> list[str]:
    """The rarest lexemes that occur, until the next would make the lookup too large; always at least one."""
    chosen: list[str] = []
    total = 0
    for lexeme, count in sorted(frequencies.items(), key=lambda entry: entry[1]):
        if count == 0:
            continue
        total += count
        if chosen and total > LOOKUP_BUDGET:
            break
        chosen.append(lexeme)
    return chosen


async def _candidates(session: AsyncSession, scope: ChunkScope, weights: Mapping[str, float]) -> list[_Candidate]:
    """The chunks whose looked-up lexemes weigh most. One branch for each lexeme: an OR query would read every
    vector again to recheck it, which took three times as long.
    """
    if not weights:
        return []
    branches = [
        select(Chunk.id.label("id"), literal(weight, Float()).label("weight"))
        .where(scope.condition, matches(quoted(lexeme)))
        .limit(LOOKUP_BUDGET)
        .subquery()
        for lexeme, weight in weights.items()
    ]
    hits = union_all(*(select(branch.c.id, branch.c.weight) for branch in branches)).subquery()
    total = func.sum(hits.c.weight).label("total")
    best = select(hits.c.id, total).group_by(hits.c.id).order_by(total.desc(), hits.c.id).limit(CANDIDATES).subquery()
    rows = await session.execute(
        select(Chunk.id, Chunk.document_id, Document.filename, Chunk.token_count, cast(Chunk.tsv, Text))
        .join(best, best.c.id == Chunk.id)
        .join(Document, Document.id == Chunk.document_id)
        .where(Document.status.in_(SEARCHABLE))
        .order_by(best.c.total.desc(), Chunk.id)
    )
    return [
        _Candidate(chunk_id=chunk, document_id=document, filename=filename, tokens=tokens, vector=vector)
        for chunk, document, filename, tokens, vector in rows.all()
    ]


def _rank(
    candidates: Sequence[_Candidate], weights: Mapping[str, float], top_k: int, mmr_lambda: float
) -> list[tuple[_Candidate, float]]:
    if not candidates:
        return []
    ranking = Bm25(weights=weights, average_length=sum(each.tokens for each in candidates) / len(candidates))
    scored = [
        (each, ranking.score({lexeme: frequency_in(each.vector, lexeme) for lexeme in weights}, each.tokens))
        for each in candidates
    ]
    scored.sort(key=lambda entry: entry[1], reverse=True)
    pool = scored[: max(3 * top_k, 30)]
    terms = [lexemes_in(each.vector) for each, _ in pool]
    order = diversified([score for _, score in pool], terms, count=top_k, trade_off=mmr_lambda)
    return [pool[position] for position in order]


async def _passages(
    session: AsyncSession, tenant_id: UUID, chosen: Sequence[tuple[_Candidate, float]]
) -> list[Passage]:
    if not chosen:
        return []
    ids = [each.chunk_id for each, _ in chosen]
    rows = await session.execute(
        select(Chunk.id, Chunk.ordinal, Chunk.page, Chunk.page_end, Chunk.start_offset, Chunk.text).where(
            Chunk.tenant_id == tenant_id, Chunk.id.in_(ids)
        )
    )
    texts = {row[0]: row for row in rows.all()}
    passages: list[Passage] = []
    for each, score in chosen:
        row = texts.get(each.chunk_id)
        if row is None:  # deleted since it was ranked
            continue
        _, ordinal, page, page_end, start_offset, content = row
        passages.append(
            Passage(
                chunk_id=each.chunk_id,
                document_id=each.document_id,
                filename=each.filename,
                ordinal=ordinal,
                page=page,
                page_end=page_end,
                start_offset=start_offset,
                text=content,
                score=score,
            )
        )
    return passages
