"""Tenants and keys in the database, for the commands that administer them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db.tables import ApiKey, Tenant
from app.tenancy.keys import generate_key, hash_key, public_part


class KeyTakenError(RuntimeError):
    """The key, or its public part, already belongs to somebody else."""


@dataclass(frozen=True, kw_only=True)
class KeyRow:
    """What may be shown of a key."""

    key_id: str
    tenant: str
    label: str
    created_at: datetime
    revoked_at: datetime | None


def ensure_tenant(session: Session, name: str) -> UUID:
    """The tenant's id; makes the tenant when there is none of that name."""
    session.execute(insert(Tenant).values(name=name).on_conflict_do_nothing(index_elements=[Tenant.name]))
    return session.execute(select(Tenant.id).where(Tenant.name == name)).scalar_one()


def create_key(session: Session, tenant: str, label: str) -> str:
    """A new key of a tenant. This is the only time that it can be read."""
    key = generate_key()
    session.add(
        ApiKey(tenant_id=ensure_tenant(session, tenant), key_id=public_part(key), key_hash=hash_key(key), label=label)
    )
    session.flush()
    return key


def ensure_key(session: Session, tenant: str, key: str, label: str) -> KeyRow:
    """Make sure that this key belongs to this tenant; a revoked one stays revoked.

    Raises:
        KeyTakenError: it belongs to another tenant, or another key has the same public part.
    """
    tenant_id = ensure_tenant(session, tenant)
    values = {"tenant_id": tenant_id, "key_id": public_part(key), "key_hash": hash_key(key), "label": label}
    session.execute(insert(ApiKey).values(values).on_conflict_do_nothing())
    row = session.execute(select(ApiKey).where(ApiKey.key_hash == hash_key(key))).scalar_one_or_none()
    if row is None or row.tenant_id != tenant_id:
        raise KeyTakenError(
            f"the key {public_part(key)} cannot be given to tenant {tenant!r}: "
            + ("its public part is another key's" if row is None else "it belongs to another tenant")
            + "; generate a new one with `python -m app.keys generate`"
        )
    return KeyRow(
        key_id=row.key_id, tenant=tenant, label=row.label, created_at=row.created_at, revoked_at=row.revoked_at
    )


def list_keys(session: Session, tenant: str | None) -> list[KeyRow]:
    """All keys, or one tenant's, oldest first."""
    statement = select(ApiKey, Tenant.name).join(Tenant, Tenant.id == ApiKey.tenant_id).order_by(ApiKey.created_at)
    if tenant is not None:
        statement = statement.where(Tenant.name == tenant)
    return [
        KeyRow(key_id=key.key_id, tenant=name, label=key.label, created_at=key.created_at, revoked_at=key.revoked_at)
        for key, name in session.execute(statement).tuples()
    ]


def revoke_key(session: Session, key_id: str) -> bool:
    """Revoke a key by its public part; False when there is no such key. Revoking twice changes nothing."""
    statement = (
        update(ApiKey)
        .where(ApiKey.key_id == key_id)
        .values(revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
        .returning(ApiKey.id)
    )
    return session.execute(statement).scalar_one_or_none() is not None
