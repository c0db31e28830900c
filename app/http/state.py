"""What one web process holds, made in `create_app` and read through `services(request)`."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.datastructures import State
from starlette.requests import HTTPConnection

from app.db.engine import Sessions
from app.db.probe import DatabaseProbe
from app.observability.metrics import Metrics, QueueWatch
from app.settings import Settings
from app.tenancy.keys import KeyDirectory

if TYPE_CHECKING:
    from app.http.ratelimit import RateLimiter


@dataclass
class Drain:
    """Whether this process is on its way out; the worker class sets it, readiness and responses show it."""

    draining: bool = False


@dataclass(frozen=True, kw_only=True)
class Services:
    """The process's own things; one of each."""

    settings: Settings
    engine: AsyncEngine
    sessions: Sessions
    keys: KeyDirectory
    limiter: "RateLimiter"
    probe: DatabaseProbe
    metrics: Metrics
    queue: QueueWatch
    drain: Drain = field(default_factory=Drain)


def services(connection: HTTPConnection) -> Services:
    """The services of the process that handles this request."""
    return services_of(connection.app.state)


def services_of(state: State) -> Services:
    """The services kept in an application's state."""
    found = state.services
    assert isinstance(found, Services)
    return found
