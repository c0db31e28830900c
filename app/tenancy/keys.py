"""API keys: their format, their hash, and whom they belong to.

A key holds 256 random bits, so a plain SHA-256 is a safe way to store it: there is no dictionary to try.
"""

import hashlib
import secrets
import string
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.db.engine import Sessions
from app.db.tables import ApiKey
from app.settings import API_KEY_PATTERN

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 8
_SECRET_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class TenantContext:
    """On whose behalf a request runs."""

    tenant_id: UUID
    key_id: UUID


def generate_key() -> str:
    """A new key: `rag_<8 characters, public>_<43 characters, secret>`."""
    public = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    return f"rag_{public}_{secrets.token_urlsafe(_SECRET_BYTES)}"


def public_part(key: str) -> str:
    """The 8 characters by which a key is listed and revoked."""
    return key.split("_", 2)[1]


def hash_key(key: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(key.encode()).digest()


class KeyDirectory:
    """Finds the tenant of a key; remembers good keys for a few seconds, so a revoked one works that long at most.

    Unknown keys are not remembered: a key that was just created works at once.
    """

    def __init__(self, sessions: Sessions, *, remember_seconds: float = 5.0, capacity: int = 10_000) -> None:
        self._sessions = sessions
        self._remember_seconds = remember_seconds
        self._capacity = capacity
        self._known: OrderedDict[bytes, tuple[float, TenantContext]] = OrderedDict()

    async def find(self, key: str) -> TenantContext | None:
        """The key's tenant, or None when the key is malformed, unknown or revoked."""
        if API_KEY_PATTERN.fullmatch(key) is None:
            return None
        digest = hash_key(key)
        known = self._known.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        found = await self._read(digest)
        self._known.pop(digest, None)
        if found is not None:
            self._known[digest] = (time.monotonic() + self._remember_seconds, found)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return found

    async def _read(self, digest: bytes) -> TenantContext | None:
        statement = select(ApiKey.tenant_id, ApiKey.id).where(ApiKey.key_hash == digest, ApiKey.revoked_at.is_(None))
        async with self._sessions() as session:
            row = (await session.execute(statement)).one_or_none()
        return None if row is None else TenantContext(tenant_id=row.tenant_id, key_id=row.id)
