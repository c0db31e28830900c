"""What a file is, judged by its first and last bytes and its name together, before anything parses it."""

from __future__ import annotations

import struct
import zipfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import BinaryIO

from app.ingestion.problems import FileProblem, ProblemCode


class FileKind(StrEnum):
    """The formats that can be indexed; the value is the extension."""

    PDF = "pdf"
    DOCX = "docx"
    TXT = "txt"
    MD = "md"


CONTENT_TYPES = {
    FileKind.PDF: "application/pdf",
    FileKind.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    FileKind.TXT: "text/plain",
    FileKind.MD: "text/markdown",
}

UTF_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32"} | {
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

# First bytes -> what a person calls such a file. Only what people really rename; the rest is found to be binary.
_SIGNATURES = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive or an Office document",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an old Office document or an encrypted one",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"\x1f\x8b": "a gzip archive",
    b"{\\rtf": "an RTF document",
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HEAD_BYTES = 8192
_PDF_TAIL_BYTES = 4096
_PDF_HEADER_WITHIN = 1024
# White space and escape sequences that occur in real text; any other control character in the head means binary.
_TEXT_CONTROLS = frozenset(b"\t\n\v\f\r\x1b\x08\x1a")

# An Office document is XML and pictures: its XML shrinks 10 to 50 times, pictures hardly at all. Something that small
# text cannot explain is a bomb, and so is anything that would not fit the parser's memory anyway.
MAX_UNPACKED_BYTES = 256 * 1024 * 1024
_BOMB_RATIO = 100
_BOMB_FROM_BYTES = 16 * 1024 * 1024
_MAX_MEMBERS = 10_000
# The directory itself is read into memory, hundreds of bytes for each of its entries of 46 or more.
_MAX_DIRECTORY_BYTES = 1024 * 1024
_END_RECORD = b"PK\x05\x06"
_END_RECORD_BYTES = 22
_END_LOCATOR_64 = b"PK\x06\x07"
_END_LOCATOR_64_BYTES = 20
_LONGEST_COMMENT = 65535


@dataclass(frozen=True, kw_only=True)
class Sniffed:
    """A file that may go on to be parsed."""

    kind: FileKind
    content_type: str


def sniff(stream: BinaryIO, filename: str, allowed: frozenset[str]) -> Sniffed:
    """The kind of a seekable, non-empty file, from its name and its content; both must agree.

    ``allowed`` holds extensions without the dot. Raises FileProblem: unsupported_type, mislabelled, encrypted,
    truncated, corrupt or zip_bomb. The stream's position afterwards is unspecified.
    """
    extension = PurePosixPath(filename).suffix.lower().removeprefix(".")
    readable = allowed & {kind.value for kind in FileKind}
    if extension not in readable:
        known = ", ".join(sorted(readable))
        said = f"files of type .{extension}" if extension else "files without an extension"
        raise FileProblem(ProblemCode.UNSUPPORTED_TYPE, f"This service does not index {said}; send one of: {known}.")
    kind = FileKind(extension)
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    if kind is FileKind.PDF:
        _check_pdf(stream, head)
    elif kind is FileKind.DOCX:
        _check_docx(stream, head)
    else:
        _check_text(head, extension)
    return Sniffed(kind=kind, content_type=CONTENT_TYPES[kind])


def _mislabelled(head: bytes, extension: str) -> FileProblem:
    found = next((name for signature, name in _SIGNATURES.items() if head.startswith(signature)), "something else")
    return FileProblem(
        ProblemCode.MISLABELLED,
        f"The name says .{extension}, but the content is {found}; send the file under its true extension.",
    )


def _check_pdf(stream: BinaryIO, head: bytes) -> None:
    # The header may follow a little junk: every reader allows that within the first 1024 bytes.
    if b"%PDF-" not in head[:_PDF_HEADER_WITHIN]:
        raise _mislabelled(head, "pdf")
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _PDF_TAIL_BYTES))
    if b"%%EOF" not in stream.read(_PDF_TAIL_BYTES):
        raise FileProblem(
            ProblemCode.TRUNCATED, "The PDF has no end marker, so its last part is missing; send the complete file."
        )


def _check_docx(stream: BinaryIO, head: bytes) -> None:
    if head.startswith(_OLE):
        raise FileProblem(
            ProblemCode.ENCRYPTED,
            "The file is protected by a password, or is an old .doc under a new name; "
            "save it as .docx without a password.",
        )
    if not head.startswith(b"PK\x03\x04"):
        raise _mislabelled(head, "docx")
    with open_archive(stream) as archive:
        names = set(archive.namelist())
    if "[Content_Types].xml" not in names or not any(name.startswith("word/") for name in names):
        raise FileProblem(
            ProblemCode.MISLABELLED,
            "The name says .docx, but the content is another kind of archive; send the file under its true extension.",
        )


def open_archive(stream: BinaryIO) -> zipfile.ZipFile:
    """A ZIP archive whose directory promises nothing absurd; reading a member never yields more than it promised.

    Raises FileProblem: truncated, encrypted or zip_bomb.
    """
    _check_directory(stream)
    stream.seek(0)
    try:
        archive = zipfile.ZipFile(stream)
        members = archive.infolist()
    except (zipfile.BadZipFile, struct.error, ValueError, OSError) as error:
        raise FileProblem(
            ProblemCode.TRUNCATED, "The document's archive is incomplete or damaged; send the complete file."
        ) from error
    if any(member.flag_bits & 1 for member in members):
        raise FileProblem(ProblemCode.ENCRYPTED, "The document's archive is encrypted; save it without a password.")
    unpacked = sum(member.file_size for member in members)
    packed = max(1, sum(member.compress_size for member in members))
    absurd = unpacked > _BOMB_FROM_BYTES and unpacked / packed > _BOMB_RATIO
    if absurd or unpacked > MAX_UNPACKED_BYTES or len(members) > _MAX_MEMBERS:
        raise FileProblem(
            ProblemCode.ZIP_BOMB,
            f"The document would unpack from {packed} to {unpacked} bytes in {len(members)} parts, which is more than "
            f"this service unpacks; save it anew without embedded files.",
        )
    return archive


def _check_directory(stream: BinaryIO) -> None:
    """Refuses an archive whose directory would fill this process's memory before anybody could count its entries."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _LONGEST_COMMENT - _END_RECORD_BYTES - _END_LOCATOR_64_BYTES))
    tail = stream.read()
    # Where the library looks: at the very end first, and behind a comment only otherwise.
    at_end = len(tail) - _END_RECORD_BYTES
    position = at_end if tail[at_end : at_end + 4] == _END_RECORD else tail.rfind(_END_RECORD)
    if position < 0 or len(tail) < position + _END_RECORD_BYTES:
        return  # No archive, as the library will say.
    (directory_bytes,) = struct.unpack_from("<L", tail, position + 12)
    large_format = tail[max(0, position - _END_LOCATOR_64_BYTES) : position].startswith(_END_LOCATOR_64)
    if large_format or directory_bytes > _MAX_DIRECTORY_BYTES:
        raise FileProblem(
            ProblemCode.ZIP_BOMB,
            "The document's archive lists more parts than a document has; save it anew without embedded files.",
        )


def _check_text(head: bytes, extension: str) -> None:
    if any(head.startswith(bom) for bom in UTF_BOMS):
        return
    renamed = any(head.startswith(signature) for signature in _SIGNATURES if signature != b"MZ")
    if renamed or any(byte < ord(" ") and byte not in _TEXT_CONTROLS for byte in head):
        raise _mislabelled(head, extension)
