"""Looks at a received file once, before anything is stored: its name, size, hash, kind, or what is wrong with it."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass
from typing import BinaryIO

from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.sniffing import sniff

PIECE_BYTES = 1024 * 1024
"""How much of a file is in memory at a time, and the size of a stored part."""

_LONGEST_NAME = 200
_UNNAMED = "unnamed"
_UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Incoming:
    """A received file and what the look at it found; ``problem`` says why it cannot be taken."""

    stream: BinaryIO
    filename: str
    size: int
    sha256: bytes
    content_type: str
    problem: FileProblem | None


@dataclass(frozen=True, kw_only=True)
class IntakeRules:
    """What is taken: extensions without a dot, and bytes per file."""

    extensions: frozenset[str]
    max_file_bytes: int


def display_name(sent: str | None) -> str:
    """A name to show, from whatever the client sent: no folders, no control or direction characters, at most 200 long.

    It is never used as a path.
    """
    text = unicodedata.normalize("NFC", (sent or "").encode("utf-8", "replace").decode("utf-8"))
    base = text.replace("\\", "/").rsplit("/", 1)[-1]
    # Categories C*: control, format (which can reverse the direction of what follows), surrogate, private, unassigned.
    visible = "".join(character for character in base if not unicodedata.category(character).startswith("C"))
    name = " ".join(visible.split())
    if not name.strip(". "):
        return _UNNAMED
    if len(name) > _LONGEST_NAME:
        stem, dot, extension = name.rpartition(".")
        keep = len(dot + extension) if stem and len(extension) < _LONGEST_NAME // 2 else 0
        name = name[: _LONGEST_NAME - keep] + (dot + extension if keep else "")
    return name


def look_at(stream: BinaryIO, sent_name: str | None, rules: IntakeRules) -> Incoming:
    """Reads the file through once, a piece at a time. Blocking: call it in a thread."""
    filename = display_name(sent_name)
    size = stream.seek(0, 2)
    content_type, problem, digest = _UNKNOWN_TYPE, None, b""
    try:
        _check_size(size, rules)
        content_type = sniff(stream, filename, rules.extensions).content_type
        digest = _hash(stream)
    except FileProblem as found:
        problem = found
    return Incoming(
        stream=stream, filename=filename, size=size, sha256=digest, content_type=content_type, problem=problem
    )


def _check_size(size: int, rules: IntakeRules) -> None:
    if size == 0:
        raise FileProblem(ProblemCode.EMPTY_FILE, "The file is empty; send one with content.")
    if size > rules.max_file_bytes:
        limit = rules.max_file_bytes // PIECE_BYTES
        raise FileProblem(ProblemCode.TOO_LARGE, f"The file is larger than {limit} MiB (MAX_FILE_SIZE_MB); split it.")


def _hash(stream: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    stream.seek(0)
    while piece := stream.read(PIECE_BYTES):
        digest.update(piece)
    return digest.digest()
