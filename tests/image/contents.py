"""The files of an image, read without running anything of it."""

from __future__ import annotations

import mmap
import struct
import subprocess
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from tests.image.engine import Engine

MACHINES: Final = {"x86_64": 62, "aarch64": 183}
"""The machine's number in the header of an ELF file."""
_EXPORT_SECONDS: Final = 300


@dataclass(frozen=True)
class Contents:
    """An exported file system. Its tar file is not compressed, so it can be searched as it is."""

    tar: Path
    members: dict[str, tarfile.TarInfo] = field(default_factory=dict[str, tarfile.TarInfo], repr=False)

    @property
    def size(self) -> int:
        """Bytes of all files; one with several names counts once."""
        return sum(member.size for member in self.members.values() if member.isreg())

    def under(self, folder: str) -> dict[str, tarfile.TarInfo]:
        """What lies in a folder, by its path inside."""
        start = folder.rstrip("/") + "/"
        return {name.removeprefix(start): one for name, one in self.members.items() if name.startswith(start)}

    def beginning(self, name: str, length: int = 64) -> bytes:
        """The first bytes of a file."""
        with self.tar.open("rb") as file:
            file.seek(self.members[name].offset_data)
            return file.read(min(length, self.members[name].size))

    def holds(self, text: bytes) -> bool:
        """Whether these bytes are in any file, or in any name."""
        with self.tar.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return mapped.find(text) >= 0

    def machines(self, folder: str) -> dict[int, int]:
        """How many ELF files of a folder are made for each machine."""
        found: dict[int, int] = {}
        for name, member in self.under(folder).items():
            if member.isreg():
                head = self.beginning(f"{folder}/{name}")
                if head.startswith(b"\x7fELF"):
                    [machine] = struct.unpack_from("<H", head, 18)
                    found[machine] = found.get(machine, 0) + 1
        return found


def export(engine: Engine, image: str, folder: Path, *options: str) -> Contents:
    """The files of an image; a container is made for it, and never started."""
    container = engine.docker("create", *options, image).strip()
    tar = folder / "contents.tar"
    try:
        command = ["docker", "export", "--output", str(tar), container]
        subprocess.run(command, env=dict(engine.environment), check=True, timeout=_EXPORT_SECONDS)
    finally:
        engine.docker("rm", container)
    with tarfile.open(tar) as archive:
        return Contents(tar, {member.name: member for member in archive})
