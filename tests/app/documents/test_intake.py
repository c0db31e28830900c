from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.intake import PIECE_BYTES, IntakeRules, display_name, look_at
from app.ingestion.problems import ProblemCode

pytestmark = pytest.mark.unit

RULES = IntakeRules(extensions=frozenset({"txt"}), max_file_bytes=1024 * 1024)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("report.txt", "report.txt"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("..\\..\\windows\\system.txt", "system.txt"),
        ("/absolute/path.txt", "path.txt"),
        ("a\x00b\nc.txt", "abc.txt"),
        ("exe.\u202etxt.pdf", "exe.txt.pdf"),
        ("  many   spaces .txt ", "many spaces .txt"),
        ("..", "unnamed"),
        ("folder/", "unnamed"),
        ("", "unnamed"),
        (None, "unnamed"),
        ("lone\ud800surrogate.txt", "lone?surrogate.txt"),
    ],
)
def test_a_file_name_is_for_display_only(sent: str | None, shown: str) -> None:
    assert display_name(sent) == shown


def test_a_long_name_is_cut_and_keeps_its_extension() -> None:
    name = display_name("x" * 5000 + ".txt")
    assert len(name) == 200
    assert name.endswith("x.txt")


@given(st.text(st.characters(codec=None), max_size=400))
def test_no_name_reaches_out_of_a_folder_or_breaks_a_line(sent: str) -> None:
    name = display_name(sent)
    assert 0 < len(name) <= 200
    assert not set(name) & set("/\\\r\n\x00")
    assert name.strip(". ")


class Watched(io.BytesIO):
    """Remembers the most that was asked of it at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.most = max(self.most, len(content))
        return content


def test_a_file_is_never_held_whole() -> None:
    stream = Watched(b"x" * 5 * PIECE_BYTES)
    found = look_at(stream, "a.txt", IntakeRules(extensions=frozenset({"txt"}), max_file_bytes=8 * PIECE_BYTES))
    assert found.problem is None
    assert stream.most <= PIECE_BYTES


@pytest.mark.parametrize(
    ("size", "code"), [(0, ProblemCode.EMPTY_FILE), (1024 * 1024, None), (1024 * 1024 + 1, ProblemCode.TOO_LARGE)]
)
def test_the_size_limit_is_exact(size: int, code: ProblemCode | None) -> None:
    problem = look_at(io.BytesIO(b"x" * size), "a.txt", RULES).problem
    assert (problem.code if problem else None) is code
