"""How many tokens a text has.

Two counters exist. ``tiktoken`` (cl100k_base) is used when its table already lies in the folder that the settings name
(TIKTOKEN_CACHE_DIR), or else where tiktoken itself would keep it; it is never fetched. Otherwise an estimator counts,
built to err on the high side, so that a chunk never outgrows the limit of a model that counts exactly.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Protocol

import tiktoken

# The name that tiktoken gives to cl100k_base in its cache, and the checksum that it demands of the content. A file with
# another checksum would make tiktoken download: we look first.
_TABLE_NAME = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
_TABLE_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"

_RUNS = re.compile(r"([A-Za-z]+)|([0-9]+)|([^\x00-\x7f]+)|(\n+)|[^\sA-Za-z0-9]")


class TokenCounter(Protocol):
    """Counts tokens; never negative, and zero only for a text without any."""

    @property
    def name(self) -> str:
        """Which counter this is, for logs and metadata."""
        ...

    def count(self, text: str) -> int:
        """The number of tokens in ``text``."""
        ...


class EstimatedTokens:
    """Counts without a table, on the high side.

    A run of ASCII letters costs a token per started four letters, digits one per started three, every other ASCII sign
    one, line breaks one per run, and everything else one per started two bytes of UTF-8. On English prose that is about
    a third more than cl100k_base counts. The estimate of a text never exceeds the sum of the estimates of its pieces,
    which is what lets the chunker add instead of counting again.
    """

    name = "estimated"

    def count(self, text: str) -> int:
        """The estimated number of tokens in ``text``."""
        total = 0
        for match in _RUNS.finditer(text):
            kind = match.lastindex
            if kind == 1:
                total += (match.end() - match.start() + 3) // 4
            elif kind == 2:  # noqa: PLR2004  # the regular expression's second group
                total += (match.end() - match.start() + 2) // 3
            elif kind == 3:  # noqa: PLR2004  # the third
                total += (len(match.group().encode("utf-8", "surrogatepass")) + 1) // 2
            else:
                total += 1
        return total


class TiktokenTokens:
    """Counts with a tiktoken encoding that is at hand."""

    def __init__(self, encoding: tiktoken.Encoding) -> None:
        self._encoding = encoding
        self.name = f"tiktoken:{encoding.name}"

    def count(self, text: str) -> int:
        """The number of tokens of ``text``; text that looks like a special token is plain text."""
        return len(self._encoding.encode(text, disallowed_special=()))


def cached_table(folder: Path | None) -> Path | None:
    """The complete cl100k_base table in ``folder`` (None: tiktoken's usual one), or None. Never the network."""
    table = (folder or Path(tempfile.gettempdir()) / "data-gym-cache") / _TABLE_NAME
    try:
        content = table.read_bytes()
    except OSError:
        return None
    return table if hashlib.sha256(content).hexdigest() == _TABLE_SHA256 else None


def token_counter(folder: Path | None) -> TokenCounter:
    """The best counter that this machine has without a download, with its table in ``folder`` as above."""
    table = cached_table(folder)
    if table is None:
        return EstimatedTokens()
    # The library takes its folder from nowhere else, and would fetch the table if it looked into another.
    os.environ["TIKTOKEN_CACHE_DIR"] = str(table.parent)
    return TiktokenTokens(tiktoken.get_encoding("cl100k_base"))
