"""The migration command of a release: `python -m app.migrate`.

Brings the schema to this release's head, then makes sure that the first tenant has its key. Safe to run twice and at
once: an advisory lock in `alembic/env.py` keeps runs apart. A database that a newer release has migrated is left
alone, and that is a success: rolling back runs the older release's migration.
"""

import logging
import sys
import time

from alembic import command
from alembic.util import CommandError
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.db.engine import create_sync_engine
from app.db.schema import DatabaseAheadError, alembic_config
from app.observability.logs import redact
from app.settings import Settings, SettingsError, load_settings
from app.tenancy.store import KeyTakenError, ensure_key, ensure_tenant

WAIT_SECONDS = 60.0
_RETRY_SECONDS = 1.0


class MigrationError(RuntimeError):
    """The migration did not happen; the message says why and what to do."""


def main() -> int:
    """Migrate; 0 when the database can serve this release, 1 when it cannot."""
    _log_to_stdout()
    try:
        run(load_settings())
    except (SettingsError, MigrationError) as error:
        sys.stderr.write(f"{redact(str(error))}\n")
        return 1
    return 0


def run(settings: Settings, *, wait_seconds: float = WAIT_SECONDS) -> None:
    """Wait for the database, migrate it, and bootstrap the first tenant.

    Raises:
        MigrationError: the database did not answer in time, or refused.
    """
    engine = create_sync_engine(settings, process="migrate")
    _wait_for(engine, wait_seconds)
    try:
        outcome = _upgrade(settings)
        _bootstrap(engine, settings)
        # Last, because the last line is what a platform shows of a task that succeeded.
        _say(outcome)
    except CommandError as error:
        raise MigrationError(f"The migration scripts of this release cannot run: {error}") from error
    except KeyTakenError as error:
        raise MigrationError(f"BOOTSTRAP_API_KEY is not usable: {error}") from error
    except SQLAlchemyError as error:
        raise MigrationError(
            f"The migration failed and its last step was undone: {_reason(error)}\n"
            "The release before this one can go on serving. Remove the cause and run `python -m app.migrate` again."
        ) from error


def _wait_for(engine: Engine, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    said = False
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except OperationalError as error:
            if time.monotonic() >= deadline:
                raise MigrationError(
                    f"The database did not let this command in within {seconds:.0f} s, so nothing was migrated: "
                    f"{_reason(error)}\nCheck that it runs, and that DATABASE_URL has its address and password."
                ) from error
            if not said:
                _say(f"waiting up to {seconds:.0f} s for the database: {_reason(error)}")
                said = True
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _upgrade(settings: Settings) -> str:
    """Migrate, and return in words where the schema is now."""
    try:
        command.upgrade(alembic_config(settings.sqlalchemy_url), "head")
    except DatabaseAheadError as error:
        return f"{error}; left as it is, because a schema serves the release before it too"
    return "the schema is at this release's head"


def _bootstrap(engine: Engine, settings: Settings) -> None:
    with Session(engine) as session, session.begin():
        if settings.bootstrap_api_key is None:
            ensure_tenant(session, settings.bootstrap_tenant)
            _say(f"tenant {settings.bootstrap_tenant!r} exists; BOOTSTRAP_API_KEY is not set, so it got no key")
            return
        key = settings.bootstrap_api_key.get_secret_value()
        row = ensure_key(session, settings.bootstrap_tenant, key, "bootstrap")
        state = "has been revoked and stays so" if row.revoked_at else "is valid"
        _say(f"tenant {settings.bootstrap_tenant!r} exists; its bootstrap key {row.key_id} {state}")


def _reason(error: SQLAlchemyError) -> str:
    """The driver's own words, in one line; SQLAlchemy's wrapping adds the statement and a link."""
    cause = getattr(error, "orig", None) or error
    return " ".join(redact(str(cause)).split())


def _say(line: str) -> None:
    sys.stdout.write(f"migrate: {line}\n")
    sys.stdout.flush()


def _log_to_stdout() -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("migrate: %(message)s"))
    # Which migrations run; not which SQL dialect they run on.
    handler.addFilter(lambda record: record.getMessage().startswith("Running"))
    logger = logging.getLogger("alembic.runtime.migration")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
