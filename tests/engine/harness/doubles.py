"""Puts doubles of providers where the engine finds them."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engine.doubles.world import World

if TYPE_CHECKING:
    from tests.engine.doubles.rules import Table

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class Doubles:
    """A folder of executables `pulumi-resource-<package>`, all acting on one world."""

    folder: Path

    @property
    def bin(self) -> Path:
        """The folder to put on PATH."""
        return self.folder / "bin"

    @property
    def world(self) -> World:
        """What exists, and what was asked."""
        return World(folder=self.folder)

    def install(self, package: str, table: Table) -> None:
        """Serve `package` by this table from the next run on; an earlier table of it is replaced."""
        self.bin.mkdir(parents=True, exist_ok=True)
        table_file = self.folder / f"{package}.json"
        table.write(table_file)
        command = [sys.executable, "-u", "-m", "tests.engine.doubles.provider", "--package", package]
        command += ["--table", str(table_file), "--world", str(self.folder)]
        launcher = self.bin / f"pulumi-resource-{package}"
        launcher.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(REPOSITORY))} exec {shlex.join(command)} "$@"\n')
        launcher.chmod(0o755)
