"""The tables, as migration 0001 and its successors leave them (`alembic check` holds the two together).

Every row belongs to a tenant; every query filters on `tenant_id`.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

LIVE_STATUSES = ("queued", "processing", "indexed")
"""Document states that occupy a content hash; a failed or rejected document never blocks its own re-upload."""

Json = dict[str, Any] | list[Any]


class Base(DeclarativeBase):
    """The declarative base; its metadata names every constraint, so migrations can refer to them."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  # SQLAlchemy reads it from the class
        str: Text(),
        datetime: DateTime(timezone=True),
        bytes: LargeBinary(),
        UUID: Uuid(),
    }


def _created_at() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


def _random_id() -> Mapped[UUID]:
    return mapped_column(primary_key=True, server_default=func.gen_random_uuid())


def _tenant_id() -> Mapped[UUID]:
    return mapped_column(ForeignKey("tenants.id"))


class Tenant(Base):
    """A customer; the unit of isolation."""

    __tablename__ = "tenants"

    id: Mapped[UUID] = _random_id()
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = _created_at()


class ApiKey(Base):
    """One API key: its public id and the SHA-256 of the whole key, never the key."""

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "tenant_id"),)

    id: Mapped[UUID] = _random_id()
    tenant_id: Mapped[UUID] = _tenant_id()
    key_id: Mapped[str] = mapped_column(unique=True)
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    label: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime] = _created_at()
    revoked_at: Mapped[datetime | None]


class UploadBatch(Base):
    """The files of one upload request."""

    __tablename__ = "upload_batches"
    __table_args__ = (Index(None, "tenant_id", text("created_at DESC")),)

    id: Mapped[UUID] = _random_id()
    tenant_id: Mapped[UUID] = _tenant_id()
    created_at: Mapped[datetime] = _created_at()
    total_files: Mapped[int]
    accepted_files: Mapped[int]
    rejected_files: Mapped[int]


class Document(Base):
    """One file of a batch, rejected ones included."""

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'processing', 'indexed', 'failed', 'rejected')", name="status"),
        Index(
            "uq_documents_live_content",
            "tenant_id",
            "sha256",
            unique=True,
            postgresql_where=text("status IN ('queued', 'processing', 'indexed')"),
        ),
        Index(None, "tenant_id", text("created_at DESC")),
        Index(None, "batch_id"),
    )

    id: Mapped[UUID] = _random_id()
    tenant_id: Mapped[UUID] = _tenant_id()
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("upload_batches.id", ondelete="CASCADE"))
    filename: Mapped[str] = mapped_column(comment="display name only, never a path")
    content_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[bytes | None]
    status: Mapped[str]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    page_count: Mapped[int | None]
    chunk_count: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = _created_at()
    indexed_at: Mapped[datetime | None]


class DocumentPart(Base):
    """A document's bytes, in parts of 1 MiB, so that no process holds a whole file."""

    __tablename__ = "document_parts"

    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes]


class Job(Base):
    """Work to be done once; `attempt` is the fencing token of whoever holds the lease."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'running', 'done', 'failed')", name="status"),
        CheckConstraint("kind IN ('index')", name="kind"),
        Index("ix_jobs_open", "run_after", "id", postgresql_where=text("status IN ('queued', 'running')")),
        Index(None, "document_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant_id: Mapped[UUID] = _tenant_id()
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(server_default="index")
    status: Mapped[str] = mapped_column(server_default="queued")
    attempt: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[datetime | None]
    run_after: Mapped[datetime] = mapped_column(server_default=func.now())
    checkpoint: Mapped[int] = mapped_column(server_default="0", comment="the next chunk ordinal to write")
    total: Mapped[int | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = _created_at()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Chunk(Base):
    """A piece of a document's extracted text: `text == extracted[start_offset:end_offset]`."""

    __tablename__ = "chunks"
    __table_args__ = (
        UniqueConstraint("document_id", "ordinal"),
        Index(None, "tenant_id"),
        Index(None, "tsv", postgresql_using="gin"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, comment="uuid5 of the document and the ordinal")
    tenant_id: Mapped[UUID] = _tenant_id()
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    ordinal: Mapped[int]
    page: Mapped[int]
    page_end: Mapped[int]
    start_offset: Mapped[int]
    end_offset: Mapped[int]
    token_count: Mapped[int]
    text: Mapped[str]
    tsv: Mapped[str] = mapped_column(
        TSVECTOR, Computed("to_tsvector('english'::regconfig, text)", persisted=True), deferred=True
    )


class Query(Base):
    """A question that was asked, and what was answered."""

    __tablename__ = "queries"
    __table_args__ = (Index(None, "tenant_id", text("created_at DESC")),)

    id: Mapped[UUID] = _random_id()
    tenant_id: Mapped[UUID] = _tenant_id()
    query: Mapped[str]
    answer: Mapped[str | None]
    answered: Mapped[bool]
    citations: Mapped[Json] = mapped_column(JSONB)
    used_chunks: Mapped[Json] = mapped_column(JSONB)
    details: Mapped[Json] = mapped_column("metadata", JSONB)
    created_at: Mapped[datetime] = _created_at()
