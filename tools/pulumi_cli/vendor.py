"""The vendor's own release archive, checked against the vendor's list of checksums."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import platform
import shutil
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from tools.pulumi_cli import PINNED_VERSION, CliError, say, version_text

if TYPE_CHECKING:
    from collections.abc import Generator

BASE_URL: Final = "https://get.pulumi.com/releases/sdk"
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 30.0
CHECKSUMS_LIMIT: Final = 1 << 20
ARCHIVE_LIMIT: Final = 2 << 30
_MACHINES: Final = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class UnreachableError(Exception):
    """The vendor's release cannot be had from here; another way may be tried."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """Where the vendor keeps this version for this machine."""

    base_url: str = BASE_URL
    archive: str
    checksums: str


def release_for(base_url: str = BASE_URL) -> Release:
    """Return the names of this machine's files; raises UnreachableError when the vendor has none for it."""
    system = {"linux": "linux", "darwin": "darwin"}.get(sys.platform)
    machine = _MACHINES.get(platform.machine().lower())
    if system is None or machine is None:
        raise UnreachableError(f"the vendor has no release for {sys.platform} on {platform.machine()}")
    version = version_text(PINNED_VERSION)
    return Release(
        base_url=base_url,
        archive=f"pulumi-v{version}-{system}-{machine}.tar.gz",
        checksums=f"pulumi-{version}-checksums.txt",
    )


def fetch(release: Release, folder: Path) -> None:
    """Download, verify and unpack a release into an empty folder.

    Raises UnreachableError when it cannot be had (no network, an answer cut short, no checksum to compare with), and
    CliError when the content is not what the vendor published: that is never a reason to go on another way.
    """
    expected = _expected_digest(release)
    with tempfile.NamedTemporaryFile(prefix="rag-pulumi-", suffix=".tar.gz") as file:
        say(f"downloading {release.archive} from the vendor (about 150 MB)")
        actual = _download(f"{release.base_url}/{release.archive}", Path(file.name))
        if actual != expected:
            raise CliError(
                f"{release.archive} from {release.base_url} has SHA-256 {actual}, but the vendor's list says "
                f"{expected}. It was thrown away: the file was changed on its way. Find out what stands between this "
                "machine and the vendor, or install Pulumi from a source that you trust."
            )
        _unpack(Path(file.name), folder)


def _expected_digest(release: Release) -> str:
    with _open(f"{release.base_url}/{release.checksums}", CONNECT_SECONDS) as answer:
        text = answer.read(CHECKSUMS_LIMIT).decode("utf-8", errors="replace")
    for line in text.splitlines():
        digest, _, name = line.strip().partition(" ")
        if name.strip().lstrip("*") == release.archive and len(digest) == hashlib.sha256().digest_size * 2:
            return digest.lower()
    raise UnreachableError(f"{release.checksums} lists no SHA-256 of {release.archive}")


@contextlib.contextmanager
def _open(url: str, timeout: float) -> Generator[http.client.HTTPResponse]:
    request = urllib.request.Request(url, headers={"User-Agent": "rag-service-tools"})  # noqa: S310 - our own base URL
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - as above
            yield answer
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, OSError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise UnreachableError(f"{url} cannot be read: {reason}") from error


def _download(url: str, target: Path) -> str:
    """Write what the URL holds to a file and return its SHA-256 in hexadecimal."""
    digest = hashlib.sha256()
    received = 0
    with _open(url, READ_SECONDS) as answer, target.open("wb") as file:
        announced = answer.headers.get("Content-Length")
        while block := answer.read(1 << 20):
            digest.update(block)
            received += file.write(block)
            if received > ARCHIVE_LIMIT:
                raise UnreachableError(f"{url} is larger than {ARCHIVE_LIMIT >> 20} MiB, which no release is")
    if announced is not None and received != int(announced):
        raise UnreachableError(f"{url} ended after {received} of {announced} bytes")
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the files below `pulumi/`; raises CliError on anything that could leave the folder."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
                    raise CliError(
                        f"The vendor's archive holds {member.name!r}, which is no plain file below its folder, so "
                        "nothing of it is used. Install Pulumi yourself (pulumi.com/docs/install)."
                    )
                content = tar.extractfile(member)
                relative = PurePosixPath(*path.parts[1:])
                if content is None or not relative.parts:
                    continue
                target = folder / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as file:
                    shutil.copyfileobj(content, file)
                target.chmod(0o755)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CliError(
            f"The vendor's archive passed its checksum but cannot be unpacked ({error}). Is the disk full?"
        ) from error
