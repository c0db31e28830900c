"""A copy of what the program and an image are made of, so that a test can change the source of a release."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "__main__.py", "Pulumi.yaml", "pyproject.toml", "uv.lock", "alembic.ini", "gunicorn_conf.py", "Dockerfile",
    ".dockerignore", "stacks", "components", "app", "alembic", "certificates",
)  # fmt: skip


@dataclass
class Sources:
    """A copied checkout in `folder`."""

    folder: Path
    changes: int = field(default=0)

    @staticmethod
    def copied(folder: Path) -> Sources:
        """Copies what is needed into `folder`."""
        folder.mkdir()
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(source, folder / name)
        # Pulumi.yaml names it; the packages are this test run's own.
        (folder / ".venv").symlink_to(sys.prefix)
        return Sources(folder)

    def change(self, name: str) -> None:
        """Appends a comment to a file, another one each time, so that the release is another."""
        self.changes += 1
        with (self.folder / name).open("a") as file:
            file.write(f"\n# change {self.changes}\n")
