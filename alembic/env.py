"""How Alembic reaches the database, and how two runs at once are kept apart."""

from alembic import context
from sqlalchemy import URL, Connection, create_engine, pool, text

from app.db.schema import DatabaseAheadError, unknown_revisions
from app.db.tables import Base
from app.settings import load_settings

# The key of the advisory lock: any constant, the same in every release.
MIGRATION_LOCK = 0x7261675F6D696772  # "rag_migr"
# Another run may be at work for a while; a table that stays locked by a forgotten transaction is another matter:
# waiting for it with an exclusive lock request in the queue would stop the service.
LOCK_WAIT = "300s"
STATEMENT_TIME = "900s"
TABLE_LOCK_WAIT = "10s"


def run_offline() -> None:
    """Print the SQL instead of running it (`alembic upgrade head --sql`)."""
    context.configure(
        dialect_name="postgresql",
        target_metadata=Base.metadata,
        literal_binds=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.execute(f"SET lock_timeout = '{TABLE_LOCK_WAIT}'")
        context.execute(f"SET statement_timeout = '{STATEMENT_TIME}'")
        context.run_migrations()


def _url() -> URL:
    """The URL that `app.migrate` hands over, else (the `alembic` command line) the environment's."""
    handed_over = context.config.attributes.get("url")
    return handed_over if isinstance(handed_over, URL) else load_settings().sqlalchemy_url


def run_online() -> None:
    """Run under an advisory lock, each migration in a transaction of its own."""
    engine = create_engine(
        _url(),
        poolclass=pool.NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": 5, "application_name": "migrate"},
    )
    with engine.connect() as connection:
        _lock(connection)
        try:
            _migrate(connection)
        finally:
            if not connection.invalidated:
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
                connection.commit()


def _lock(connection: Connection) -> None:
    connection.execute(text(f"SET lock_timeout = '{LOCK_WAIT}'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    wait = context.config.attributes.get("table_lock_wait", TABLE_LOCK_WAIT)
    connection.execute(text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": wait})
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIME}'"))
    connection.commit()


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, transaction_per_migration=True)
    # Asked under the lock: a newer release may have migrated while this one waited.
    unknown = unknown_revisions(context.get_context().get_current_heads())
    if unknown:
        raise DatabaseAheadError(unknown)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
