"""The project of `tests.tools.project` in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tools.project import TRACKED

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    # A blank in the path: a checkout may lie anywhere.
    folder = tmp_path / "my project"
    folder.mkdir()
    for name, text in TRACKED.items():
        (folder / name).write_text(text)
    return folder
