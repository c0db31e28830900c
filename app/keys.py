"""API keys: `python -m app.keys create|list|revoke|generate`.

A key is printed once, alone on standard output, so that it can go straight into a file; only its hash is kept.
"""

import argparse
import sys
from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.db.engine import create_sync_engine
from app.observability.logs import redact
from app.settings import SettingsError, load_settings
from app.tenancy.keys import generate_key
from app.tenancy.store import create_key, list_keys, revoke_key


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did its work, 1 when it could not, 2 when it was asked wrongly."""
    parsed = _parser().parse_args(arguments)
    if parsed.command == "generate":
        sys.stdout.write(f"{generate_key()}\n")
        return 0
    try:
        engine = create_sync_engine(load_settings(), process="keys")
        with Session(engine) as session, session.begin():
            return _run(session, parsed)
    except SettingsError as error:
        return _fail(str(error))
    except SQLAlchemyError as error:
        return _fail(
            f"The database refused the command, and nothing was changed: {redact(str(error)).splitlines()[0]}\n"
            "Check that it runs and is migrated (`python -m app.migrate`)."
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app.keys", description="Administer API keys.")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key (and its tenant, if new) and print it, once")
    create.add_argument("--tenant", required=True)
    create.add_argument("--label", default="", help="what the key is for")
    listing = commands.add_parser("list", help="show keys without their secret")
    listing.add_argument("--tenant")
    revoke = commands.add_parser("revoke", help="make a key invalid; it works for 5 s more at most")
    revoke.add_argument("key_id", help="the 8 characters after rag_")
    commands.add_parser("generate", help="print a new key without storing it, for BOOTSTRAP_API_KEY")
    return parser


def _run(session: Session, parsed: argparse.Namespace) -> int:
    match parsed.command:
        case "create":
            sys.stdout.write(f"{create_key(session, parsed.tenant, parsed.label)}\n")
        case "list":
            for row in list_keys(session, parsed.tenant):
                state = f"revoked {row.revoked_at:%Y-%m-%d %H:%M}" if row.revoked_at else "active"
                sys.stdout.write(f"{row.key_id}\t{row.tenant}\t{row.created_at:%Y-%m-%d %H:%M}\t{state}\t{row.label}\n")
        case _:
            if not revoke_key(session, parsed.key_id):
                return _fail("There is no key with this id; `python -m app.keys list` shows the ids.")
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
