"""A synthetic corpus with the statistics that matter to a lexical index: Zipf's law and real stop words."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

_STOP_WORDS = """
    the of and to a in is it that for was on are as with be by this at from or an which not have has were but they
    their can will all its when more if other than into only some these could our between how what where who why
"""
_ONSETS = "b br c ch cl cr d dr f fl g gr h j k l m n p pl pr qu r s sh sl sp st t tr v w z"
_VOWELS = "a e i o u ai ea ou oo"
_CODAS = "n r l t s m nd rt ck st p d x"
_VOCABULARY_SIZE = 30_000
_EXPONENT = 1.05


@dataclass(frozen=True, kw_only=True)
class SyntheticChunk:
    """One chunk: its text and the number of words in it."""

    text: str
    words: int


class SyntheticCorpus:
    """Text of invented words whose frequencies follow Zipf's law; the same seed gives the same corpus."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._stop = frozenset(_STOP_WORDS.split())
        self.words = self._vocabulary()
        weights = (1.0 / (rank + 2.0) ** _EXPONENT for rank in range(len(self.words)))
        self._cumulative = list(itertools.accumulate(weights))

    def _vocabulary(self) -> list[str]:
        onsets, vowels, codas = _ONSETS.split(), _VOWELS.split(), _CODAS.split()
        invented: dict[str, None] = {}
        while len(invented) < _VOCABULARY_SIZE:
            syllables = self._random.choices((2, 3, 4), (5, 4, 1))[0]
            word = "".join(self._random.choice(onsets) + self._random.choice(vowels) for _ in range(syllables))
            invented[word + self._random.choice(codas)] = None
        # Stop words fill most of the head, as in English; a few content words are frequent too.
        stop = _STOP_WORDS.split()
        head = [*stop[:30], *itertools.islice(invented, 20), *stop[30:]]
        return [*head, *itertools.islice(invented, 20, None)]

    def draw(self, count: int) -> list[str]:
        """Draw words by their frequency."""
        return self._random.choices(self.words, cum_weights=self._cumulative, k=count)

    def chunk(self) -> SyntheticChunk:
        """Write one chunk of 120 to 200 words in sentences of 8 to 25."""
        total = self._random.randint(120, 200)
        words = self.draw(total)
        sentences: list[str] = []
        start = 0
        while start < total:
            end = start + self._random.randint(8, 25)
            sentences.append(" ".join(words[start:end]).capitalize() + ".")
            start = end
        return SyntheticChunk(text=" ".join(sentences), words=total)

    def question(self) -> str:
        """Ask for 2 to 5 content words: some frequent and some rare, as people ask."""
        while True:
            content = [word for word in self.draw(40) if word not in self._stop]
            if len(content) >= 5:  # enough words for the longest question
                break
        chosen = content[: self._random.randint(2, 5)]
        return "How does the " + " and the ".join(chosen) + " work?"
