"""What a double's templates may name of one object, and what a builder finds in its context."""

from __future__ import annotations

import hashlib
import secrets
import string
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engine.doubles import wire
from tests.image.dockerignore import in_context

if TYPE_CHECKING:
    from tests.engine.doubles.rules import Rule
    from tests.engine.doubles.wire import Properties


def facts_of(name: str, urn: str, inputs: Properties) -> Properties:
    """Return what is known of an object but for its id and its contents; new at each call."""
    digest = secrets.token_hex(32)
    facts: Properties = {
        "name": name,
        "urn": urn,
        "inputs": inputs,
        "digest": digest,
        "short": digest[:17],
        "number": int(digest[:6], 16) + 1,
    }
    length = wire.plain(inputs.get("length"))
    if isinstance(length, int):
        facts["word"] = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))
    return facts


def contents_of(rule: Rule, inputs: Properties) -> str:
    """Return a fingerprint of the files, and their modes, that `.dockerignore` lets a builder see; empty without any.

    The place is seen from where this process runs. Raises ValueError when there is no Dockerfile.
    """
    if rule.reads is None:
        return ""
    folder = Path(str(wire.plain(wire.at(inputs, rule.reads))))
    if not (folder / "Dockerfile").is_file():
        raise ValueError(f"{folder}, seen from {Path.cwd()}, is no folder with a Dockerfile")
    total = hashlib.sha256((folder / "Dockerfile").read_bytes())
    files = sorted(file.relative_to(folder).as_posix() for part in folder.iterdir() for file in _below(part))
    for name in in_context((folder / ".dockerignore").read_text(), files):
        file = folder / name
        total.update(f"{name} {file.stat().st_mode:o} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def _below(part: Path) -> list[Path]:
    """Return the files of one part of a checkout; what begins with a dot at its top (packages, history) is large."""
    if part.is_file():
        return [part]
    return [] if part.name.startswith(".") else [file for file in part.rglob("*") if file.is_file()]
