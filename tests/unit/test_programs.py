"""supervisord's configuration, read back by supervisord's own parser."""

import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

import pytest
from supervisor.options import ServerOptions  # pyright: ignore[reportMissingTypeStubs]  # why: it ships no types

from components.contracts import DeploymentError
from components.local import launch
from components.local.files import write_file
from components.local.paths import LocalPaths
from components.local.programs import postgres_program, supervisord_config, web_program, worker_program
from components.local.slots import HOLDER

pytestmark = pytest.mark.unit

POSTGRES = ("/opt/postgres", "-D", "/data of mine/100%", "-c", "log_line_prefix=%m [%p] ")
FOLDERS = ("plain", "with space", "100% sure", "%(program_name)s", "it's", 'quo"ted', "a;b#c", "$HOME", "größe")


class Program(Protocol):
    """What we look at of supervisord's own `ProcessConfig`."""

    name: str
    command: str
    directory: str | None
    stdout_logfile: str
    autostart: bool
    stopwaitsecs: int
    environment: Mapping[str, str] | None


class Socket(Protocol):
    url: str
    backlog: int


class Group(Protocol):
    name: str
    process_configs: list[Program]
    socket_config: Socket


class Parsed(Protocol):
    process_group_configs: list[Group]
    server_configs: list[dict[str, object]]
    logfile: str
    pidfile: str
    nodaemon: bool

    def realize(self, args: list[str]) -> None: ...


@pytest.fixture(autouse=True)
def sockets_of_deep_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("t")))


def launcher(paths: LocalPaths) -> list[str]:
    return [sys.executable, str(paths.root / "launch.py"), str(paths.root)]


def parsed(paths: LocalPaths) -> Parsed:
    """Writes every file as the components do and lets supervisord read them."""
    for folder in (paths.supervisor / "programs", paths.logs, paths.sockets):
        folder.mkdir(parents=True)
    config = paths.supervisor / "supervisord.conf"
    write_file(config, supervisord_config(paths))
    programs = {
        "web": web_program(paths, launcher=launcher(paths), port=8123),
        "worker": worker_program(paths, launcher=launcher(paths)),
        "postgres": postgres_program(command=POSTGRES, folder=paths.root, log=paths.log("postgres"), user=None),
    }
    for name, text in programs.items():
        write_file(paths.supervisor / "programs" / f"{name}.conf", text)
    options = cast(Parsed, ServerOptions())
    options.realize(["-c", str(config)])
    return options


def programs_of(options: Parsed) -> dict[str, Program]:
    return {
        f"{group.name}:{program.name}": program
        for group in options.process_group_configs
        for program in group.process_configs
    }


@pytest.fixture(params=FOLDERS)
def paths(request: pytest.FixtureRequest, tmp_path: Path) -> LocalPaths:
    return LocalPaths(tmp_path / cast(str, request.param) / ".local")


def test_spaces_quotes_and_percent_signs_of_a_path_survive_in_every_line(paths: LocalPaths) -> None:
    options = parsed(paths)
    assert options.logfile == str(paths.log("supervisord"))
    assert options.pidfile == str(paths.supervisor / "supervisord.pid")
    assert [server["file"] for server in options.server_configs] == [str(paths.control_socket)]
    programs = programs_of(options)
    for slot in (0, 1):
        web = programs[f"web:slot-{slot}"]
        assert shlex.split(web.command) == [*launcher(paths), f"web-{slot}"]
        assert web.stdout_logfile == str(paths.log(f"web-{slot}"))
    assert shlex.split(programs["worker:worker"].command) == [*launcher(paths), "worker"]
    assert programs["worker:worker"].stdout_logfile == str(paths.log("worker"))
    postgres = programs["postgres:postgres"]
    assert shlex.split(postgres.command) == list(POSTGRES)
    assert postgres.directory == str(paths.root)


@pytest.mark.parametrize("name", ["rag #2", "rag ;b", "[rag]", "what?", "star*", "%(here)s", "two\nlines"])
def test_a_path_that_supervisord_cannot_read_is_refused_before_anything_starts(tmp_path: Path, name: str) -> None:
    root = tmp_path / name / ".local"
    with pytest.raises(DeploymentError) as caught:
        supervisord_config(LocalPaths(root))
    message = str(caught.value)
    assert str(root) in message
    assert "nothing was changed" in message
    assert "Move the checkout" in message


@pytest.fixture
def plain(tmp_path: Path) -> LocalPaths:
    return LocalPaths(tmp_path / ".local")


def test_both_slots_and_their_holder_share_one_socket_so_that_none_is_refused_during_a_release(
    plain: LocalPaths,
) -> None:
    web = next(group for group in parsed(plain).process_group_configs if group.name == "web")
    assert [program.name for program in web.process_configs] == ["slot-0", "slot-1", f"slot-{HOLDER}"]
    assert shlex.split(web.process_configs[HOLDER].command)[-1] == launch.HOLDER
    assert web.socket_config.url == "tcp://127.0.0.1:8123"
    assert web.socket_config.backlog == 2048


def test_only_the_database_starts_by_itself_because_a_release_decides_when_the_others_do(plain: LocalPaths) -> None:
    started = {name for name, program in programs_of(parsed(plain)).items() if program.autostart}
    assert started == {"postgres:postgres"}


def test_the_control_socket_is_for_this_user_alone_and_supervisord_stays_in_the_foreground(plain: LocalPaths) -> None:
    options = parsed(plain)
    assert [server["chmod"] for server in options.server_configs] == [0o700]
    assert [server["family"].__str__() for server in options.server_configs] == [str(1)]
    assert options.nodaemon


def test_no_program_is_given_an_environment_so_no_secret_can_stand_in_the_configuration(plain: LocalPaths) -> None:
    assert all(not program.environment for program in programs_of(parsed(plain)).values())
    written = "".join(file.read_text() for file in plain.supervisor.rglob("*.conf"))
    for word in ("DATABASE_URL", "PASSWORD", "postgresql://", "rag_"):
        assert word not in written


def test_the_database_runs_as_the_unprivileged_user_where_one_is_named(plain: LocalPaths) -> None:
    for user, expected in (("nobody", True), (None, False)):
        text = postgres_program(command=POSTGRES, folder=plain.root, log=plain.log("postgres"), user=user)
        assert ("user = nobody" in text) is expected


def test_the_same_release_renders_the_same_text_so_that_nothing_restarts_for_no_reason(plain: LocalPaths) -> None:
    assert web_program(plain, launcher=["a"], port=1) == web_program(plain, launcher=["a"], port=1)
    assert web_program(plain, launcher=["a"], port=1) != web_program(plain, launcher=["a"], port=2)
