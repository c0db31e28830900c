"""The source of a release: which files it is made of, its digest, and the tag of an image built from it."""

import hashlib
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from components.contracts import DeploymentError
from components.naming import fingerprint

PARTS = ("app", "alembic", "alembic.ini", "gunicorn_conf.py", "pyproject.toml", "uv.lock")
"""What a release holds: the service, its migrations, and the lock that pins its packages."""


IMAGE_PARTS = (*PARTS, "Dockerfile", ".dockerignore", "certificates")
"""What an image is built from besides."""


def source_files(source: Path, parts: Iterable[str] = PARTS) -> Iterator[Path]:
    """The files of a release, relative to `source` and sorted; caches and hidden files are not part of it."""
    for part in parts:
        path = source / part
        if path.is_file():
            yield Path(part)
        elif path.is_dir():
            yield from sorted(
                file.relative_to(source)
                for file in path.rglob("*")
                if file.is_file() and not any(_left_out(name) for name in file.relative_to(source).parts)
            )
        else:
            raise DeploymentError(
                f"{path} is missing, so there is no release to build; run from a complete checkout of the project"
            )


def digest_of(source: Path, parts: Iterable[str] = PARTS) -> str:
    """The content digest of a release: the same files give the same digest on every machine."""
    total = hashlib.sha256()
    for file in source_files(source, parts):
        content = hashlib.sha256((source / file).read_bytes()).hexdigest()
        total.update(f"{content}  {file.as_posix()}\n".encode())
    return f"sha256:{total.hexdigest()}"


def image_tag(source: Path, *, version: str, stack: str, platforms: Sequence[str]) -> str:
    """A tag for the image built from this source: another one whenever the builder would build again.

    The builder looks at the files' modes too, which an image takes over, so they are part of it.
    """
    files = list(source_files(source, IMAGE_PARTS))
    modes = [f"{stat.S_IMODE((source / file).stat().st_mode):o} {file.as_posix()}" for file in files]
    built_from = fingerprint("\n".join([digest_of(source, IMAGE_PARTS), *platforms, *modes]))
    return f"{version}-{stack}-{built_from}"


def _left_out(name: str) -> bool:
    return name == "__pycache__" or name.startswith(".") or name.endswith(".pyc")
