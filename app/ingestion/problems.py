"""Everything that can be wrong with a file, each with a stable code that clients may switch on."""

from __future__ import annotations

from enum import StrEnum


class ProblemCode(StrEnum):
    """Why a file was rejected at the door, or why its document could not be indexed later."""

    EMPTY_FILE = "empty_file"
    TOO_LARGE = "too_large"
    UNSUPPORTED_TYPE = "unsupported_type"
    MISLABELLED = "mislabelled"
    DUPLICATE = "duplicate"
    ENCRYPTED = "encrypted"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    ZIP_BOMB = "zip_bomb"
    UNSAFE_XML = "unsafe_xml"
    TOO_MANY_PAGES = "too_many_pages"
    NO_TEXT = "no_text"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_TOO_LARGE = "output_too_large"
    PARSE_TIMEOUT = "parse_timeout"
    PARSER_CRASHED = "parser_crashed"
    WORKER_LOST = "worker_lost"
    INTERNAL_ERROR = "internal_error"


# These may come from a busy machine rather than from the file, so they earn another attempt.
WORTH_ANOTHER_ATTEMPT = frozenset(
    {ProblemCode.PARSE_TIMEOUT, ProblemCode.PARSER_CRASHED, ProblemCode.WORKER_LOST, ProblemCode.INTERNAL_ERROR}
)


class FileProblem(Exception):  # noqa: N818  # a finding about somebody's file, not an error of this program
    """A file that cannot be taken or indexed.

    ``message`` is shown to the client: it says what is wrong and what to do, and holds nothing of the content.
    """

    def __init__(self, code: ProblemCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
