"""Lexical retrieval: PostgreSQL finds, BM25 ranks, MMR spreads.

An AND query finds a tenth of natural questions and an OR query of everything reads half of the table. So the rarest
words of the question are looked up until their chunks fill a budget; the chunks whose words weigh most are then ranked
by BM25 over all words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.tables import Chunk, Document
from app.retrieval.bm25 import Bm25, inverse_frequency
from app.retrieval.frequencies import SampledFractions, document_frequencies
from app.retrieval.lexemes import frequencies_in, lexemes_in, needles, quoted, tokens_of
from app.retrieval.mmr import diversified
from app.retrieval.ports import Passage, Retrieval, SearchScope
from app.retrieval.scope import SEARCHABLE, ChunkScope, ScopedStatement, chunk_scope
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

# One lookup for each lexeme: an OR query reads every vector again to recheck it, which took three times as long.
_CANDIDATES = ScopedStatement.of(
    "SELECT chunks.id, chunks.token_count, chunks.tsv::text"
    " FROM (SELECT hit.id, sum(term.weight) AS total"
    "  FROM unnest(CAST(:queries AS text[]), CAST(:weights AS float8[])) AS term(query, weight),"
    "  LATERAL (SELECT chunks.id FROM chunks"
    "   WHERE {in_scope} AND chunks.tsv @@ CAST(term.query AS tsquery) LIMIT :budget) AS hit"
    "  GROUP BY hit.id ORDER BY total DESC, hit.id LIMIT :most) AS best"
    " JOIN chunks ON chunks.id = best.id JOIN documents ON documents.id = chunks.document_id"
    " WHERE documents.status = ANY(CAST(:searchable AS text[]))"
    " ORDER BY best.total DESC, chunks.id"
)


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    chunk_id: UUID
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
        # Four milliseconds of arithmetic on the event loop. In a thread it would cost more: each wake-up of the loop
        # then waits up to 5 ms for the interpreter's lock, and one answer of the database takes dozens of wake-ups.
        chosen = _rank(candidates, weights, top_k, mmr_lambda)
        return Retrieval(passages=await _passages(session, scope.tenant_id, chosen), word_weights=words)

    async def _weigh(
        self, session: AsyncSession, lexemes: Mapping[str, Sequence[str]], scope: ChunkScope
    ) -> tuple[dict[str, float], dict[str, int]]:
        distinct = list(dict.fromkeys(lexeme for group in lexemes.values() for lexeme in group))
        if not distinct:
            return {}, {}
        sampled = await self._sampled.of(session)
        kept = sorted(distinct, key=lambda lexeme: (sampled.get(lexeme, 0.0), -len(lexeme)))[:MAX_LEXEMES]
        frequencies = await document_frequencies(session, kept, scope, sampled=sampled)
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
    """The chunks whose looked-up lexemes weigh most."""
    if not weights:
        return []
    parameters = {
        **scope.parameters,
        "queries": [quoted(lexeme) for lexeme in weights],
        "weights": list(weights.values()),
        "budget": LOOKUP_BUDGET,
        "most": CANDIDATES,
        "searchable": list(SEARCHABLE),
    }
    rows = await session.execute(_CANDIDATES.within(scope), parameters)
    return [_Candidate(chunk_id=chunk, tokens=tokens, vector=vector) for chunk, tokens, vector in rows.all()]


def _rank(
    candidates: Sequence[_Candidate], weights: Mapping[str, float], top_k: int, mmr_lambda: float
) -> list[tuple[_Candidate, float]]:
    if not candidates:
        return []
    ranking = Bm25(weights=weights, average_length=sum(each.tokens for each in candidates) / len(candidates))
    wanted = needles(weights)
    scored = [(each, ranking.score(frequencies_in(each.vector, wanted), each.tokens)) for each in candidates]
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
    rows = await session.execute(
        select(
            *(Chunk.id, Chunk.document_id, Document.filename, Chunk.ordinal),
            *(Chunk.page, Chunk.page_end, Chunk.start_offset, Chunk.text),
        )
        .join(Document, Document.id == Chunk.document_id)
        .where(Chunk.tenant_id == tenant_id, Chunk.id.in_([each.chunk_id for each, _ in chosen]))
    )
    scores = {each.chunk_id: score for each, score in chosen}
    found = {
        chunk: Passage(
            chunk_id=chunk,
            document_id=document,
            filename=filename,
            ordinal=ordinal,
            page=page,
            page_end=page_end,
            start_offset=start_offset,
            text=content,
            score=scores[chunk],
        )
        for chunk, document, filename, ordinal, page, page_end, start_offset, content in rows.all()
    }
    # A chunk that was deleted since it was ranked is left out.
    return [found[each.chunk_id] for each, _ in chosen if each.chunk_id in found]
