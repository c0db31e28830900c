"""What a migration is on every target: a resource whose creation runs `alembic upgrade head` of one digest to its end.

So it shows in the preview, stops the rollout when it fails, and is tried again by the next update. Deleting the
resource does nothing: `destroy` and `refresh` never migrate.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, ResourceProvider

from components.dynamic import plain_errors
from components.naming import short

LOG_LINES = 30


class MigrationProvider(ResourceProvider):
    """Migrates once for each release, as `keys` tell them apart. Each target says how."""

    keys: Sequence[str] = ("digest",)
    """What makes it another migration; another size, network or environment does not."""

    def migrate(self, props: Mapping[str, Any]) -> Sequence[str]:
        """Migrates and returns the lines of the log's end; raises DeploymentError when it fails."""
        raise NotImplementedError

    @plain_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Whatever makes another migration of it replaces it."""
        changed = [key for key in self.keys if _olds.get(key) != _news[key]]
        return DiffResult(changes=bool(changed), replaces=changed)

    @plain_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """The report is kept in the state, and is an output of the stack."""
        return CreateResult(id_=short(props["digest"]), outs={**props, "report": report_of(self.migrate(props))})


def report_of(log: Sequence[str]) -> str:
    """The last line of a log that says something."""
    said = [line for line in log if line.strip()]
    return said[-1] if said else "done"


def failure(digest: str, what: str, log: Sequence[str], *, now: str = "", where: str = "") -> str:
    """The message of a failed migration. `now` is what its platform says besides, `where` names where its log lies."""
    tail = "\n".join(f"  {line}" for line in log[-LOG_LINES:])
    return (
        f"the migration of release {short(digest)} {what}, so the release was not deployed; the release that served "
        f"before goes on serving.{f' {now}' if now else ''} Correct the migration and deploy again: it is tried again, "
        f"also with the same digest. The end of its log{f' ({where})' if where else ''}:\n{tail}"
    )
