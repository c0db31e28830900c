"""Names and digests: pure functions, so that the same input is named alike on every machine."""

import hashlib
import re

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SOCKET_PATH_BYTES = 100
"""Unix socket paths end at 103 bytes on macOS and 107 on Linux; supervisord appends a process id while it binds."""


def is_digest(text: str) -> bool:
    """Whether a text is a full content digest, `sha256:` and 64 hexadecimal digits."""
    return DIGEST.fullmatch(text) is not None


def short(digest: str) -> str:
    """The first 12 hexadecimal digits of a digest: enough for names and people, never for identity."""
    return digest.removeprefix("sha256:")[:12]


def fingerprint(text: str, *, length: int = 12) -> str:
    """A stable short name for a text (a path, a lock file's content): hexadecimal, safe in any name."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def image_digest(reference: str) -> str | None:
    """The digest of an image reference `repository@sha256:...`; None when it is pinned by a tag or by nothing."""
    repository, separator, digest = reference.partition("@")
    named = re.fullmatch(r"[a-z0-9]([a-z0-9._:/-]*[a-z0-9])?", repository) is not None
    return digest if separator and named and is_digest(digest) else None
