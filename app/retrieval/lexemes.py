"""The textual forms in which PostgreSQL takes and gives lexemes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping

from app.retrieval.words import content_words

MAX_TOKENS = 64
"""More words of a question than this are not looked up."""

_EDGES = "\"'`.,;:!?()[]{}<>*_\u2018\u2019\u201c\u201d\u2026|&"


def quoted(lexeme: str) -> str:
    """The lexeme as `tsquery` reads it and as `tsvector` prints it; none of its characters is an operator."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def tokens_of(question: str) -> list[str]:
    """What PostgreSQL's parser shall see: the words, and whatever holds dots, slashes or hyphens (names of files)."""
    pieces = (piece.strip(_EDGES) for piece in unicodedata.normalize("NFKC", question).split())
    return [token for token in dict.fromkeys([*content_words(question), *pieces]) if token][:MAX_TOKENS]


def needles(lexemes: Iterable[str]) -> dict[str, str]:
    """What to look for in a printed `tsvector` for each lexeme."""
    return {lexeme: f" {quoted(lexeme)}:" for lexeme in lexemes}


def frequencies_in(vector: str, wanted: Mapping[str, str]) -> dict[str, int]:
    """How often each of the wanted lexemes (see `needles`) occurs in a printed `tsvector`; absent ones are left out.

    PostgreSQL keeps at most 255 positions of a lexeme.
    """
    spaced = f" {vector} "
    counts: dict[str, int] = {}
    for lexeme, needle in wanted.items():
        start = spaced.find(needle)
        if start >= 0:
            start += len(needle)
            counts[lexeme] = spaced.count(",", start, spaced.index(" ", start)) + 1
    return counts


def lexemes_in(vector: str) -> frozenset[str]:
    """Every lexeme of a printed `tsvector`, in its printed form.

    A lexeme with a space in it, which no parser of PostgreSQL makes, would count as two.
    """
    return frozenset(entry.partition(":")[0] for entry in vector.split(" "))
