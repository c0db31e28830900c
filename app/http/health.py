"""Is the process alive, is it ready, and which release is it?"""

from typing import Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel

from app.http.ratelimit import limit
from app.http.state import services

router = APIRouter(tags=["health"])


class Dependencies(BaseModel):
    """The state of what the service needs."""

    database: Literal["ok", "unavailable", "schema_behind"]


class Health(BaseModel):
    """What `/health` reports; `release` is the digest that the platform deployed."""

    status: Literal["ok", "degraded"]
    service: str
    version: str
    environment: str
    release: str | None
    dependencies: Dependencies


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(BaseModel):
    """Whether this process should get requests, and if not, why."""

    status: Literal["ready", "draining", "database_unavailable", "schema_behind"]


async def _database(request: Request) -> Literal["ok", "unavailable", "schema_behind"]:
    state = await services(request).probe.state()
    if not state.available:
        return "unavailable"
    return "ok" if state.servable else "schema_behind"


@router.get("/health", dependencies=[Depends(limit("health"))], responses={503: {"model": Health}})
async def health(request: Request, response: Response) -> Health:
    """The service's state; 503 when something it needs is gone. Costs the database one look a second at most."""
    settings = services(request).settings
    database = await _database(request)
    response.status_code = 200 if database == "ok" else 503
    return Health(
        status="ok" if database == "ok" else "degraded",
        service=settings.app_name,
        version=settings.app_version,
        environment=settings.app_env,
        release=settings.app_release,
        dependencies=Dependencies(database=database),
    )


# The two probes are not counted: behind a load balancer all clients share its address, and a stranger who used up the
# allowance would have the platform kill a healthy process.
@router.get("/livez")
async def livez() -> Liveness:
    """The process is alive. No I/O: a restart would not bring a database back."""
    return Liveness()


@router.get("/readyz", responses={503: {"model": Readiness}})
async def readyz(request: Request, response: Response) -> Readiness:
    """Whether to send requests here; 503 while draining, without a database, or before its migration."""
    if services(request).drain.draining:
        response.status_code = 503
        return Readiness(status="draining")
    database = await _database(request)
    if database == "ok":
        return Readiness(status="ready")
    response.status_code = 503
    return Readiness(status="database_unavailable" if database == "unavailable" else database)
