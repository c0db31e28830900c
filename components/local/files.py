"""Files that must never be half written, and secrets that must never be readable by others."""

import os
import shutil
import socket
from pathlib import Path


def write_file(path: Path, content: str, *, mode: int = 0o600) -> None:
    """Writes a file as a whole or not at all; the mode holds from the first byte on, and a failure leaves nothing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    # What a killed process of the same number left here has its own mode, and may be a link: always a new file.
    temporary.unlink(missing_ok=True)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_secret_once(path: Path, value: str) -> str:
    """Keeps a secret that is already there, else writes this one. Returns the secret that holds."""
    if not path.exists():
        write_file(path, value)
    return path.read_text(encoding="utf-8")


def remove_secret(path: Path) -> None:
    """Removes a secret's file, and its folder with the last one."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def remove_tree(path: Path) -> None:
    """Removes a folder if it is there."""
    if path.exists():
        shutil.rmtree(path)


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def tail(path: Path, *, lines: int = 20, size: int = 16_384) -> str:
    """The last lines of a text file, reading no more than `size` bytes; empty when there is no file."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
