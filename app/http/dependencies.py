"""What handlers ask for: a database session, and the tenant they serve."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.ext.asyncio import AsyncSession

from app.http.problems import ProblemError
from app.http.state import services
from app.settings import Settings
from app.tenancy.keys import TenantContext

_bearer = HTTPBearer(auto_error=False, description="`Authorization: Bearer rag_...`")
_header = APIKeyHeader(name="X-API-Key", auto_error=False, description="`X-API-Key: rag_...`")
_TENANT = "rag.tenant"


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session for this request. Handlers commit; what is not committed is rolled back."""
    async with services(request).sessions() as opened:
        yield opened


async def app_settings(request: Request) -> Settings:
    """The settings of this process. (A coroutine, because FastAPI sends plain functions through a thread.)"""
    return services(request).settings


def presented_key(request: Request) -> str | None:
    """The API key a request brings, from either header; None when it brings none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return value.strip()
    return request.headers.get("x-api-key") or None


async def find_tenant(request: Request) -> TenantContext | None:
    """The tenant of the key presented, looked up once per request; None without a valid key."""
    if _TENANT not in request.scope:
        key = presented_key(request)
        request.scope[_TENANT] = None if key is None else await services(request).keys.find(key)
    found = request.scope[_TENANT]
    return found if isinstance(found, TenantContext) else None


async def tenant(
    request: Request,
    _credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    _key: Annotated[str | None, Security(_header)] = None,
) -> TenantContext:
    """The tenant on whose behalf the request runs; 401 without a valid key. (The parameters document the headers.)"""
    found = await find_tenant(request)
    if found is None:
        missing = presented_key(request) is None
        raise ProblemError(
            401,
            "missing_api_key" if missing else "invalid_api_key",
            "This endpoint needs an API key; send `Authorization: Bearer <key>` or `X-API-Key: <key>`."
            if missing
            else "The API key is unknown or was revoked; ask the operator for a valid one.",
            headers={"WWW-Authenticate": 'Bearer realm="rag"' + ("" if missing else ', error="invalid_token"')},
        )
    return found


SessionDep = Annotated[AsyncSession, Depends(session)]
TenantDep = Annotated[TenantContext, Depends(tenant)]
SettingsDep = Annotated[Settings, Depends(app_settings)]
