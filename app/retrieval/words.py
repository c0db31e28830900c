"""Words of a question and of a sentence, and how alike they are by their letters.

PostgreSQL's dictionary decides which words *find* a chunk; here letters decide which *sentence* answers, so that
"inspection" still meets "inspected" and a typing error does not hide the answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_GRAM_LENGTHS = (3, 4)
_LIKE_ENOUGH = 0.5

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")

# The stop words of PostgreSQL's english dictionary (the Snowball list), and the words that only make a question.
_STOP_WORDS = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its
itself they them their theirs themselves what which who whom this that these those am is are was were be been being
have has had having do does did doing a an the and but if or because as until while of at by for with about against
between into through during before after above below to from up down in out on off over under again further then once
here there when where why how all any both each few more most other some such no nor not only own same so than too
very s t can will just don should now may must might shall would could cannot let please tell explain describe many
much often
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def normalized(text: str) -> str:
    """The text in compatibility form and lower case, as both sides of a comparison need it."""
    return unicodedata.normalize("NFKC", text).lower()


def content_words(text: str) -> list[str]:
    """The words that carry meaning, in order and with repetitions; empty for a text of stop words alone."""
    return [word for word in _WORD.findall(normalized(text)) if word not in STOP_WORDS]


def grams(word: str) -> list[str]:
    """The character n-grams of a word that is padded by one space on either side."""
    padded = f" {word} "
    return [padded[at : at + length] for length in _GRAM_LENGTHS for at in range(len(padded) - length + 1)]


def gram_count(words: Sequence[str]) -> int:
    """How many n-grams these words have, without making them: a word of n letters has n of three and n - 1 of four."""
    return 2 * sum(map(len, words)) - len(words)


def beginning(word: str) -> str:
    """The part in which two forms of a word must agree; those that differ in it are seldom forms of one another."""
    return word[:2]


def same_word(left: str, right: str) -> bool:
    """Whether two words are forms of one another by their letters ("inspects", "inspected"; "seal", "sealing")."""
    if beginning(left) != beginning(right):
        return False
    shapes = _shape(left), _shape(right)
    return 2 * len(shapes[0] & shapes[1]) >= _LIKE_ENOUGH * (len(shapes[0]) + len(shapes[1]))


@lru_cache(maxsize=20_000)
def _shape(word: str) -> frozenset[str]:
    padded = f" {word} "
    return frozenset(padded[at : at + length] for length in (2, 3) for at in range(len(padded) - length + 1))
