"""Maximal marginal relevance: relevant passages that do not all say the same."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set


def likeness(left: Set[str], right: Set[str]) -> float:
    """The cosine of two sets of terms: 0 nothing in common, 1 the same terms."""
    if not left or not right:
        return 0.0
    return len(left & right) / math.sqrt(len(left) * len(right))


def diversified(scores: Sequence[float], terms: Sequence[Set[str]], *, count: int, trade_off: float) -> list[int]:
    """Choose `count` positions, the most useful first.

    Args:
        scores: relevance of each candidate, best first.
        terms: the terms of each candidate, in the same order.
        count: how many to choose at most.
        trade_off: lambda; 1 is relevance alone, 0 is difference from what was chosen alone.
    """
    if not scores:
        return []
    best = max(scores)
    relevance = [score / best if best > 0 else 0.0 for score in scores]
    left = list(range(len(scores)))
    chosen: list[int] = []
    closest = [0.0] * len(scores)
    while left and len(chosen) < count:
        pick = max(left, key=lambda at: trade_off * relevance[at] - (1.0 - trade_off) * closest[at]) if chosen else 0
        left.remove(pick)
        chosen.append(pick)
        for at in left:
            closest[at] = max(closest[at], likeness(terms[at], terms[pick]))
    return chosen
