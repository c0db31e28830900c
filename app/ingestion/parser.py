"""Parses a file in a child process and hands out its chunks; whatever the file does to it, this process lives."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from app.ingestion.chunking import Chunk, ChunkRules
from app.ingestion.parse_child import Task
from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.sniffing import FileKind

_log = logging.getLogger(__name__)
_SOURCE_ROOT = Path(__file__).resolve().parents[2]
_LAST_LINE_WITHIN = 4096
# The parser's environment is chosen, never inherited: the worker's holds secrets.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True, kw_only=True)
class ParseRules:
    """What to make of a file, and what parsing may cost: MiB of address space and seconds of wall and CPU time.

    ``token_tables`` is the folder in which tiktoken's table is looked for; None: where tiktoken itself would.
    """

    chunks: ChunkRules
    max_pages: int
    memory_mb: int
    timeout_seconds: int
    token_tables: Path | None = None


class ParsedDocument:
    """The outcome of a successful parse: counts, and the chunks in order, read from disk as they are needed."""

    def __init__(self, output: IO[bytes], *, pages: int, chunks: int, counter: str) -> None:
        self._output = output
        self._next = 0
        self.pages = pages
        self.chunks = chunks
        self.counter = counter
        output.seek(0)

    async def read(self, first: int, count: int) -> list[Chunk]:
        """Chunks ``first`` to ``first + count - 1``, fewer at the end."""
        return await asyncio.to_thread(self._read, first, count)

    def _read(self, first: int, count: int) -> list[Chunk]:
        if first < self._next:
            self._output.seek(0)
            self._next = 0
        last = min(first + count, self.chunks)
        found: list[Chunk] = []
        while self._next < last:
            line = self._output.readline()
            if self._next >= first:
                found.append(Chunk(**json.loads(line)))
            self._next += 1
        return found


@asynccontextmanager
async def parsed(content: IO[bytes], kind: FileKind, rules: ParseRules) -> AsyncGenerator[ParsedDocument]:
    """Parses ``content`` (a real file; its position does not matter). Leaving the context frees the output.

    Raises FileProblem. A cancelled caller takes the child along.
    """
    # Without a name in the file system from the start, so that a killed worker leaves nothing behind.
    with tempfile.TemporaryFile(prefix="parsed-") as output:
        content.seek(0)
        status = await _run(content, output, kind, rules)
        summary = await asyncio.to_thread(_last_line, output)
        if "problem" in summary:
            code = ProblemCode(str(summary["problem"]))
            if summary["where"]:
                _log.warning("the parser met something unexpected", extra={"where": summary["where"], "code": code})
            raise FileProblem(code, str(summary["message"]))
        if status != 0 or "chunks" not in summary:
            raise _died(status, rules)
        yield ParsedDocument(
            output,
            pages=int(str(summary["pages"])),
            chunks=int(str(summary["chunks"])),
            counter=str(summary["counter"]),
        )


async def _run(content: IO[bytes], output: IO[bytes], kind: FileKind, rules: ParseRules) -> int:
    task = Task(
        kind=kind.value,
        max_pages=rules.max_pages,
        chunk_size=rules.chunks.size,
        chunk_overlap=rules.chunks.overlap,
        min_chunk_size=rules.chunks.minimum,
        memory_mb=rules.memory_mb,
        cpu_seconds=rules.timeout_seconds,
        parent=os.getpid(),
        token_tables=None if rules.token_tables is None else str(rules.token_tables.absolute()),
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app.ingestion.parse_child",
        task.dump(),
        stdin=content,
        stdout=output,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=_SOURCE_ROOT,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    )
    try:
        return await asyncio.wait_for(process.wait(), rules.timeout_seconds)
    except TimeoutError:
        raise _too_slow(rules) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _last_line(output: IO[bytes]) -> dict[str, object]:
    """How the child says it ended; empty when it could not."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _LAST_LINE_WITHIN))
    lines = output.read().splitlines()
    try:
        summary = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {}
    # A chunk's line may end the output of a child that was killed between two writes.
    return cast("dict[str, object]", summary) if isinstance(summary, dict) else {}


def _too_slow(rules: ParseRules) -> FileProblem:
    return FileProblem(
        ProblemCode.PARSE_TIMEOUT,
        f"Parsing took longer than {rules.timeout_seconds} s (PARSE_TIMEOUT_SECONDS); split the document and send the "
        "parts.",
    )


def _died(status: int, rules: ParseRules) -> FileProblem:
    if status == -signal.SIGXCPU:
        return _too_slow(rules)
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    _log.warning("the parser died", extra={"how": how})
    return FileProblem(
        ProblemCode.PARSER_CRASHED,
        f"The document crashed its parser ({how}) within {rules.memory_mb} MiB; create the file anew and send that.",
    )
