"""Which revisions of the schema this release knows, and which it can serve."""

import enum
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import URL

ALEMBIC_INI = Path(__file__).resolve().parents[2] / "alembic.ini"


class DatabaseAheadError(RuntimeError):
    """A newer release has migrated this database; this release's scripts do not know its revision."""

    def __init__(self, revisions: Iterable[str]) -> None:
        self.revisions = tuple(sorted(revisions))
        super().__init__(
            f"the database is at revision {', '.join(self.revisions)}, which this release does not know: "
            "a newer release has migrated it"
        )


class SchemaState(enum.StrEnum):
    """What a revision found in the database means for this release."""

    CURRENT = "current"
    AHEAD = "ahead"
    BEHIND = "behind"


def alembic_config(url: URL | None = None) -> Config:
    """The configuration of this release's own scripts, and the database they shall run on.

    The URL travels as an object: as an option of the ini file its percent signs would be interpolated.
    """
    config = Config(ALEMBIC_INI)
    config.attributes["url"] = url
    return config


@cache
def _scripts() -> tuple[frozenset[str], frozenset[str]]:
    directory = ScriptDirectory.from_config(alembic_config())
    known = frozenset(script.revision for script in directory.walk_revisions())
    return known, frozenset(directory.get_heads())


def unknown_revisions(found: Iterable[str]) -> frozenset[str]:
    """Those of the found revisions that this release's scripts do not have."""
    return frozenset(found) - _scripts()[0]


def schema_state(found: Iterable[str]) -> SchemaState:
    """Judge the revisions in `alembic_version`.

    A database that is ahead can be served: migrations expand first and contract a release later.
    """
    _, heads = _scripts()
    revisions = frozenset(found)
    if unknown_revisions(revisions):
        return SchemaState.AHEAD
    return SchemaState.CURRENT if revisions == heads else SchemaState.BEHIND
