"""The migration as a child process: what it gets, what it says, and what is told when it fails.

Small scripts stand in for the release's command; everything else is real.
"""

import sys
from pathlib import Path

import pytest

from components.contracts import DeploymentError
from components.local.files import write_file
from components.local.migration import run_migration
from components.local.process import KEPT_ENVIRONMENT, ProcessSpec
from components.migration import LOG_LINES, report_of

pytestmark = pytest.mark.integration

DIGEST = "sha256:" + "ab12" * 16
SECRET = "s3cr3t-of-the-database"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release's folder, an environment with `python` in it, and a secret's file."""
    (tmp_path / "release").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    write_file(tmp_path / "secrets" / "DATABASE_URL", SECRET)
    return tmp_path


def run(folder: Path, script: str, *, seconds: int = 20) -> str:
    (folder / "release" / "task.py").write_text(script)
    process = ProcessSpec(
        digest=DIGEST,
        release=str(folder / "release"),
        programs=str(folder / "bin"),
        command=("python", "task.py"),
        environment={"APP_ENV": "dev", "APP_RELEASE": DIGEST},
        secrets={"DATABASE_URL": str(folder / "secrets" / "DATABASE_URL")},
    )
    return report_of(run_migration(process, seconds=seconds))


def failure(folder: Path, script: str, *, seconds: int = 20) -> str:
    with pytest.raises(DeploymentError) as caught:
        run(folder, script, seconds=seconds)
    return str(caught.value)


def test_a_migration_that_succeeds_reports_its_last_line(folder: Path) -> None:
    assert run(folder, "print('first'); print('the schema is at head'); print()") == "the schema is at head"


def test_a_migration_that_says_nothing_is_done(folder: Path) -> None:
    assert run(folder, "") == "done"


def test_it_runs_in_the_releases_folder_with_the_releases_own_programs(folder: Path) -> None:
    script = "import os, shutil; print(os.getcwd(), shutil.which('python'))"
    assert run(folder, script) == f"{folder / 'release'} {folder / 'bin' / 'python'}"


def test_the_secret_reaches_the_child_by_its_environment_and_by_no_argument(folder: Path) -> None:
    script = f"""
import os, sys
assert os.environ["DATABASE_URL"] == {SECRET!r}
assert not any({SECRET!r} in word for word in sys.argv)
print("seen")
"""
    assert run(folder, script) == "seen"


def test_the_child_gets_the_releases_environment_and_not_the_deployers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of the deployer")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    names = set(run(folder, "import os; print(*os.environ)").split())
    assert names - {"LC_CTYPE"} <= {"APP_ENV", "APP_RELEASE", "DATABASE_URL", *KEPT_ENVIRONMENT}
    assert {"APP_ENV", "APP_RELEASE", "DATABASE_URL", "PATH"} <= names


def test_a_failure_names_the_release_the_exit_code_and_what_goes_on(folder: Path) -> None:
    message = failure(folder, "import sys; print('column is gone'); sys.exit(3)")
    assert message.startswith("the migration of release ab12ab12ab12 failed with exit code 3")
    assert "the release that served before goes on serving" in message
    assert "tried again, also with the same digest" in message
    assert message.endswith("  column is gone")


def test_a_failures_log_is_its_end_with_both_streams_in_order(folder: Path) -> None:
    script = """
import sys
for number in range(100):
    print("line", number, file=sys.stderr if number % 2 else sys.stdout, flush=True)
sys.exit(1)
"""
    message = failure(folder, script)
    assert message.splitlines()[-LOG_LINES:] == [f"  line {number}" for number in range(100 - LOG_LINES, 100)]
    assert f"line {99 - LOG_LINES}\n" not in message


def test_a_secret_that_the_release_prints_while_it_fails_does_not_stand_in_the_error(folder: Path) -> None:
    message = failure(folder, "import os, sys; print('no route to', os.environ['DATABASE_URL']); sys.exit(1)")
    assert "no route to" in message
    assert SECRET not in message


def test_a_secret_that_the_release_prints_while_it_succeeds_does_not_stand_in_the_report(folder: Path) -> None:
    report = run(folder, "import os; print('migrated', os.environ['DATABASE_URL'])")
    assert report.startswith("migrated")
    assert SECRET not in report


def test_a_migration_that_does_not_end_is_stopped_and_its_log_is_shown(folder: Path) -> None:
    script = "import time; print('waiting for a lock', flush=True); time.sleep(60)"
    message = failure(folder, script, seconds=1)
    assert "did not end within 1 s and was stopped" in message
    assert message.endswith("  waiting for a lock")


def test_output_that_is_no_text_is_shown_as_well_as_it_can_be(folder: Path) -> None:
    message = failure(folder, "import sys; sys.stdout.buffer.write(b'caf\\xe9 closed'); sys.exit(1)")
    assert message.endswith("  caf\ufffd closed")


def test_a_release_whose_programs_are_gone_is_an_error_for_people(folder: Path) -> None:
    (folder / "bin" / "python").unlink()
    message = failure(folder, "")
    assert "could not be started" in message
    assert str(folder / "bin" / "python") in message
