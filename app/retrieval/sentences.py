"""Where sentences begin and end in a chunk's text, so that a snippet is always a verbatim slice of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_SENTENCE_CHARACTERS = 600
"""A longer piece (a log, a list without full stops) is cut at white space, so that a snippet stays readable."""

# A paragraph ends at an empty line and before a line that begins something new: heading, bullet, table row, fence.
_BLOCK_BREAK = re.compile(r"\n(?=[ \t]*(?:\n|\f|[-*+\u2022] |\d{1,3}[.)] |#{1,6} |\||```|~~~))|\n[ \t]*\f|```|~~~")
_LEADING_MARK = re.compile(r"[\s\f]*(?:(?:[-*+\u2022]|\d{1,3}[.)]|>)[ \t]+)*")
_HEADING = re.compile(r"#{1,6} [^\n]*(?:\n|$)")
_END = re.compile(r"[.!?\u2026]+[\"'\u2019\u201d)\]*_]*(?=\s)|[\u3002\uff01\uff1f]")
_NOT_AN_END = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no|nos|fig|eq|sec|ch|vol|pp|p|dr|mr|mrs|ms|prof|st|jr|sr|inc|ltd|co)"
    r"|\b[A-Z])\.$",
    re.IGNORECASE,
)
_LOOK_BACK = 12


@dataclass(frozen=True, slots=True)
class Span:
    """The half-open character range of one sentence within a text."""

    start: int
    end: int


def sentences_of(text: str) -> Iterator[Span]:
    """Yield the sentences of a text in order; headings, marks of lists and white space belong to none."""
    for start, end in _blocks(text):
        position = _skip_heading(text, _skip_mark(text, start, end), end)
        for match in _END.finditer(text, position, end):
            if _ends_sentence(text, match, end):
                yield from _bounded(text, position, match.end())
                position = match.end()
        yield from _bounded(text, position, end)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    position = 0
    for match in _BLOCK_BREAK.finditer(text):
        yield position, match.start()
        position = match.end()
    yield position, len(text)


def _skip_mark(text: str, start: int, end: int) -> int:
    match = _LEADING_MARK.match(text, start, end)
    return start if match is None else match.end()


def _skip_heading(text: str, start: int, end: int) -> int:
    match = _HEADING.match(text, start, end)
    return start if match is None else match.end()


def _ends_sentence(text: str, match: re.Match[str], end: int) -> bool:
    if text[match.start()] != ".":
        return True
    following = text[match.end() : end].lstrip()[:1]
    if following.islower():
        return False
    return _NOT_AN_END.search(text[max(0, match.start() - _LOOK_BACK) : match.start() + 1]) is None


def _bounded(text: str, start: int, end: int) -> Iterator[Span]:
    """Trim white space and cut what is too long to be a snippet."""
    while True:
        while start < end and text[start].isspace():
            start += 1
        while start < end and text[end - 1].isspace():
            end -= 1
        if start >= end:
            return
        if end - start <= MAX_SENTENCE_CHARACTERS:
            yield Span(start, end)
            return
        limit = start + MAX_SENTENCE_CHARACTERS
        cut = next((at for at in range(limit, start + 1, -1) if text[at].isspace()), limit)
        yield Span(start, cut)
        start = cut
