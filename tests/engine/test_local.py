"""The local target through the real engine, the real PostgreSQL and the real service, as a user would drive it."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import psycopg
import pytest

from components.local.cpus import usable_cpus
from components.local.supervisorctl import wait_until
from tests.engine.load import SteadyLoad
from tests.engine.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.engine, pytest.mark.alone, pytest.mark.timeout(400)]

GREETING = "app/__init__.py"
MIGRATION = '''"""A table that a later release brings."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    {body}


def downgrade() -> None:
    """Not used."""
'''


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which a first release serves; each test leaves a healthy release behind."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    machine.up()
    yield machine
    machine.configure(database={"protect": False})
    machine.stack("destroy")


@pytest.fixture
def edit(machine: Machine) -> Iterator[Callable[[str, str], None]]:
    """Changes a file of the machine's checkout for one test."""
    before: dict[Path, str | None] = {}

    def write(name: str, text: str) -> None:
        path = machine.folder / name
        before.setdefault(path, path.read_text() if path.exists() else None)
        path.write_text(text)

    yield write
    for path, text in before.items():
        if text is None:
            path.unlink()
        else:
            path.write_text(text)


@pytest.fixture
def head(machine: Machine) -> Iterator[str]:
    """The schema's revision, to which it returns after a test that migrates further."""
    machine.settle()
    head = migration_head(machine)
    yield head
    with psycopg.connect(database_url(machine)) as connection:
        connection.execute("DROP TABLE IF EXISTS notes, blocker")
        connection.execute("UPDATE alembic_version SET version_num = %s", [head])


def read(machine: Machine, name: str) -> str:
    return (machine.folder / name).read_text()


def new_release(machine: Machine, edit: Callable[[str, str], None], mark: str) -> None:
    edit(GREETING, f"{read(machine, GREETING)}\n# {mark}\n")


def migration_head(machine: Machine) -> str:
    with psycopg.connect(database_url(machine)) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert row is not None
    return str(row[0])


def database_url(machine: Machine) -> str:
    return (machine.paths.secrets / "DATABASE_URL").read_text()


def processes_of(machine: Machine) -> list[psutil.Process]:
    """Every process that names the machine's folders on its command line."""
    marks = (str(machine.folder), str(machine.database))
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if any(mark in line for mark in marks):
            found.append(process)
    return found


def test_a_preview_after_an_update_says_that_nothing_changes(machine: Machine) -> None:
    machine.settle()
    assert machine.planned() == {}
    assert machine.serving() == machine.outputs()["release"]


def test_a_release_and_its_rollback_lose_no_request_of_a_steady_load(
    machine: Machine, edit: Callable[[str, str], None]
) -> None:
    before = machine.serving()
    new_release(machine, edit, "another release")
    planned = machine.planned()
    assert planned.get("replace") == 1, f"the migration is the one resource that is replaced: {planned}"
    assert "create" not in planned
    with SteadyLoad(machine.url, machine.api_key()) as answers:
        machine.up()
        after = machine.serving()
        assert wait_until(lambda: after in answers.releases, seconds=20)
    assert after != before
    assert answers.releases == {before, after}, "the load met both releases"
    assert answers.total > 200
    assert answers.failures == {}, answers.bodies
    assert machine.outputs()["previous_release"] == before
    with SteadyLoad(machine.url, machine.api_key()) as answers:
        run = machine.stack("rollback").expect(0)
    assert before in run.output
    assert machine.serving() == before
    assert answers.failures == {}, answers.bodies
    assert "the rollback to" in machine.up().output, "an update goes forward again, and says so"
    assert machine.serving() == after


def test_a_rollback_across_a_migration_does_not_migrate_down_and_says_so(
    machine: Machine, edit: Callable[[str, str], None], head: str
) -> None:
    before = machine.serving()
    body = 'op.create_table("notes", sa.Column("id", sa.BigInteger(), primary_key=True))'
    edit("alembic/versions/9001_notes.py", MIGRATION.format(head=head, body=body))
    machine.up()
    assert machine.serving() != before
    assert migration_head(machine) == "9001"
    machine.stack("rollback").expect(0)
    assert machine.serving() == before
    assert "a newer release has migrated it" in machine.outputs()["migration"]
    assert migration_head(machine) == "9001", "a rollback leaves the schema as it is"


def test_a_migration_that_fails_stops_the_release_shows_its_log_and_can_be_tried_again(
    machine: Machine, edit: Callable[[str, str], None], head: str
) -> None:
    before = machine.serving()
    body = "op.execute(\"DO $$ BEGIN IF to_regclass('blocker') IS NULL THEN RAISE 'no blocker yet'; END IF; END $$\")"
    edit("alembic/versions/9001_fails.py", MIGRATION.format(head=head, body=body))
    run = machine.stack("up")
    assert run.code != 0
    assert "no blocker yet" in run.output, "the end of the migration's log is shown"
    assert "Traceback (most recent call last):\n      File" not in run.output
    assert machine.serving() == before
    with psycopg.connect(database_url(machine)) as connection:
        connection.execute("CREATE TABLE blocker ()")
    machine.up()
    assert machine.serving() != before, "the same digest was tried again"


def test_a_release_that_never_becomes_healthy_fails_the_update_and_the_old_one_goes_on_serving(
    machine: Machine, edit: Callable[[str, str], None]
) -> None:
    machine.settle()
    before = machine.serving()
    edit("app/main.py", "raise RuntimeError('this release cannot start')\n")
    with SteadyLoad(machine.url, machine.api_key()) as answers:
        run = machine.stack("up")
    assert run.code != 0
    assert "was taken back" in run.output
    assert "never became ready" in run.output
    assert "this release cannot start" in run.output, "the end of its log is shown"
    assert answers.failures == {}
    assert machine.serving() == before
    assert machine.planned() != {}, "the failed release is not taken for deployed"


def test_a_worker_that_does_not_stay_up_fails_the_release_and_the_old_worker_comes_back(
    machine: Machine, edit: Callable[[str, str], None]
) -> None:
    machine.settle()
    before = machine.serving()
    edit("app/worker.py", "raise SystemExit('this worker cannot start')\n")
    run = machine.stack("up")
    assert run.code != 0
    assert "this worker cannot start" in run.output
    assert machine.serving() == before
    assert wait_until(lambda: machine.control.state("worker") == "RUNNING", seconds=20)


def test_what_crashes_comes_back_and_orphans_do_not_stay(machine: Machine) -> None:
    machine.settle()
    before = machine.serving()
    master = _master(machine)
    children = psutil.Process(master).children()
    os.kill(master, signal.SIGKILL)

    def served_by_another() -> bool:
        pids = {machine.control.pid("web:slot-0"), machine.control.pid("web:slot-1")}
        return master not in pids and _answers(machine)

    assert wait_until(served_by_another, seconds=30)
    assert machine.serving() == before
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive, "the killed master's own processes ended too"


def test_a_killed_postgresql_is_back_within_seconds_and_lost_no_committed_row(machine: Machine) -> None:
    machine.settle()
    with psycopg.connect(database_url(machine)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    postmaster = machine.control.pid("postgres")
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    # The health of the database is remembered for a moment, so only a query that is stored proves that it is back.
    answers = [_ask(machine)]
    assert wait_until(lambda: machine.control.pid("postgres") not in {None, postmaster}, seconds=30)
    assert wait_until(lambda: answers.append(_ask(machine)) or answers[-1].status_code == 200, seconds=60)
    assert {answer.status_code for answer in answers} <= {200, 503}
    for refused in (answer for answer in answers if answer.status_code == 503):
        assert int(refused.headers["Retry-After"]) > 0
    with psycopg.connect(database_url(machine)) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)
        connection.execute("DROP TABLE kept")


def test_down_keeps_the_data_and_an_update_starts_it_again_without_migrating(machine: Machine) -> None:
    machine.up()
    before = machine.serving()
    machine.operate("down").expect(0)
    assert not _answers(machine)
    assert [p for p in processes_of(machine) if p.status() != psutil.STATUS_ZOMBIE] == []
    assert "not running" in machine.operate("status").expect(1).output
    run = machine.up()
    assert "migration-task" not in run.output, "the release was migrated before"
    assert machine.serving() == before
    assert machine.operate("status").expect(0)


def test_a_killed_supervisord_takes_its_processes_along_and_an_update_repairs_it(machine: Machine) -> None:
    machine.settle()
    before = machine.serving()
    os.kill(int((machine.paths.supervisor / "supervisord.pid").read_text()), signal.SIGKILL)
    assert wait_until(lambda: not _answers(machine), seconds=60)
    machine.up()
    assert machine.serving() == before


def test_more_web_processes_are_added_and_retired_without_a_restart(machine: Machine) -> None:
    machine.settle()
    before = _master(machine)
    machine.configure(app={"web_processes": {"min": 1, "max": 2}, "environment": {"RATE_LIMIT_ENABLED": "false"}})
    cpus = usable_cpus()
    machine.up()
    assert _master(machine) == before, "the number of processes is no reason for a new generation"
    assert len(psutil.Process(before).children()) == min(2, cpus)
    machine.configure()
    machine.up()
    assert _master(machine) == before
    assert len(psutil.Process(before).children()) == 1


def test_nothing_secret_stands_in_the_state_in_logs_or_on_a_command_line(machine: Machine) -> None:
    machine.settle()
    secrets = [file.read_text() for file in machine.paths.secrets.iterdir()]
    passwords = [text.split(":")[2].split("@")[0] if text.startswith("postgresql://") else text for text in secrets]
    assert len(passwords) >= 3
    state = machine.stack("export").expect(0).output
    lines = [" ".join(process.cmdline()) for process in processes_of(machine)]
    logs = [file.read_text() for file in machine.paths.logs.glob("*.log")]
    configuration = [file.read_text() for file in machine.paths.supervisor.rglob("*.conf")]
    slots = [file.read_text() for file in machine.paths.slots.glob("*.json")]
    assert lines
    assert logs
    for text in (state, *lines, *logs, *configuration, *slots):
        assert not any(password in text for password in passwords)
    for file in machine.paths.secrets.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.paths.secrets.stat().st_mode) == 0o700


def test_everything_listens_on_loopback_alone(machine: Machine) -> None:
    machine.settle()
    listening = [
        connection.laddr.ip
        for process in processes_of(machine)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}


def test_destroy_asks_for_protection_to_be_lifted_and_then_leaves_nothing(machine: Machine) -> None:
    machine.configure(profile="prod")
    machine.up()
    refused = machine.stack("destroy")
    assert refused.code != 0
    assert "protect" in refused.output
    assert _answers(machine), "a refused destroy stops nothing"
    machine.configure(profile="prod", database={"protect": False})
    machine.up()
    database = machine.database
    machine.stack("destroy").expect(0)
    assert wait_until(lambda: not [p for p in processes_of(machine) if p.is_running()], seconds=10)
    assert not (machine.folder / ".local").exists()
    assert not database.exists()
    assert not machine.paths.sockets.exists()
    with pytest.raises(httpx.ConnectError):
        httpx.get(machine.url)
    assert "nothing to remove" in machine.stack("destroy").expect(0).output, "it may be asked for twice"


def _ask(machine: Machine) -> httpx.Response:
    return httpx.post(
        f"{machine.url}/v1/query",
        json={"query": "Is anybody there?"},
        headers={"Authorization": f"Bearer {machine.api_key()}"},
        timeout=30,
    )


def _master(machine: Machine) -> int:
    return next(pid for slot in (0, 1) if (pid := machine.control.pid(f"web:slot-{slot}")))


def _answers(machine: Machine) -> bool:
    try:
        return httpx.get(f"{machine.url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        time.sleep(0.1)
        return False
