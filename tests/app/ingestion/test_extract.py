from __future__ import annotations

import io

import pytest

from app.ingestion.extract import clean, pages_of
from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.sniffing import FileKind
from tests.fixtures import bad_files
from tests.fixtures.documents import docx, pdf

pytestmark = pytest.mark.unit

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pages(content: bytes, kind: FileKind, limit: int = 100) -> list[str]:
    return pages_of(io.BytesIO(content), kind, limit)


def word(body: str, namespace: str = W) -> list[str]:
    xml = f'<w:document xmlns:w="{namespace}"><w:body>{body}</w:body></w:document>'
    return [page.strip() for page in pages(bad_files.docx_with(xml.encode()), FileKind.DOCX)]


def refusal(content: bytes, kind: FileKind, limit: int = 100) -> ProblemCode:
    with pytest.raises(FileProblem) as caught:
        pages(content, kind, limit)
    return caught.value.code


def test_each_page_of_a_pdf_keeps_its_own_text() -> None:
    assert pages(pdf(["First page.", "", "Third page."]), FileKind.PDF) == ["First page.", "", "Third page."]


def test_a_pdf_that_opens_without_a_password_is_read_though_it_is_encrypted() -> None:
    assert pages(bad_files.readable_encrypted_pdf("Hello."), FileKind.PDF) == ["Hello."]


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (bad_files.encrypted_pdf(), FileKind.PDF, ProblemCode.ENCRYPTED),
        (bad_files.truncated_pdf(), FileKind.PDF, ProblemCode.CORRUPT),
        (bad_files.damaged_pdf(), FileKind.PDF, ProblemCode.CORRUPT),
        (bad_files.pdf_without_text(), FileKind.PDF, ProblemCode.NO_TEXT),
        (b" \n\f \n", FileKind.TXT, ProblemCode.NO_TEXT),
        (bad_files.truncated_docx(), FileKind.DOCX, ProblemCode.TRUNCATED),
        (bad_files.zip_bomb_docx(), FileKind.DOCX, ProblemCode.ZIP_BOMB),
        (bad_files.lying_zip_bomb_docx(), FileKind.DOCX, ProblemCode.CORRUPT),
        (bad_files.entity_bomb_docx(), FileKind.DOCX, ProblemCode.UNSAFE_XML),
        (bad_files.docx_with(b"<broken"), FileKind.DOCX, ProblemCode.CORRUPT),
        (bad_files.plain_zip(), FileKind.DOCX, ProblemCode.CORRUPT),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content: bytes, kind: FileKind, code: ProblemCode) -> None:
    assert refusal(content, kind) is code


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (pdf(["a", "b", "c"]), FileKind.PDF),
        (docx(["a", "b", "c"]), FileKind.DOCX),
        (b"a\fb\fc", FileKind.TXT),
    ],
)
def test_more_pages_than_allowed_are_refused_and_exactly_as_many_are_read(content: bytes, kind: FileKind) -> None:
    assert refusal(content, kind, limit=2) is ProblemCode.TOO_MANY_PAGES
    assert len(pages(content, kind, limit=3)) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_text_is_read_in_the_encoding_that_it_has(encoding: str) -> None:
    assert pages("Grüße, Zoë, ½".encode(encoding), FileKind.TXT) == ["Grüße, Zoë, ½"]


def test_characters_that_the_database_refuses_are_dropped() -> None:
    assert clean("a\x00b\ud800c\x07d\ufffe\r\ne\rf\tg\r\nh") == "abcde\nf\tg\nh"


def test_a_word_that_a_pdf_hyphenates_at_a_line_end_is_whole_again() -> None:
    assert clean("exam\ufffe\r\nple") == "example"


def test_a_word_document_has_the_pages_that_its_author_asked_for() -> None:
    found = pages(docx(["First.\n\nStill first.", "Second.", "Third."]), FileKind.DOCX)
    assert [page.split() for page in found] == [["First.", "Still", "first."], ["Second."], ["Third."]]


def test_a_tables_rows_are_lines_and_its_cells_are_kept_apart() -> None:
    found = pages(docx(["Prices"], table=[["apple", "3"], ["pear", "4"]]), FileKind.DOCX)
    assert found[0].strip().splitlines()[-2:] == ["apple | 3", "pear | 4"]


def test_paragraphs_of_one_cell_and_a_table_within_a_cell_stay_in_their_row() -> None:
    def cell(content: str) -> str:
        return f"<w:tc>{content}</w:tc>"

    def paragraph(text: str) -> str:
        return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"

    inner = f"<w:tbl><w:tr>{cell(paragraph('deep'))}{cell(paragraph('deeper'))}</w:tr></w:tbl>"
    outer = cell(paragraph("one") + paragraph("two")) + cell(inner + paragraph("after"))
    assert word(f"<w:tbl><w:tr>{outer}</w:tr></w:tbl>") == ["one two | deep | deeper after"]


def test_tabs_breaks_hyphens_and_deleted_or_repeated_text_read_as_on_screen() -> None:
    body = (
        '<w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="720"/></w:tabs></w:pPr>'
        "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r>"
        "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom></w:p>"
    )
    assert word(body) == ["a\tb\nc-d"]


def test_sections_and_page_break_before_begin_pages() -> None:
    def paragraph(text: str, properties: str = "") -> str:
        return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"

    continuous = '<w:sectPr><w:type w:val="continuous"/></w:sectPr>'
    body = (
        paragraph("one", "<w:sectPr/>")
        + paragraph("two", "<w:pageBreakBefore/>")
        + paragraph("three", "<w:pageBreakBefore/>")
        + paragraph("still three", '<w:pageBreakBefore w:val="0"/>' + continuous)
        + paragraph("three to the end")
        + "<w:sectPr/>"
    )
    assert [page.split("\n")[0] for page in word(body) if page] == ["one", "two", "three"]


def test_the_strict_variant_of_the_format_is_read_too() -> None:
    body = "<w:p><w:r><w:t>strict</w:t></w:r></w:p>"
    assert word(body, "http://purl.oclc.org/ooxml/wordprocessingml/main") == ["strict"]
