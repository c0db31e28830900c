"""The text of a file, page by page. Runs in the parsing child only: these parsers read what strangers sent."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

import pypdfium2 as pdfium

from app.ingestion.docx import docx_pages
from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.sniffing import UTF_BOMS, FileKind

# PDFium marks a hyphen that a line break introduced by U+FFFE (older versions by U+0002): the word goes on below.
_SOFT_HYPHEN = re.compile("[\ufffe\x02]\r?\n?")
# PostgreSQL refuses NUL, UTF-8 refuses lone surrogates, and no reader wants the other control characters.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_PDF_PASSWORD_ERROR = 4


def pages_of(stream: BinaryIO, kind: FileKind, max_pages: int) -> list[str]:
    """The cleaned text of each page. Raises FileProblem for what cannot be read or has no text or too many pages."""
    readers: dict[FileKind, Callable[[BinaryIO], Iterator[str]]] = {
        FileKind.PDF: lambda source: _pdf_pages(source, max_pages),
        FileKind.DOCX: docx_pages,
        FileKind.TXT: _text_pages,
        FileKind.MD: _text_pages,
    }
    pages: list[str] = []
    for page in readers[kind](stream):
        if len(pages) == max_pages:
            raise _too_many_pages(max_pages)
        pages.append(clean(page))
    if not any(page.strip() for page in pages):
        raise FileProblem(
            ProblemCode.NO_TEXT,
            "The document holds no text that can be read; a scanned document needs text recognition (OCR) first.",
        )
    return pages


def clean(text: str) -> str:
    """Text that PostgreSQL stores and people read: one kind of line end, no control characters."""
    joined = _SOFT_HYPHEN.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _UNWANTED.sub("", joined)


def _too_many_pages(limit: int) -> FileProblem:
    return FileProblem(
        ProblemCode.TOO_MANY_PAGES,
        f"The document has more than {limit} pages (MAX_PAGES_PER_DOCUMENT); split it and send the parts.",
    )


def _pdf_pages(stream: BinaryIO, max_pages: int) -> Iterator[str]:
    try:
        document = pdfium.PdfDocument(stream)
    except pdfium.PdfiumError as error:
        if cast("int | None", error.err_code) == _PDF_PASSWORD_ERROR:  # pyright: ignore[reportUnknownMemberType]  # why: untyped
            raise FileProblem(
                ProblemCode.ENCRYPTED, "The PDF is protected by a password; send it without one."
            ) from error
        raise FileProblem(
            ProblemCode.CORRUPT, "The PDF is damaged and cannot be opened; create it anew and send that."
        ) from error
    count = len(document)
    if count > max_pages:
        raise _too_many_pages(max_pages)
    for index in range(count):
        try:
            page = document[index]
            text = page.get_textpage()
            yield text.get_text_bounded()  # pyright: ignore[reportUnknownMemberType]  # why: its optional bounds are untyped
        except pdfium.PdfiumError as error:
            raise FileProblem(
                ProblemCode.CORRUPT, f"Page {index + 1} of the PDF is damaged; create the file anew and send that."
            ) from error
        text.close()
        page.close()
    document.close()


def _text_pages(stream: BinaryIO) -> Iterator[str]:
    """A form feed begins a new page, as printers have it."""
    stream.seek(0)
    yield from _decode(stream.read()).split("\f")


def _decode(content: bytes) -> str:
    """By byte order mark, else UTF-8, else Windows-1252, which is what such files turn out to be."""
    # UTF-32's mark begins with UTF-16's, so the longer marks are tried first.
    for bom in sorted(UTF_BOMS, key=len, reverse=True):
        if content.startswith(bom):
            return codecs.decode(content, UTF_BOMS[bom], "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
