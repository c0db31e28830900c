"""`make demo` and `make ask` against the real service with a real worker."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.main import create_app
from tests.app.service import ROOT, environment, make_key, make_settings, serving
from tools import ask, demo

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture
def key_file(migrated_url: str, tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.touch(mode=0o600)
    file.write_text(f"{make_key(migrated_url)}\n")
    return file


@pytest.fixture
def service_url(migrated_url: str, tmp_path: Path) -> Iterator[str]:
    settings = make_settings(migrated_url, rate_limit_read="10000/minute", answer_score_floor=0.32)
    with (tmp_path / "worker.log").open("w") as log, serving(create_app(settings)) as client:
        worker = subprocess.Popen(
            [sys.executable, "-m", "app.worker"], cwd=ROOT, env=environment(migrated_url), stdout=log, stderr=log
        )
        try:
            yield str(client.base_url)
        finally:
            worker.terminate()
            worker.wait(60)


def test_the_demo_indexes_asks_and_quotes_and_a_second_run_adds_nothing(
    service_url: str, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--url", service_url, "--key-file", str(key_file)]
    assert demo.main(arguments) == 0, capsys.readouterr()
    first = capsys.readouterr().out
    assert "uploaded  README.md" in first
    # Exact when ingestion marks page breaks in the text, else the chunk's range; never a page it is not on.
    assert re.search(r"island-ferry\.pdf, (page|pages 1 to) 3,", first), first
    assert re.search(r"pottery-workshop\.docx, (page|pages 1 to) 2,", first), first
    assert "last ferry leaves the island at a quarter past ten" in " ".join(first.split())
    assert key_file.read_text().strip() not in first

    assert demo.main(arguments) == 0, capsys.readouterr()
    second = capsys.readouterr().out
    assert "uploaded" not in second
    assert "is there  README.md" in second

    assert ask.main([*arguments, "Where do aprons hang?"]) == 0
    assert "Aprons hang beside the door." in capsys.readouterr().out
    assert ask.main([*arguments, "Who won the football world cup?"]) == 0
    assert "Not found in your documents." in capsys.readouterr().out
    assert ask.main([*arguments, "ab"]) == 1
    assert "at least 3 characters" in capsys.readouterr().err


def test_a_service_that_is_not_running_is_said_with_the_command_that_starts_it(
    key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--url", "http://127.0.0.1:9", "--key-file", str(key_file)]
    assert (demo.main(arguments), ask.main([*arguments, "question"])) == (1, 1)
    assert capsys.readouterr().err.count("make up") == 2


@pytest.mark.parametrize(
    ("mode", "content", "expected"),
    [(0o644, "rag_x", "chmod 600"), (0o600, "", "is empty"), (0o600, None, "--key-file")],
)
def test_a_key_file_that_cannot_be_used_is_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int, content: str | None, expected: str
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    assert ask.main(["--url", "http://127.0.0.1:9", "--key-file", str(file), "question"]) == 1
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://rag.example.org", "ftp://127.0.0.1", "nonsense"])
def test_the_key_is_never_sent_in_the_clear_to_another_machine(
    key_file: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert ask.main(["--url", url, "--key-file", str(key_file), "question"]) == 1
    error = capsys.readouterr().err
    assert "https" in error or "not an address" in error
