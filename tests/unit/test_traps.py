"""docs/traps.md tells the truth: each test that it names exists, and each trap names one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from stacks.settings import PROJECT

pytestmark = pytest.mark.unit

TEXT = (PROJECT / "docs" / "traps.md").read_text()
ROWS = [row for row in re.findall(r"^\| (.+) \|$", TEXT, re.MULTILINE) if not row.startswith(("trap |", "---"))]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


@cache
def functions_of(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_trap_names_the_test_that_holds_it() -> None:
    assert len(ROWS) > 30
    assert [row for row in ROWS if not re.search(r"`tests/[\w/]+\.py::test_\w+`", row)] == []


@pytest.mark.parametrize(("file", "name"), NAMED, ids=[name for _, name in NAMED])
def test_every_test_that_a_trap_names_exists(file: str, name: str) -> None:
    assert name in functions_of(PROJECT / file)
