"""A container engine for the tests: the one that runs here, else one of their own for as long as they last.

Nothing is installed unasked: only as root, where apt is, and when CI or IMAGE_ENGINE_INSTALL=1 allows it.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
COMMAND_SECONDS: Final = 120.0
BUILD_SECONDS: Final = 900.0
START_SECONDS: Final = 60.0
_PACKAGES: Final = ("docker.io", "debootstrap")
_PACKAGES_OF_NEWER_RELEASES: Final = ("docker-cli", "docker-buildx")
"""Where Debian has split the client from the engine."""
_PULL_SECONDS: Final = 300.0
# No bridge and no packet filter: both need kernel modules and would touch the machine; containers use its network.
_OPTIONS: Final = ("--bridge=none", "--iptables=false", "--ip6tables=false")


class EngineUnavailableError(Exception):
    """No container can run here; the message says why, and becomes the reason why the tests are skipped."""


class CommandError(Exception):
    """A command failed; the message holds what it wrote."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A docker client and the engine that it reaches."""

    environment: Mapping[str, str] = field(repr=False)
    own: bool = False

    def docker(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> str:
        """What the command wrote to stdout. Raises CommandError when it fails."""
        done = self.attempt(*arguments, seconds=seconds)
        if done.returncode != 0:
            raise CommandError(
                f"docker {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def attempt(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> subprocess.CompletedProcess[str]:
        """The command's outcome, whatever it is."""
        return subprocess.run(
            ["docker", *arguments],
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def script(self, name: str, *arguments: str, values: Mapping[str, str], checkout: Path = ROOT) -> None:
        """Run a script of `tools/` on this engine. Raises CommandError with its output when it fails."""
        done = subprocess.run(
            ["sh", str(checkout / "tools" / name), *arguments],
            env={**self.environment, **values},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise CommandError(f"tools/{name} ended with {done.returncode}:\n{done.stdout[-4000:]}")

    def pulls(self, reference: str) -> bool:
        """Whether the image is here or comes from its registry."""
        if self.attempt("image", "inspect", reference).returncode == 0:
            return True
        try:
            return self.attempt("pull", "--quiet", reference, seconds=_PULL_SECONDS).returncode == 0
        except subprocess.TimeoutExpired:
            return False


@contextlib.contextmanager
def engine() -> Generator[Engine]:
    """The engine that docker reaches, else one that is started and ended here.

    Raises:
        EngineUnavailableError: there is none, and none can be started.
    """
    if platform.system() != "Linux":
        raise EngineUnavailableError("the containers share this machine's network, which needs an engine on Linux")
    running = Engine(environment=os.environ)
    if shutil.which("docker") and _answers(running):
        yield running
        return
    _make_sure_of_dockerd()
    with _started() as own:
        yield own


def need(program: str) -> None:
    """Make sure of a program of Debian's. Raises EngineUnavailableError where it is missing and stays so."""
    if shutil.which(program):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise EngineUnavailableError(f"{program} is missing, and only root on Debian could install it")
    if os.environ.get("CI") != "true" and os.environ.get("IMAGE_ENGINE_INSTALL") != "1":
        raise EngineUnavailableError(f"{program} is missing; IMAGE_ENGINE_INSTALL=1 allows to install it with apt")
    _apt("update")
    _apt("install", "--yes", "--no-install-recommends", *_PACKAGES, *filter(_is_packaged, _PACKAGES_OF_NEWER_RELEASES))
    if not shutil.which(program):
        raise EngineUnavailableError(f"{program} is still missing after {', '.join(_PACKAGES)} were installed")


def _apt(*command: str) -> None:
    done = subprocess.run(
        ["apt-get", "--quiet", *command],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise EngineUnavailableError(f"apt-get {command[0]} failed: {done.stderr.strip()[-500:]}")


def _is_packaged(name: str) -> bool:
    return subprocess.run(["apt-cache", "show", name], capture_output=True, check=False).returncode == 0


def _make_sure_of_dockerd() -> None:
    if os.geteuid() != 0:
        raise EngineUnavailableError(
            "docker reaches no engine, and only root can start one. Start Docker, or let DOCKER_HOST name an engine"
        )
    need("dockerd")
    if not shutil.which("docker"):
        raise EngineUnavailableError("dockerd is here, but no docker client; install the package docker.io")


def _answers(candidate: Engine) -> bool:
    try:
        return candidate.attempt("info", "--format", "{{.OSType}}", seconds=20).stdout.strip() == "linux"
    except subprocess.TimeoutExpired:
        return False


@contextlib.contextmanager
def _started() -> Generator[Engine]:
    """An engine in a folder of its own, which is gone afterwards with everything that it held."""
    folder = Path(tempfile.mkdtemp(prefix="rag-engine-"))
    address = f"unix://{folder}/socket"
    command = ["dockerd", "--host", address, "--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")]
    command += ["--pidfile", str(folder / "pid"), *_OPTIONS]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    own = Engine(environment={**os.environ, "DOCKER_HOST": address}, own=True)
    try:
        _wait_for(own, process, log)
        yield own
    finally:
        _end(process)
        _remove(folder)


def _wait_for(own: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(own):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:])
            raise EngineUnavailableError(f"dockerd cannot run here; its log ends: {tail}")
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(START_SECONDS)


def _remove(folder: Path) -> None:
    """The engine's folder, after what is still mounted in it (the host's network namespace is)."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in reversed([mount for mount in mounts if Path(mount).is_relative_to(folder)]):
        subprocess.run(["umount", "--lazy", mount], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def published_base(dockerfile: Path = ROOT / "Dockerfile") -> str:
    """The base image that the Dockerfile pins."""
    [line] = [line for line in dockerfile.read_text().splitlines() if line.startswith("ARG BASE_IMAGE=")]
    return line.removeprefix("ARG BASE_IMAGE=")


def base_for(engine: Engine) -> str:
    """The base to build on: BASE_IMAGE, else the pinned one, else one of Debian's packages.

    Raises:
        EngineUnavailableError: no registry can be reached, and a base cannot be made here.
    """
    chosen = os.environ.get("BASE_IMAGE") or published_base()
    if engine.pulls(chosen):
        return chosen
    if os.environ.get("BASE_IMAGE"):
        raise EngineUnavailableError(f"BASE_IMAGE={chosen} is neither here nor in a registry that can be reached")
    need("debootstrap")
    if os.geteuid() != 0:
        raise EngineUnavailableError("no registry can be reached, and only root can make a base of Debian's packages")
    cache = ROOT / ".tools" / f"image-base-{platform.machine()}.tar"
    engine.script("image_base.sh", "rag-base:debian", values={"CACHE": str(cache)})
    return "rag-base:debian"


def assert_runs(engine: Engine, image: str, options: Sequence[str]) -> None:
    """Raises EngineUnavailableError when no container runs, or none reaches this machine's loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connect = (
            f"import socket; socket.create_connection(('127.0.0.1', {listening.getsockname()[1]}), 5); print('met')"
        )
        done = engine.attempt("run", "--rm", *options, image, "python3", "-c", connect)
    if done.stdout.strip() != "met":
        raise EngineUnavailableError(
            "the engine answers, but a container on this machine's network does not run, or is on another machine's "
            f"(a remote or rootless engine): {done.stderr.strip()[-500:]}"
        )
