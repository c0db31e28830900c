"""Reads a stack file as a newcomer does: from top to bottom."""

import ast
import inspect
from collections.abc import Callable, Collection


def called_in_order(compose: Callable[..., object], names: Collection[str]) -> list[str]:
    """Those of the names that a function calls, in the order of its lines, each as often as it stands there."""
    calls = [
        (node.lineno, node.func.id)
        for node in ast.walk(ast.parse(inspect.getsource(compose)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]
    return [name for _, name in sorted(calls)]
