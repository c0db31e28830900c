"""Answers without an LLM: one to three verbatim sentences, or none.

A sentence's score is the geometric mean of two shares: how alike question and sentence are in their character n-grams
(cosine, rare words of the question weigh more), and how much of the question is found in the sentence and the two
before it. The first picks the sentence; the second keeps a short sentence that shares one common word with the
question from passing for an answer.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from app.retrieval.ports import AnswerPiece, Citation, Passage, Retrieval
from app.retrieval.sentences import sentences_of
from app.retrieval.words import beginning, content_words, gram_count, grams, same_word
from app.text import PAGE_BREAK

MAX_SENTENCES = 3
FOLLOWING_SHARE = 0.8
"""A further sentence joins the answer when it scores at least this share of the best one."""

_CONTEXT = 2
_FEWEST_WORDS = 2


@dataclass(frozen=True, kw_only=True)
class _Sentence:
    passage: Passage
    start: int
    end: int
    words: Sequence[str]
    context: frozenset[str]

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def document_range(self) -> tuple[int, int]:
        return self.passage.start_offset + self.start, self.passage.start_offset + self.end


class ExtractiveAnswerer:
    """Implements `Answerer` by quoting.

    Args:
        floor: the least score of a sentence that may answer; below it the question counts as not answered.
    """

    provider = "extractive"
    model = "sentence-ngram-cosine"

    def __init__(self, floor: float) -> None:
        self._floor = floor

    async def answer(self, question: str, retrieval: Retrieval) -> AsyncIterator[AnswerPiece]:
        """Yield the best sentences, best first; nothing when none reaches the floor."""
        scorer = _Scorer(retrieval.word_weights)
        scored: list[tuple[float, _Sentence]] = []
        for passage in retrieval.passages:
            scored += [(scorer.score(sentence), sentence) for sentence in _sentences(passage)]
            # About a millisecond for each passage; between two of them other requests go on.
            await asyncio.sleep(0)
        for position, citation in enumerate(self._choose(scored)):
            yield AnswerPiece(text=citation.snippet if position == 0 else f" {citation.snippet}", citation=citation)

    def _choose(self, scored: list[tuple[float, _Sentence]]) -> list[Citation]:
        # Among equals the passage that was found first wins: sorting keeps the order.
        scored.sort(key=lambda entry: entry[0], reverse=True)
        least = max(self._floor, FOLLOWING_SHARE * scored[0][0]) if scored else 1.0
        chosen: list[Citation] = []
        quoted: list[_Sentence] = []
        for score, sentence in scored:
            if score < least or score == 0.0 or len(chosen) == MAX_SENTENCES:
                break
            if not any(_repeats(sentence, earlier) for earlier in quoted):
                quoted.append(sentence)
                chosen.append(_citation(sentence, score))
        return chosen


class _Scorer:
    """Scores sentences for one question; remembers each word, because sentences share most of theirs."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = weights
        self._total = sum(weights.values())
        self._vector: Counter[str] = Counter()
        self._by_beginning: dict[str, list[str]] = {}
        for word, weight in weights.items():
            self._by_beginning.setdefault(beginning(word), []).append(word)
            for gram in grams(word):
                # Counter holds any number; its stub knows only whole ones.
                self._vector[gram] += weight  # pyright: ignore[reportArgumentType]
        self._norm = math.sqrt(sum(value * value for value in self._vector.values()))
        self._same: dict[str, frozenset[str]] = {}
        self._seen: set[str] = set()

    def score(self, sentence: _Sentence) -> float:
        """The sentence's score, 0 to 1."""
        if self._total == 0.0 or len(sentence.words) < _FEWEST_WORDS:
            return 0.0
        covered = self._covered(sentence.context)
        if not covered:
            return 0.0
        found = sum(self._weights[word] for word in covered) / self._total
        return math.sqrt(min(1.0, self._cosine(sentence.words)) * found)

    def _covered(self, context: frozenset[str]) -> frozenset[str]:
        """The words of the question of which some word of the context is a form."""
        for word in context - self._seen:
            alike = self._by_beginning.get(beginning(word), ())
            same = frozenset(other for other in alike if same_word(word, other))
            if same:
                self._same[word] = same
        self._seen |= context
        return frozenset[str]().union(*(self._same[word] for word in context & self._same.keys()))

    def _cosine(self, words: Sequence[str]) -> float:
        # Counting the question's n-grams in the sentence takes a tenth of the time of listing the sentence's own. The
        # vector's length then counts each of them as different, which is nearly so within one sentence.
        spaced = f" {' '.join(words)} "
        shared = sum(weight * spaced.count(gram) for gram, weight in self._vector.items())
        return shared / (math.sqrt(gram_count(words)) * self._norm)


def _sentences(passage: Passage) -> list[_Sentence]:
    spans = list(sentences_of(passage.text))
    words = [content_words(passage.text[span.start : span.end]) for span in spans]
    return [
        _Sentence(
            passage=passage,
            start=span.start,
            end=span.end,
            words=words[position],
            context=frozenset(chain.from_iterable(words[max(0, position - _CONTEXT) : position + 1])),
        )
        for position, span in enumerate(spans)
    ]


def _repeats(sentence: _Sentence, earlier: _Sentence) -> bool:
    """Whether the sentence says the same words as one already quoted, or overlaps it in the same document."""
    if sentence.words == earlier.words:
        return True
    if sentence.passage.document_id != earlier.passage.document_id:
        return False
    start, end = sentence.document_range
    other_start, other_end = earlier.document_range
    return start < other_end and other_start < end


def _pages(passage: Passage, sentence: _Sentence) -> tuple[int, int]:
    """The first and last page on which the sentence may stand: one page where the chunk's text shows its breaks."""
    if passage.text.count(PAGE_BREAK) != passage.page_end - passage.page:
        return passage.page, passage.page_end
    page = passage.page + passage.text.count(PAGE_BREAK, 0, sentence.start)
    return page, page + passage.text.count(PAGE_BREAK, sentence.start, sentence.end)


def _citation(sentence: _Sentence, score: float) -> Citation:
    passage = sentence.passage
    start, end = sentence.document_range
    page, page_end = _pages(passage, sentence)
    return Citation(
        document_id=passage.document_id,
        filename=passage.filename,
        page=page,
        page_end=page_end,
        chunk_id=passage.chunk_id,
        snippet=sentence.text,
        start_offset=start,
        end_offset=end,
        score=round(min(score, 1.0), 4),
    )
