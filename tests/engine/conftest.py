"""Fixtures around the real engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.harness import Engine, MakeEngine
from tests.engine.sources import Sources
from tools.pulumi_cli.obtain import bin_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture(scope="session")
def pulumi() -> Path:
    """The folder of the real command line, from PATH or the user's cache."""
    return bin_folder()


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A copy of the checkout whose files a test may change."""
    return Sources.copied(tmp_path / "checkout")


@pytest.fixture
def inline_engine(pulumi: Path, tmp_path: Path) -> MakeEngine:
    """Return a function that makes an engine around a program given as text."""

    def make(source: str, config: Mapping[str, object] | None = None, options: str = "") -> Engine:
        return Engine.inline(folder=tmp_path, source=source, pulumi=pulumi, config=config, options=options)

    return make
