from __future__ import annotations

import hashlib
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from app.ingestion import tokens
from app.ingestion.tokens import EstimatedTokens, TiktokenTokens, cached_table, token_counter

pytestmark = pytest.mark.unit

TABLE = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"


def test_without_a_table_the_estimator_counts_and_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a token count must not open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert token_counter(tmp_path).name == "estimated"


def test_a_damaged_table_is_not_trusted_because_tiktoken_would_fetch_another(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_bytes(b"IQ== 0\n")
    assert cached_table(tmp_path) is None
    assert isinstance(token_counter(tmp_path), EstimatedTokens)


@pytest.mark.parametrize("named", [True, False])
def test_tiktoken_looks_where_the_table_was_found_whatever_the_environment_says(
    named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, folder = b"IQ== 0\n", tmp_path / "data-gym-cache"
    folder.mkdir()
    (folder / TABLE).write_bytes(content)
    monkeypatch.setattr(tokens, "_TABLE_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/elsewhere")
    asked: list[str] = []

    def encoding(name: str) -> tiktoken.Encoding:
        asked.append(os.environ["TIKTOKEN_CACHE_DIR"])
        return tiktoken.Encoding(name, pat_str=r"\S+", mergeable_ranks={b"!": 0}, special_tokens={})

    monkeypatch.setattr(tiktoken, "get_encoding", encoding)
    assert token_counter(folder if named else None).name == "tiktoken:cl100k_base"
    assert asked == [str(folder)]


def test_an_encoding_counts_its_own_tokens_and_text_like_a_special_token_is_text() -> None:
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"ab": 256}
    encoding = tiktoken.Encoding("tiny", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|end|>": 257})
    counter = TiktokenTokens(encoding)
    assert counter.name == "tiktoken:tiny"
    assert counter.count("abc") == 2
    assert counter.count("<|end|>") == 7


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("   ", 0), ("word", 1), ("words", 2), ("1234", 2), ("a, b", 3), ("é", 1), ("日本", 3), ("x\n\ny", 3)],
)
def test_the_estimate_follows_its_rules(text: str, expected: int) -> None:
    assert EstimatedTokens().count(text) == expected


@given(st.lists(st.text(max_size=40), max_size=6))
def test_the_estimate_of_a_text_never_exceeds_that_of_its_pieces(pieces: list[str]) -> None:
    counter = EstimatedTokens()
    assert counter.count("".join(pieces)) <= sum(counter.count(piece) for piece in pieces)
