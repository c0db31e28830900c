"""The text of a Word document, read straight from its XML as a stream.

No document object model is built and no library for Office files is asked: the parts that matter are few, the memory
stays bounded, and every byte passes the parser that refuses document type definitions and entities.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast
from xml.etree.ElementTree import Element, ParseError
from zipfile import BadZipFile, ZipFile

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse  # pyright: ignore[reportUnknownVariableType]  # why: it has no types

from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.sniffing import open_archive

_ROOT_RELATIONS = "_rels/.rels"
_USUAL_MAIN_PART = "word/document.xml"
# Not what a reader sees: repeated text of a drawing, text moved elsewhere, and the definition of tab stops.
_IGNORED = frozenset({"Fallback", "moveFrom", "tabs"})


def docx_pages(stream: BinaryIO) -> Iterator[str]:
    """The text between explicit page breaks: Word lays pages out anew on each machine and stores no others.

    Raises FileProblem: truncated, corrupt, encrypted, zip_bomb or unsafe_xml.
    """
    with open_archive(stream) as archive:
        try:
            yield from _Body().pages(archive, _main_part(archive))
        except DefusedXmlException as error:
            raise FileProblem(
                ProblemCode.UNSAFE_XML,
                "The document's XML declares entities or a document type, which no word processor writes; "
                "open it in one and save it anew.",
            ) from error
        except (ParseError, BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, UnicodeError) as error:
            raise FileProblem(
                ProblemCode.CORRUPT, "The document is damaged and cannot be read; open it, save it anew and send that."
            ) from error


def _events(archive: ZipFile, part: str) -> Iterator[tuple[str, Element]]:
    with archive.open(part) as source:
        yield from cast(
            "Iterator[tuple[str, Element]]",
            iterparse(source, events=("start", "end"), forbid_dtd=True, forbid_entities=True, forbid_external=True),
        )


def _local(name: str) -> str:
    """The name without its namespace: the strict and the transitional format differ in nothing else here."""
    return name.rpartition("}")[2]


def _attribute(element: Element, name: str) -> str | None:
    return next((value for key, value in element.attrib.items() if _local(key) == name), None)


def _main_part(archive: ZipFile) -> str:
    """The part that the package names as its main document."""
    if _ROOT_RELATIONS in archive.namelist():
        for event, element in _events(archive, _ROOT_RELATIONS):
            kind = _attribute(element, "Type") or ""
            if event == "end" and kind.endswith("/officeDocument"):
                return (_attribute(element, "Target") or _USUAL_MAIN_PART).lstrip("/")
    return _USUAL_MAIN_PART


class _Body:
    """Turns the stream of elements into lines and pages."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._cells: list[list[str]] = []
        self._around: list[list[str]] = []
        self._ignored = 0
        self._page_is_full = False

    def pages(self, archive: ZipFile, part: str) -> Iterator[str]:
        """The pages of the main part."""
        breaks_after = False
        for event, element in _events(archive, part):
            name = _local(element.tag)
            if name in _IGNORED:
                self._ignored += 1 if event == "start" else -1
            elif event == "start":
                self._start(name)
            elif not self._ignored:
                if name == "sectPr" and not self._is_continuous(element):
                    breaks_after = True
                self._end(name, element)
            if event == "end" and name in {"p", "tbl"}:
                # The text has been taken over; a long document must not stay in memory as elements.
                element.clear()
            if self._page_is_full:
                yield self._take_page()
            if breaks_after and event == "end" and name == "p":
                breaks_after = False
                yield self._take_page()
        yield self._take_page()

    @staticmethod
    def _is_continuous(section: Element) -> bool:
        return any(_local(child.tag) == "type" and _attribute(child, "val") == "continuous" for child in section)

    def _start(self, name: str) -> None:
        if name == "tr":
            self._cells.append([])
        elif name == "tc":
            # A cell may lie in a cell: what was read around it waits.
            self._around.append(self._line)
            self._line = []

    def _end(self, name: str, element: Element) -> None:
        if name == "t":
            self._line.append(element.text or "")
        elif name == "tab":
            self._line.append("\t")
        elif name == "noBreakHyphen":
            self._line.append("-")
        elif name in {"br", "cr"}:
            self._break(page=_attribute(element, "type") == "page")
        elif name == "pageBreakBefore" and _attribute(element, "val") not in {"0", "false", "off"}:
            self._page_is_full = bool(self._lines)
        elif name == "p":
            self._finish_paragraph()
        elif name == "tc" and self._cells:
            self._cells[-1].append("".join(self._line).strip())
            self._line = self._around.pop()
        elif name == "tr" and self._cells:
            self._finish_row()

    def _break(self, *, page: bool) -> None:
        if self._cells or not page:
            self._line.append(" " if self._cells else "\n")
            return
        self._lines.append("".join(self._line))
        self._line = []
        self._page_is_full = True

    def _finish_paragraph(self) -> None:
        if self._cells:
            # Paragraphs of a cell stay on the row's line.
            self._line.append(" ")
            return
        self._lines.append("".join(self._line) + "\n")
        self._line = []

    def _finish_row(self) -> None:
        row = " | ".join(cell for cell in self._cells.pop() if cell)
        if self._cells:
            # A table inside a cell: its row is part of that cell's text.
            self._line.append(f"{row} ")
        elif row:
            self._lines.append(row)

    def _take_page(self) -> str:
        page = "\n".join(self._lines)
        self._lines = []
        self._page_is_full = False
        return page
