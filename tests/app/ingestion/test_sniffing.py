from __future__ import annotations

import io

import pytest

from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.sniffing import FileKind, sniff
from tests.fixtures import bad_files
from tests.fixtures.documents import docx, pdf

pytestmark = pytest.mark.unit

ALL = frozenset({"pdf", "docx", "txt", "md"})
PDF = pdf(["A page."])
DOCX = docx(["A page."])


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.pdf", PDF, FileKind.PDF),
        ("A.PDF", b"\n\n" + PDF, FileKind.PDF),
        ("a.docx", DOCX, FileKind.DOCX),
        ("a.txt", b"plain", FileKind.TXT),
        ("a.tar.md", b"# title", FileKind.MD),
        ("a.txt", b"MZ is how this sentence begins", FileKind.TXT),
        ("a.txt", "\ufeffwide".encode("utf-16-le"), FileKind.TXT),
        ("a.txt", "Grüße".encode("cp1252"), FileKind.TXT),
    ],
)
def test_a_file_is_what_its_name_and_its_content_both_say(name: str, content: bytes, kind: FileKind) -> None:
    assert sniff(io.BytesIO(content), name, ALL).kind is kind


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.exe", b"MZ", ProblemCode.UNSUPPORTED_TYPE),
        ("pdf", PDF, ProblemCode.UNSUPPORTED_TYPE),
        (".pdf", PDF, ProblemCode.UNSUPPORTED_TYPE),
        ("a.pdf", b"plain text", ProblemCode.MISLABELLED),
        ("a.pdf", DOCX, ProblemCode.MISLABELLED),
        ("a.docx", PDF, ProblemCode.MISLABELLED),
        ("a.docx", bad_files.plain_zip(), ProblemCode.MISLABELLED),
        ("a.txt", PDF, ProblemCode.MISLABELLED),
        ("a.md", DOCX, ProblemCode.MISLABELLED),
        ("a.txt", b"\x7fELF\x02\x01", ProblemCode.MISLABELLED),
        ("a.txt", b"text, then \x00 a zero", ProblemCode.MISLABELLED),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), ProblemCode.ENCRYPTED),
        ("a.pdf", bad_files.truncated_pdf(), ProblemCode.TRUNCATED),
        ("a.docx", bad_files.truncated_docx(), ProblemCode.TRUNCATED),
        ("a.docx", bad_files.zip_bomb_docx(), ProblemCode.ZIP_BOMB),
        ("a.docx", bad_files.docx_with_endless_directory(), ProblemCode.ZIP_BOMB),
        ("a.docx", bad_files.docx_with_endless_directory() + b"a comment", ProblemCode.ZIP_BOMB),
        ("a.docx", bad_files.docx_in_large_format(), ProblemCode.ZIP_BOMB),
    ],
)
def test_what_cannot_be_indexed_is_refused_with_its_code(name: str, content: bytes, code: ProblemCode) -> None:
    with pytest.raises(FileProblem) as caught:
        sniff(io.BytesIO(content), name, ALL)
    assert caught.value.code is code
    assert caught.value.message.endswith(".")


def test_an_extension_that_the_operator_did_not_allow_is_refused_and_the_allowed_are_named() -> None:
    with pytest.raises(FileProblem, match=r"one of: md, txt\.") as caught:
        sniff(io.BytesIO(PDF), "a.pdf", frozenset({"txt", "md"}))
    assert caught.value.code is ProblemCode.UNSUPPORTED_TYPE
