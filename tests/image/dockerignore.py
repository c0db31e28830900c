"""What of a checkout is in the build's context, by `.dockerignore`.

Understands only what ours is written in, and refuses the rest: a reading that is nearly right would prove nothing.
`tests/image/test_image.py` compares this reading with the engine's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALLOW = re.compile(r"!([A-Za-z0-9_.-]+)(/?)")
_DENY_ANYWHERE = re.compile(r"\*\*/([A-Za-z0-9_.*\[\]-]+)")


def allowed(text: str) -> tuple[str, ...]:
    """The files and folders (with a slash at their end) that the list lets in.

    Raises:
        ValueError: the list does not deny everything first, or cannot be read.
    """
    lines = _rules(text)
    if lines[:1] != ["*"]:
        raise ValueError("the list does not begin with '*', so whatever is new would be part of the context")
    return tuple(match[1] + match[2] for line in lines if (match := _ALLOW.fullmatch(line)))


def in_context(text: str, paths: Iterable[str]) -> list[str]:
    """Those of the paths (relative, with slashes) that are part of the context."""
    names = allowed(text)
    kept: list[str] = []
    denied = [re.compile(_as_pattern(match[1])) for line in _rules(text) if (match := _DENY_ANYWHERE.fullmatch(line))]
    for path in paths:
        let_in = any(path.startswith(name) if name.endswith("/") else path == name for name in names)
        if let_in and not any(pattern.fullmatch(part) for pattern in denied for part in path.split("/")):
            kept.append(path)
    return kept


def _rules(text: str) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in lines:
        if line != "*" and not _ALLOW.fullmatch(line) and not _DENY_ANYWHERE.fullmatch(line):
            raise ValueError(f"the rule {line!r} is of a kind that the tests do not understand")
    return lines


def _as_pattern(glob: str) -> str:
    return glob.replace(".", r"\.").replace("*", "[^/]*")
