from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import psutil
import pytest

from app.ingestion.chunking import Chunk, ChunkRules, chunks_of, join_pages
from app.ingestion.extract import pages_of
from app.ingestion.parse_child import Task
from app.ingestion.parser import ParseRules, parsed
from app.ingestion.problems import FileProblem, ProblemCode
from app.ingestion.sniffing import FileKind
from app.ingestion.tokens import token_counter
from app.worker import parse_rules
from tests.app.service import eventually, make_settings
from tests.fixtures import bad_files
from tests.fixtures.documents import docx, long_pdf

pytestmark = pytest.mark.integration

RULES = ParseRules(
    chunks=ChunkRules(size=200, overlap=40, minimum=50), max_pages=300, memory_mb=512, timeout_seconds=60
)
ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def on_disk(content: bytes) -> Generator[IO[bytes]]:
    with TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file


def parse(content: bytes, kind: FileKind, rules: ParseRules = RULES) -> tuple[int, list[Chunk]]:
    async def run() -> tuple[int, list[Chunk]]:
        with on_disk(content) as file:
            async with parsed(file, kind, rules) as document:
                found = await document.read(0, document.chunks + 10)
                assert len(found) == document.chunks
                assert document.counter == token_counter(None).name
                # A range that was read before can be read again, as a takeover and a retry do.
                assert await document.read(1, 2) == found[1:3]
                return document.pages, found

    return asyncio.run(run())


def refusal(content: bytes, kind: FileKind, rules: ParseRules = RULES) -> FileProblem:
    with pytest.raises(FileProblem) as caught:
        parse(content, kind, rules)
    return caught.value


def test_the_child_hands_back_exactly_what_parsing_in_this_process_would() -> None:
    content = long_pdf(12)
    pages, found = parse(content, FileKind.PDF)
    text, starts = join_pages(pages_of(io.BytesIO(content), FileKind.PDF, 300))
    assert pages == 12
    assert found == list(chunks_of(text, starts, RULES.chunks, token_counter(None)))
    assert {chunk.page for chunk in found} == set(range(1, 13))


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (bad_files.encrypted_pdf(), FileKind.PDF, ProblemCode.ENCRYPTED),
        (bad_files.damaged_pdf(), FileKind.PDF, ProblemCode.CORRUPT),
        (bad_files.pdf_without_text(), FileKind.PDF, ProblemCode.NO_TEXT),
        (bad_files.zip_bomb_docx(), FileKind.DOCX, ProblemCode.ZIP_BOMB),
        (bad_files.entity_bomb_docx(), FileKind.DOCX, ProblemCode.UNSAFE_XML),
    ],
)
def test_what_is_wrong_with_a_file_reaches_the_parent(content: bytes, kind: FileKind, code: ProblemCode) -> None:
    assert refusal(content, kind).code is code


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the address space")
def test_a_document_that_needs_too_much_memory_fails_alone_and_names_the_setting() -> None:
    problem = refusal(b"many words " * 12_000_000, FileKind.TXT, replace(RULES, memory_mb=200))
    assert problem.code is ProblemCode.OUT_OF_MEMORY
    assert "PARSE_MEMORY_MB" in problem.message


def test_a_document_that_takes_too_long_is_given_up() -> None:
    problem = refusal(b"a b. " * 6_000_000, FileKind.TXT, replace(RULES, timeout_seconds=1))
    assert problem.code is ProblemCode.PARSE_TIMEOUT
    assert "PARSE_TIMEOUT_SECONDS" in problem.message


def slow_parse() -> tuple[IO[bytes], asyncio.Task[None]]:
    file = TemporaryFile()  # noqa: SIM115  # closed with the test's process at the latest
    file.write(b"a b. " * 8_000_000)
    file.flush()

    async def run() -> None:
        async with parsed(file, FileKind.TXT, RULES):
            raise AssertionError("the parse was to be interrupted")

    return file, asyncio.create_task(run())


async def the_child(parent: int) -> psutil.Process:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for child in psutil.Process(parent).children(recursive=True):
            if "app.ingestion.parse_child" in child.cmdline():
                return child
        await asyncio.sleep(0.02)
    raise AssertionError("no parsing child appeared")


def test_a_parser_that_crashes_takes_nothing_else_down() -> None:
    async def run() -> FileProblem:
        file, task = slow_parse()
        with file:
            (await the_child(os.getpid())).send_signal(signal.SIGSEGV)
            with pytest.raises(FileProblem) as caught:
                await task
            return caught.value

    problem = asyncio.run(run())
    assert problem.code is ProblemCode.PARSER_CRASHED
    assert "SIGSEGV" in problem.message


def test_a_cancelled_parse_leaves_no_child() -> None:
    async def run() -> psutil.Process:
        file, task = slow_parse()
        with file:
            child = await the_child(os.getpid())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return child

    assert not asyncio.run(run()).is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the CPU limit ends an orphan")
def test_a_killed_worker_takes_its_parser_along() -> None:
    program = (
        "import asyncio, tests.app.ingestion.test_parser as t\n"
        "async def run():\n    file, task = t.slow_parse()\n    await task\n"
        "asyncio.run(run())"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    try:
        child = asyncio.run(the_child(worker.pid))
        # Bounded, so that it is past its beginning, and stopped, so that it cannot end by itself.
        eventually(lambda: child.rlimit(psutil.RLIMIT_NOFILE)[0] == 64, "a bounded parser")
        child.suspend()
    finally:
        worker.kill()
        worker.wait()
    _, alive = psutil.wait_procs([child], timeout=10)
    for orphan in alive:
        orphan.kill()
    assert alive == []


def test_the_parser_sees_no_secret_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@127.0.0.1/db")

    async def run() -> dict[str, str]:
        file, task = slow_parse()
        with file:
            child = await the_child(os.getpid())
            environment = child.environ()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return environment

    environment = asyncio.run(run())
    assert "PATH" in environment
    assert "hunter2" not in str(environment)


def test_a_parser_whose_worker_is_gone_before_it_starts_does_nothing() -> None:
    task = Task(
        kind="txt",
        max_pages=1,
        chunk_size=100,
        chunk_overlap=0,
        min_chunk_size=1,
        memory_mb=512,
        cpu_seconds=5,
        parent=1 if sys.platform == "linux" else os.getpid(),
        token_tables="/tables",
    )
    assert Task.load(task.dump()) == task
    command = [sys.executable, "-m", "app.ingestion.parse_child", task.dump()]
    outcome = subprocess.run(command, cwd=ROOT, input=b"text", capture_output=True, check=False)
    assert (outcome.returncode != 0) == (sys.platform == "linux")


def test_a_word_document_is_parsed_by_the_child_too() -> None:
    pages, found = parse(docx(["First page.", "Second page."]), FileKind.DOCX)
    assert pages == 2
    assert [(chunk.page, chunk.page_end) for chunk in found] == [(1, 2)]


def test_the_parser_looks_for_the_token_table_in_the_folder_that_the_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
    os.mkfifo(table)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "/elsewhere")
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", "/elsewhere")
    url = "postgresql://rag:0123456789abcdef@127.0.0.1/rag"
    rules = parse_rules(make_settings(url, tiktoken_cache_dir=tmp_path))

    async def run() -> str:
        with on_disk(b"A sentence.") as file:
            async with parsed(file, FileKind.TXT, rules) as document:
                return document.counter

    async def opened_by_the_parser() -> int:
        # Nobody can write into a pipe before somebody has opened it to read.
        while True:
            try:
                return os.open(table, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                await asyncio.sleep(0.01)

    async def both() -> str:
        parsing = asyncio.create_task(run())
        writer = await asyncio.wait_for(opened_by_the_parser(), 30)
        os.write(writer, b"no table")
        os.close(writer)
        return await parsing

    assert asyncio.run(both()) == "estimated"
