"""CloudWatch's metric math, as far as our expressions use it: what has no value has no result, unless it is filled or
summed.
"""

from collections.abc import Mapping


def calculated(expression: str, values: Mapping[str, float | None]) -> float | None:
    """What an expression gives for one period; None in `values` is a metric that has no number in it."""

    def choose(condition: bool, yes: float, no: float) -> float:
        return yes if condition else no

    def fill(value: float | None, other: float) -> float:
        return other if value is None else value

    def total(listed: list[float | None]) -> float | None:
        there = [value for value in listed if value is not None]
        return sum(there) if there else None

    names = {"IF": choose, "FILL": fill, "SUM": total, **values}
    try:
        return eval(expression, {"__builtins__": {}}, names)  # noqa: S307  # why: our own text
    except (TypeError, ZeroDivisionError):
        return None
