"""A copy of what the program and an image are made of, so that a test can change the source of a release."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "__main__.py", "Pulumi.yaml", "pyproject.toml", "uv.lock", "alembic.ini", "gunicorn_conf.py", "Dockerfile",
    ".dockerignore", "stacks", "components", "app", "alembic", "certificates",
)  # fmt: skip


def copy_checkout(folder: Path, names: Iterable[str]) -> None:
    """Copies these files and folders of the checkout, and lends the copy the packages of this test run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    # Pulumi.yaml names it.
    (folder / ".venv").symlink_to(sys.prefix)


@dataclass
class Sources:
    """A copied checkout in `folder`."""

    folder: Path
    changes: int = field(default=0)

    @staticmethod
    def copied(folder: Path) -> Sources:
        """Copies what is needed into `folder`."""
        copy_checkout(folder, COPIED)
        return Sources(folder)

    def change(self, name: str) -> None:
        """Appends a comment to a file, another one each time, so that the release is another."""
        self.changes += 1
        with (self.folder / name).open("a") as file:
            file.write(f"\n# change {self.changes}\n")
