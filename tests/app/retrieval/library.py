"""Puts documents straight into a migrated database, chunk by chunk, as ingestion would leave them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import psycopg

from tests.postgres import PostgresServer

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True, kw_only=True)
class StoredDocument:
    id: UUID
    batch_id: UUID
    text: str
    chunk_ids: Sequence[UUID]


@dataclass(frozen=True, kw_only=True)
class Library:
    """One tenant's documents in the shared database; a fresh tenant keeps a test to itself."""

    url: str
    tenant_id: UUID

    @classmethod
    def of_new_tenant(cls, url: str) -> Library:
        with psycopg.connect(url, autocommit=True) as connection:
            row = connection.execute(
                "INSERT INTO tenants (name) VALUES (%s) RETURNING id", (f"tenant-{uuid4()}",)
            ).fetchone()
        assert row is not None
        return cls(url=url, tenant_id=row[0])

    def add(
        self, filename: str, chunks: Sequence[str], *, pages: Sequence[tuple[int, int]] = (), status: str = "indexed"
    ) -> StoredDocument:
        """Store a document of these chunks, which follow each other with one line feed between them."""
        document, batch = uuid4(), uuid4()
        ids = [uuid5(document, str(ordinal)) for ordinal in range(len(chunks))]
        spans = pages or [(1, 1)] * len(chunks)
        with psycopg.connect(self.url) as connection:
            connection.execute(
                "INSERT INTO upload_batches (id, tenant_id, total_files, accepted_files, rejected_files)"
                " VALUES (%s, %s, 1, 1, 0)",
                (batch, self.tenant_id),
            )
            connection.execute(
                "INSERT INTO documents (id, tenant_id, batch_id, filename, content_type, size_bytes, sha256, status,"
                " chunk_count) VALUES (%s, %s, %s, %s, 'text/plain', 1, %s, %s, %s)",
                (document, self.tenant_id, batch, filename, document.bytes, status, len(chunks)),
            )
            offset = 0
            for ordinal, (chunk, (page, page_end)) in enumerate(zip(chunks, spans, strict=True)):
                connection.execute(
                    "INSERT INTO chunks (id, tenant_id, document_id, ordinal, page, page_end, start_offset, end_offset,"
                    " token_count, text) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    (
                        *(ids[ordinal], self.tenant_id, document, ordinal, page, page_end),
                        *(offset, offset + len(chunk), len(chunk) // 4 + 1, chunk),
                    ),
                )
                offset += len(chunk) + 1
        return StoredDocument(id=document, batch_id=batch, text="\n".join(chunks), chunk_ids=ids)

    def add_corpus(self, *, by_section: bool) -> dict[str, StoredDocument]:
        """Store the five handbooks, in one chunk each or in one for each section."""
        stored: dict[str, StoredDocument] = {}
        for path in sorted(CORPUS.glob("*.md")):
            text = path.read_text()
            chunks = [part.rstrip("\n") for part in re.split(r"(?m)^(?=## )", text)] if by_section else [text]
            stored[path.name] = self.add(path.name, chunks)
        return stored


def migrated_database(server: PostgresServer) -> Iterator[str]:
    """A database with this release's schema."""
    from app.migrate import run  # noqa: PLC0415  # pure tests of this folder need neither settings nor alembic
    from app.settings import Settings  # noqa: PLC0415

    url = server.create_database("service")
    run(Settings.model_validate({"database_url": url}))
    yield url
    server.drop_database(url)
