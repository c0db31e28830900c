"""How Pulumi is found, fetched, built and cached, without network: fakes stand in for the vendor and for Go."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.pulumi_cli import PINNED_VERSION, CliError, source, vendor, version_text
from tools.pulumi_cli.cache import cache_folder, exclusive, publish
from tools.pulumi_cli.obtain import bin_folder
from tools.pulumi_cli.on_path import find_on_path, parse_version

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.unit

VERSION = version_text(PINNED_VERSION)
ANSWERS = f"#!/bin/sh\necho v{VERSION}\n"


@dataclass(kw_only=True)
class Vendor:
    """A vendor on loopback: what it serves by path, and how much of it before it hangs up."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    cut_after: int | None = None
    asked: list[str] = field(default_factory=list[str])
    url: str = ""

    def publish(self, members: dict[str, bytes], *, listed: bytes | None = None) -> vendor.Release:
        """Offer an archive of these members; `listed` is the content whose checksum the list gives."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        release = vendor.release_for(self.url)
        archive = buffer.getvalue()
        digest = hashlib.sha256(archive if listed is None else listed).hexdigest()
        self.files = {
            f"/{release.archive}": archive,
            f"/{release.checksums}": f"{'0' * 64}  other.zip\n{digest}  {release.archive}\n".encode(),
        }
        return release


@pytest.fixture
def served() -> Generator[Vendor]:
    state = Vendor()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            content = state.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            cut = state.cut_after if self.path.endswith(".tar.gz") else None
            self.wfile.write(content[:cut])

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Keep the test's output clean."""

        def log_error(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Keep the test's output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{server.server_port}"
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with an empty cache and neither Pulumi nor Go; returns a folder on PATH for fakes."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def executable(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def refuse_to_build(cache: Path) -> Path:
    raise AssertionError("nothing may be built here")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.259.0\n", (3, 259, 0)),
        ("3.300.12", (3, 300, 12)),
        ("v3.260.1-alpha.1+dirty", (3, 260, 0)),
        ("v3.260.0-dev", (3, 259, 0)),
        ("v3.259.0+build.5", (3, 259, 0)),
        ("", None),
        ("pulumi: command not found", None),
    ],
)
def test_a_version_is_read_and_a_pre_release_counts_as_older(text: str, version: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.25 darwin/arm64", (1, 25, 0)),
        ("go version go1.26rc1 linux/amd64", None),
        ("go version devel +abc linux/amd64", None),
    ],
)
def test_the_version_of_go_is_read(text: str, version: tuple[int, int, int] | None) -> None:
    assert source.go_version(text) == version


def test_pulumi_on_path_is_used_when_it_is_new_enough_and_runs_python(bare_machine: Path) -> None:
    executable(bare_machine / "pulumi", ANSWERS)
    assert find_on_path() is None, "without a Python language host it is of no use"
    executable(bare_machine / "pulumi-language-python", "#!/bin/sh\n")
    assert bin_folder(base_url="http://127.0.0.1:9") == bare_machine


@pytest.mark.parametrize("answer", ["echo v3.1.0", "echo v4.0.0", "echo nonsense", "exit 1"])
def test_pulumi_on_path_is_passed_over_when_it_does_not_fit(bare_machine: Path, answer: str) -> None:
    executable(bare_machine / "pulumi", f"#!/bin/sh\n{answer}\n")
    executable(bare_machine / "pulumi-language-python", "#!/bin/sh\n")
    assert find_on_path() is None


def test_the_vendors_release_is_verified_unpacked_and_used_again_without_network(
    bare_machine: Path, served: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "assemble", refuse_to_build)
    served.publish({"pulumi/pulumi": ANSWERS.encode(), "pulumi/pulumi-language-python": b"#!/bin/sh\n"})
    folder = bin_folder(base_url=served.url)
    assert sorted(path.name for path in folder.iterdir()) == ["pulumi", "pulumi-language-python"]
    served.asked.clear()
    assert bin_folder(base_url=served.url) == folder
    assert served.asked == []


def test_a_wrong_checksum_is_an_error_and_never_a_reason_to_build(
    bare_machine: Path, served: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "assemble", refuse_to_build)
    served.publish({"pulumi/pulumi": ANSWERS.encode()}, listed=b"what the vendor published")
    with pytest.raises(CliError, match="changed on its way"):
        bin_folder(base_url=served.url)
    assert [path.name for path in cache_folder().iterdir()] == ["lock"]


@pytest.mark.parametrize("trouble", ["unreachable", "missing", "truncated", "unlisted"])
def test_a_release_that_cannot_be_had_is_built_instead(
    bare_machine: Path, served: Vendor, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    built = bare_machine.parent / "built"
    built.mkdir()
    executable(built / "pulumi", ANSWERS)

    def assemble(cache: Path) -> Path:
        assert not (cache / "vendor").exists()
        return built

    monkeypatch.setattr(source, "assemble", assemble)
    release = served.publish({"pulumi/pulumi": ANSWERS.encode() * 2000})
    url = "http://127.0.0.1:9" if trouble == "unreachable" else served.url
    if trouble == "missing":
        served.files.clear()
    elif trouble == "truncated":
        served.cut_after = 50
    elif trouble == "unlisted":
        served.files[f"/{release.checksums}"] = b"<html>Please log in to this network</html>"
    assert bin_folder(base_url=url) == built


@pytest.mark.parametrize("name", ["/etc/pulumi", "pulumi/../../escaped", "../escaped"])
def test_an_archive_that_would_write_outside_its_folder_is_refused(served: Vendor, tmp_path: Path, name: str) -> None:
    release = served.publish({name: b"evil"})
    target = tmp_path / "deep" / "target"
    target.mkdir(parents=True)
    with pytest.raises(CliError, match="no plain file below its folder"):
        vendor.fetch(release, target)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_appears_in_the_cache_only_when_it_is_complete(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("done")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        publish(tmp_path / "made", fail)
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_make_a_folder_once(tmp_path: Path) -> None:
    made: list[str] = []

    def make(folder: Path) -> None:
        made.append(folder.name)
        (folder / "file").write_text("content")

    def get() -> Path:
        with exclusive(tmp_path):
            return publish(tmp_path / "made", make)

    with ThreadPoolExecutor(4) as pool:
        folders = {future.result() for future in [pool.submit(get) for _ in range(8)]}
    assert folders == {tmp_path / "made"}
    assert len(made) == 1


FAKE_GO = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
    version) echo "go version go1.26.8 linux/amd64" ;;
    build)
        while [ "$1" != -o ]; do shift; done
        printf '#!/bin/sh\\necho v{version}\\n' > "$2" && chmod 755 "$2"
        ;;
    mod) cat {answer} ;;
esac
"""


def fake_go(bare_machine: Path) -> Path:
    """Put a Go on PATH that builds in no time; returns the log of its commands."""
    module = bare_machine.parent / "module"
    for script in (*source.SDK_SCRIPTS, "python/LICENSE"):
        (module / script).parent.mkdir(parents=True, exist_ok=True)
        (module / script).write_text("content")
        (module / script).chmod(0o444)
    log = bare_machine.parent / "go.log"
    answer = bare_machine.parent / "answer.json"
    answer.write_text(json.dumps({"Dir": str(module)}))
    executable(bare_machine / "go", FAKE_GO.format(log=log, version=VERSION, answer=answer))
    return log


def test_a_build_is_made_once_and_holds_all_that_python_programs_need(bare_machine: Path) -> None:
    log = fake_go(bare_machine)
    folder = bin_folder(base_url="http://127.0.0.1:9")
    runnable = {path.name for path in folder.iterdir() if path.stat().st_mode & 0o111}
    assert runnable >= {
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    }
    assert (folder / "language_host.py").is_file()
    assert (folder / "LICENSE.pulumi-sdk").is_file()
    commands = log.read_text()
    assert f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}" in commands
    assert bin_folder(base_url="http://127.0.0.1:9") == folder
    assert log.read_text() == commands


def test_a_changed_language_host_costs_no_new_build(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fake_go(bare_machine)
    first = bin_folder(base_url="http://127.0.0.1:9")
    here = bare_machine.parent / "here"
    here.mkdir()
    for name in source.OWN_FILES:
        (here / name).write_bytes((source.HERE / name).read_bytes() + b"# changed\n")
    monkeypatch.setattr(source, "HERE", here)
    second = bin_folder(base_url="http://127.0.0.1:9")
    assert second != first
    assert (second / "language_host.py").read_text().endswith("# changed\n")
    assert log.read_text().count("build ") == 1


def test_a_failing_build_shows_what_go_said_and_leaves_nothing(bare_machine: Path) -> None:
    executable(
        bare_machine / "go",
        '#!/bin/sh\n[ "$1" = version ] && echo "go version go1.26.8 x/y" && exit\necho "proxy refused" >&2\nexit 1\n',
    )
    with pytest.raises(CliError, match="proxy refused"):
        bin_folder(base_url="http://127.0.0.1:9")
    assert [path.name for path in cache_folder().iterdir()] == ["lock"]


def test_a_cached_build_that_reports_another_version_is_refused(bare_machine: Path) -> None:
    fake_go(bare_machine)
    folder = bin_folder(base_url="http://127.0.0.1:9")
    executable(folder / "pulumi", "#!/bin/sh\necho v3.1.0\n")
    with pytest.raises(CliError, match="cache is damaged"):
        bin_folder(base_url="http://127.0.0.1:9")


def test_the_module_requires_the_version_that_is_pinned() -> None:
    required = Path(source.HERE / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{VERSION}" in required
    assert f"github.com/pulumi/pulumi/sdk/v3 v{VERSION}" in required
    assert f"\ngo {version_text(source.MINIMUM_GO)}\n" in required
