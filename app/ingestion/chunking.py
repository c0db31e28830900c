"""Cuts a document's text into overlapping chunks of a bounded number of tokens.

Sentences stay whole where they can. A "sentence" longer than a quarter of a chunk (a table, a log, prose without full
stops) is cut at line ends, then at spaces, and a run without any space is cut between characters: nothing grows beyond
the limit and nothing is dropped.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.ingestion.tokens import TokenCounter
from app.text import PAGE_BREAK

# What ends a sentence: a stop with its closing quotes and the white space after it, or an empty line.
_SENTENCE_END = re.compile(r"[.!?\u2026][\"'\u2019\u201d)\]]*\s+|[\u3002\uff01\uff1f]\s*|\n[^\S\n]*\n\s*")
_LINE_END = re.compile(r"\n\s*")
_SPACE = re.compile(r"\s+")
# Between pages in a document's text: a paragraph's end, so that offsets count it and sentences do not run across.
PAGE_SEPARATOR = f"\n{PAGE_BREAK}\n"
# Nothing longer than this many characters per allowed token is worth counting: it is cut first.
_LONGEST_TOKEN = 64
_SMALLEST_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class ChunkRules:
    """Sizes in tokens: the most a chunk may have, how much it repeats of its predecessor, and the least of a tail."""

    size: int
    overlap: int
    minimum: int

    def __post_init__(self) -> None:
        if self.size < _SMALLEST_SIZE:
            raise ValueError(f"chunk size {self.size} is too small to hold a sentence; use at least {_SMALLEST_SIZE}")
        if not 0 <= self.overlap < self.size:
            raise ValueError(f"chunk overlap {self.overlap} must be at least 0 and below the chunk size {self.size}")
        if not 0 <= self.minimum <= self.size:
            raise ValueError(f"smallest chunk {self.minimum} must be at least 0 and at most the size {self.size}")


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A piece of a document: ``text`` is exactly ``document_text[start:end]``; pages count from 1."""

    ordinal: int
    page: int
    page_end: int
    start: int
    end: int
    tokens: int
    text: str


@dataclass(frozen=True, slots=True)
class _Unit:
    """A piece that is never cut again: half-open character range and its tokens."""

    start: int
    end: int
    tokens: int


def join_pages(pages: Sequence[str]) -> tuple[str, list[int]]:
    """The document's text and the offset at which each page begins."""
    starts: list[int] = []
    offset = 0
    for page in pages:
        starts.append(offset)
        offset += len(page) + len(PAGE_SEPARATOR)
    return PAGE_SEPARATOR.join(pages), starts


def chunks_of(text: str, page_starts: Sequence[int], rules: ChunkRules, counter: TokenCounter) -> Iterator[Chunk]:
    """The chunks of ``text`` in order, numbered from 0. White space at a chunk's ends belongs to no chunk."""
    ordinal = covered = 0
    for start, end in _pack(_units(text, rules, counter), rules):
        piece = text[start:end]
        stripped = piece.strip()
        first = start + len(piece) - len(piece.lstrip())
        last = first + len(stripped)
        if last <= covered or not stripped:
            # Nothing but white space follows what the chunk before holds already.
            continue
        covered = last
        yield Chunk(
            ordinal=ordinal,
            page=bisect_right(page_starts, first),
            page_end=bisect_right(page_starts, last - 1),
            start=first,
            end=last,
            tokens=counter.count(stripped),
            text=stripped,
        )
        ordinal += 1


def _pack(units: Iterable[_Unit], rules: ChunkRules) -> Iterator[tuple[int, int]]:
    """Fills chunks greedily; each begins with the tail of its predecessor."""
    window: list[_Unit] = []
    previous: list[_Unit] = []
    filled = repeated = 0
    for unit in units:
        if window and filled + unit.tokens > rules.size:
            yield window[0].start, window[-1].end
            previous, window = window, _tail(window, min(rules.overlap, rules.size - unit.tokens))
            repeated, filled = len(window), sum(each.tokens for each in window)
        window.append(unit)
        filled += unit.tokens
    if not window:
        return
    # A short tail borrows from its predecessor until it is long enough to be worth finding.
    earlier = previous[: len(previous) - repeated]
    while earlier and filled < rules.minimum and filled + earlier[-1].tokens <= rules.size:
        window.insert(0, earlier.pop())
        filled += window[0].tokens
    yield window[0].start, window[-1].end


def _tail(window: list[_Unit], budget: int) -> list[_Unit]:
    """The last units that fit the budget, never the whole window."""
    first = len(window)
    while first > 1 and window[first - 1].tokens <= budget:
        first -= 1
        budget -= window[first].tokens
    return window[first:]


def _units(text: str, rules: ChunkRules, counter: TokenCounter) -> Iterator[_Unit]:
    cutter = _Cutter(text, rules.size // 4, counter)
    for start, end in _split(text, 0, len(text), _SENTENCE_END):
        yield from cutter.cut(start, end, (_LINE_END, _SPACE))


@dataclass(frozen=True, slots=True)
class _Cutter:
    """Cuts ranges of ``text`` until none has more than ``limit`` tokens."""

    text: str
    limit: int
    counter: TokenCounter

    def cut(self, start: int, end: int, finer: tuple[re.Pattern[str], ...]) -> Iterator[_Unit]:
        """The range as one unit when it fits, else cut by the next finer rule, at last between characters."""
        if end - start <= self.limit * _LONGEST_TOKEN:
            tokens = self.counter.count(self.text[start:end])
            if tokens <= self.limit:
                yield _Unit(start, end, tokens)
                return
        if finer:
            for piece_start, piece_end in _split(self.text, start, end, finer[0]):
                yield from self.cut(piece_start, piece_end, finer[1:])
            return
        # No token is shorter than a byte and no character longer than four, so this many characters always fit.
        step = max(1, self.limit // 4)
        for piece_start in range(start, end, step):
            piece_end = min(end, piece_start + step)
            yield _Unit(piece_start, piece_end, self.counter.count(self.text[piece_start:piece_end]))


def _split(text: str, start: int, end: int, boundary: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Non-empty ranges that cover [start, end) without a gap; a boundary belongs to the piece before it."""
    position = start
    for match in boundary.finditer(text, start, end):
        yield position, match.end()
        position = match.end()
    if position < end:
        yield position, end
