"""The process in which strangers' files are parsed: bounded in memory, time and output, and without any secret.

Started by ``app.ingestion.parser`` as ``python -m app.ingestion.parse_child TASK`` with the file as standard input. It
writes JSON lines: one per chunk, then one that says how it ended. What it imports decides what a hostile file can
reach, so it knows neither settings nor database.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from app.ingestion.chunking import ChunkRules, chunks_of, join_pages
from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.sniffing import FileKind

_MIB = 1024 * 1024
_MAX_OUTPUT_BYTES = 512 * _MIB
_MAX_OPEN_FILES = 64
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to do with the file on standard input, and the bounds within which to do it."""

    kind: str
    max_pages: int
    chunk_size: int
    chunk_overlap: int
    min_chunk_size: int
    memory_mb: int
    cpu_seconds: int
    parent: int
    token_tables: str | None

    def dump(self) -> str:
        """The task as the command line argument that ``load`` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, argument: str) -> Task:
        """The inverse of ``dump``."""
        return cls(**json.loads(argument))


def bound_this_process(task: Task) -> None:
    """Sets the limits and ties this process's life to its parent's, before any byte of the file is read."""
    if sys.platform == "linux":
        # A worker that is killed takes its parser along. Elsewhere the CPU limit ends an orphan.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != task.parent:
            raise SystemExit("the worker that wanted this file parsed is gone")
    bounds = {
        resource.RLIMIT_AS: task.memory_mb * _MIB,
        resource.RLIMIT_CPU: task.cpu_seconds,
        resource.RLIMIT_FSIZE: _MAX_OUTPUT_BYTES,
        resource.RLIMIT_NOFILE: _MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, bound in bounds.items():
        hard = resource.getrlimit(kind)[1]
        value = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        # Some systems (macOS) refuse a bound on the address space; the wall clock still ends the process there.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def parse(task: Task, source: BinaryIO, out: TextIO) -> None:
    """Writes the chunks of ``source`` and a last line that counts them. Raises FileProblem."""
    # Imported within the limits: the parsers are what the limits are for.
    from app.ingestion.extract import pages_of  # noqa: PLC0415
    from app.ingestion.tokens import token_counter  # noqa: PLC0415

    counter = token_counter(None if task.token_tables is None else Path(task.token_tables))
    rules = ChunkRules(size=task.chunk_size, overlap=task.chunk_overlap, minimum=task.min_chunk_size)
    pages = pages_of(source, FileKind(task.kind), task.max_pages)
    text, starts = join_pages(pages)
    count = 0
    for chunk in chunks_of(text, starts, rules, counter):
        out.write(json.dumps(asdict(chunk), ensure_ascii=False) + "\n")
        count += 1
    out.write(json.dumps({"pages": len(pages), "chunks": count, "counter": counter.name}) + "\n")
    out.flush()


def _problem(code: ProblemCode, message: str, where: str = "") -> None:
    # After a failed write the stream may hold half a line; a new one keeps the last line readable.
    line = json.dumps({"problem": code, "message": message, "where": where})
    os.write(1, f"\n{line}\n".encode())


def _where(error: BaseException) -> str:
    """The place and type of an unexpected error, without its message, which may quote the document."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{type(error).__name__} in {place}"


def main() -> int:
    """Parses standard input; the last line written tells the parent how it went. Always exits 0 when it could tell."""
    task = Task.load(sys.argv[1])
    bound_this_process(task)
    # A terminal's interrupt reaches the whole group: the worker decides what becomes of this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # the inherited descriptor
    try:
        parse(task, sys.stdin.buffer, out)
    except FileProblem as problem:
        _problem(problem.code, problem.message)
    except MemoryError:
        _problem(
            ProblemCode.OUT_OF_MEMORY,
            f"Parsing the document needs more than {task.memory_mb} MiB of memory (PARSE_MEMORY_MB); split it and send "
            "the parts.",
        )
    except OSError as error:
        _problem(ProblemCode.OUTPUT_TOO_LARGE, "The document holds more text than this service indexes.", _where(error))
    except Exception as error:  # whatever a parser raises is a finding about the file
        _problem(ProblemCode.CORRUPT, "The document is damaged in a way that no parser expects.", _where(error))
    # Parsers' own clean-up of a hostile document is another chance to crash: nothing is left to do.
    os._exit(0)


if __name__ == "__main__":
    main()
