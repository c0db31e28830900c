"""The textual forms in which PostgreSQL takes and gives lexemes."""

from __future__ import annotations

import re
import unicodedata

from app.retrieval.words import content_words

MAX_TOKENS = 64
"""More words of a question than this are not looked up."""

_LEXEME = re.compile(r"(?:^| )'((?:[^']|'')*)'")
_EDGES = "\"'`.,;:!?()[]{}<>*_\u2018\u2019\u201c\u201d\u2026|&"


def quoted(lexeme: str) -> str:
    """The lexeme as `tsquery` reads it and as `tsvector` prints it; none of its characters is an operator."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def tokens_of(question: str) -> list[str]:
    """What PostgreSQL's parser shall see: the words, and whatever holds dots, slashes or hyphens (names of files)."""
    pieces = (piece.strip(_EDGES) for piece in unicodedata.normalize("NFKC", question).split())
    return [token for token in dict.fromkeys([*content_words(question), *pieces]) if token][:MAX_TOKENS]


def frequency_in(vector: str, lexeme: str) -> int:
    """How often the lexeme occurs in a printed `tsvector` (PostgreSQL keeps at most 255 positions)."""
    needle = f" {quoted(lexeme)}:"
    start = f" {vector}".find(needle)
    if start < 0:
        return 0
    start += len(needle) - 1
    end = vector.find(" ", start)
    return vector.count(",", start, len(vector) if end < 0 else end) + 1


def lexemes_in(vector: str) -> frozenset[str]:
    """Every lexeme of a printed `tsvector`, in its printed form."""
    return frozenset(_LEXEME.findall(vector))
