"""Okapi BM25: how much a chunk has to do with a question."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_SATURATION = 1.2
_LENGTH_PENALTY = 0.75


def inverse_frequency(documents: int, containing: int) -> float:
    """How much a term tells, never below zero: the rarer, the more."""
    containing = min(containing, documents)
    return math.log(1.0 + (documents - containing + 0.5) / (containing + 0.5))


@dataclass(frozen=True, kw_only=True)
class Bm25:
    """BM25 with the weights of one question's terms; lengths may be in any unit, the average in the same."""

    weights: Mapping[str, float]
    average_length: float

    def score(self, frequencies: Mapping[str, int], length: int) -> float:
        """Score one chunk from how often it holds each term."""
        relative = length / self.average_length if self.average_length > 0 else 1.0
        damping = _SATURATION * (1.0 - _LENGTH_PENALTY + _LENGTH_PENALTY * relative)
        return sum(
            self.weights[term] * count * (_SATURATION + 1.0) / (count + damping)
            for term, count in frequencies.items()
            if count
        )
