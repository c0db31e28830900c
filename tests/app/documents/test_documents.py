from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.app.documents.conftest import Sql
from tests.app.documents.uploading import upload, upload_one, work_until_idle
from tests.app.service import make_settings
from tests.fixtures import bad_files
from tests.fixtures.documents import docx, long_pdf, pdf

pytestmark = pytest.mark.api

SMALL_CHUNKS: dict[str, object] = {"chunk_size": 100, "chunk_overlap": 20, "min_chunk_size": 20}


def index_everything(url: str, **values: object) -> None:
    work_until_idle(make_settings(url, **{**SMALL_CHUNKS, **values}))


def document(client: httpx.Client, row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/v1/documents/{row['document_id']}").json()
    return found


def all_chunks(client: httpx.Client, document_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = client.get(
            f"/v1/documents/{document_id}/chunks", params={"page": len(found) // 100 + 1, "limit": 100}
        ).json()
        found += page["items"]
        if len(found) == page["total"]:
            return found
        assert page["items"], "the total promises more chunks than there are"


def test_an_indexed_document_has_its_pages_and_chunks(client: httpx.Client, migrated_url: str) -> None:
    row = upload_one(client, "facts.pdf", long_pdf(9))
    assert document(client, row)["status"] == "queued"
    index_everything(migrated_url)
    found = document(client, row)
    assert (found["status"], found["page_count"], found["chunks"]) == ("indexed", 9, None)
    chunks = all_chunks(client, row["document_id"])
    assert found["chunk_count"] == len(chunks) > 9
    assert [chunk["ordinal"] for chunk in chunks] == list(range(len(chunks)))
    for page in range(1, 10):
        holder = next(chunk for chunk in chunks if f"Fact {page}.1 " in chunk["text"])
        assert holder["page"] <= page <= holder["page_end"]
    assert all(chunk["end_offset"] - chunk["start_offset"] == len(chunk["text"]) for chunk in chunks)
    assert all(0 < chunk["token_count"] <= 100 for chunk in chunks)


def test_chunks_come_with_the_document_on_request_and_one_by_one(client: httpx.Client, migrated_url: str) -> None:
    row = upload_one(client, "facts.pdf", long_pdf(3))
    index_everything(migrated_url)
    path = f"/v1/documents/{row['document_id']}"
    included = client.get(path, params={"include_chunks": True, "page": 2, "limit": 2}).json()["chunks"]
    assert [chunk["ordinal"] for chunk in included] == [2, 3]
    assert client.get(f"{path}/chunks/{included[0]['chunk_id']}").json() == included[0]
    assert client.get(f"{path}/chunks/{uuid4()}").status_code == 404


def test_a_batch_is_completed_when_its_documents_are_and_not_before(client: httpx.Client, migrated_url: str) -> None:
    files = [("a.txt", b"One text."), ("b.docx", docx(["Another text."])), ("empty.txt", b"")]
    batch = upload(client, files).json()["upload_batch_id"]
    path = f"/v1/documents/uploads/{batch}"
    before = client.get(f"{path}/progress").json()
    assert (before["status"], before["progress"], len(before["documents"])) == ("queued", 0, 2)
    index_everything(migrated_url)
    after = client.get(f"{path}/progress").json()
    assert (after["status"], after["progress"]) == ("completed", 100)
    assert {each["progress"] for each in after["documents"]} == {100}
    whole = client.get(path).json()
    assert [row["status"] for row in whole["documents"]] == ["indexed", "indexed", "rejected"]


def test_progress_counts_the_chunks_that_are_written(client: httpx.Client, migrated_url: str, run_sql: Sql) -> None:
    row = upload_one(client, "facts.pdf", long_pdf(5))
    path = f"/v1/documents/{row['document_id']}/indexing-status"
    run_sql("UPDATE jobs SET status = 'running', attempt = 1, checkpoint = 8, total = 32")
    run_sql("UPDATE documents SET status = 'processing', chunk_count = 8")
    status = client.get(path).json()
    assert (status["status"], status["progress"]) == ("processing", 25)
    assert (status["indexed_chunks"], status["total_chunks"], status["attempt"]) == (8, 32, 1)


FAILING = {
    "secret.pdf": (bad_files.encrypted_pdf(), "encrypted"),
    "damaged.pdf": (bad_files.damaged_pdf(), "corrupt"),
    "scan.pdf": (bad_files.pdf_without_text(), "no_text"),
    "entities.docx": (bad_files.entity_bomb_docx(), "unsafe_xml"),
    "liar.docx": (bad_files.lying_zip_bomb_docx(), "corrupt"),
    "pages.txt": (b"\f".join(b"page" for _ in range(12)), "too_many_pages"),
}


def test_what_only_parsing_can_tell_fails_the_document_with_its_code(
    client: httpx.Client, migrated_url: str, run_sql: Sql
) -> None:
    files = [(name, content) for name, (content, _) in FAILING.items()]
    body = upload(client, files).json()
    assert body["accepted_files"] == len(FAILING)
    index_everything(migrated_url, max_pages_per_document=10)
    batch = client.get(f"/v1/documents/uploads/{body['upload_batch_id']}").json()
    assert {row["filename"]: row["error_code"] for row in batch["documents"]} == {
        name: code for name, (_, code) in FAILING.items()
    }
    assert {row["status"] for row in batch["documents"]} == {"failed"}
    assert (batch["status"], batch["progress"]) == ("failed", 100)
    # Each file was parsed once: trying again would not change it.
    assert run_sql("SELECT DISTINCT status, attempt FROM jobs") == [("failed", 1)]


def test_one_failed_document_makes_the_batch_partial_and_may_be_sent_again(
    client: httpx.Client, migrated_url: str
) -> None:
    body = upload(client, [("good.txt", b"A text."), ("bad.pdf", bad_files.damaged_pdf())]).json()
    index_everything(migrated_url)
    path = f"/v1/documents/uploads/{body['upload_batch_id']}"
    assert client.get(path).json()["status"] == "partial"
    assert upload_one(client, "bad.pdf", bad_files.damaged_pdf())["status"] == "queued"


def test_null_characters_in_a_text_do_not_stop_its_indexing(client: httpx.Client, migrated_url: str) -> None:
    content = b"x" * 9000 + b" a word \x00 behind a zero"
    row = upload_one(client, "zero.txt", content)
    index_everything(migrated_url)
    assert document(client, row)["status"] == "indexed"
    assert "a word  behind a zero" in all_chunks(client, row["document_id"])[-1]["text"]


def test_documents_are_listed_newest_first_by_status_and_without_rejected_files(
    client: httpx.Client, migrated_url: str
) -> None:
    first = upload_one(client, "first.txt", b"One text.")
    index_everything(migrated_url)
    second = upload_one(client, "second.txt", b"Another text.")
    upload_one(client, "empty.txt", b"")

    def names(**params: object) -> list[str]:
        listed = client.get("/v1/documents", params={key: str(value) for key, value in params.items()}).json()
        assert listed["total"] == len(listed["items"])
        return [row["filename"] for row in listed["items"]]

    assert names() == ["second.txt", "first.txt"]
    assert names(status="indexed") == ["first.txt"]
    assert names(status="queued") == ["second.txt"]
    assert names(status="rejected") == ["empty.txt"]
    client.delete(f"/v1/documents/{first['document_id']}/vectors")
    assert (names(status="indexed"), names(status="unindexed")) == ([], ["first.txt"])
    assert document(client, second)["document_id"] == second["document_id"]


def test_deleting_a_document_leaves_nothing_of_it(client: httpx.Client, migrated_url: str, run_sql: Sql) -> None:
    row = upload_one(client, "facts.pdf", long_pdf(3))
    index_everything(migrated_url)
    path = f"/v1/documents/{row['document_id']}"
    assert client.delete(path).status_code == 204
    for table in ("documents", "document_parts", "jobs", "chunks"):
        assert run_sql(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
    assert (client.get(path).status_code, client.delete(path).status_code) == (404, 404)
    assert client.get(f"/v1/documents/uploads/{row['upload_batch_id']}").json()["status"] == "deleted"


def test_removing_the_index_keeps_the_document_and_embed_brings_the_same_chunks_back(
    client: httpx.Client, migrated_url: str, run_sql: Sql
) -> None:
    row = upload_one(client, "facts.pdf", long_pdf(3))
    index_everything(migrated_url)
    path = f"/v1/documents/{row['document_id']}"
    before = all_chunks(client, row["document_id"])
    for _ in range(2):
        assert client.delete(f"{path}/vectors").status_code == 204
    assert (document(client, row)["status"], all_chunks(client, row["document_id"])) == ("unindexed", [])
    # It is still the document with this content.
    assert upload_one(client, "again.pdf", long_pdf(3))["duplicate_of"] == row["document_id"]
    for _ in range(2):
        queued = client.post(f"{path}/embed")
        assert (queued.status_code, queued.json()["status"], queued.json()["progress"]) == (202, "queued", 0)
    assert run_sql("SELECT count(*) FROM jobs WHERE status = 'queued'") == [(1,)]
    index_everything(migrated_url)
    assert document(client, row)["status"] == "indexed"
    assert all_chunks(client, row["document_id"]) == before


def test_embedding_again_follows_the_settings_of_today(client: httpx.Client, migrated_url: str) -> None:
    row = upload_one(client, "facts.pdf", long_pdf(3))
    index_everything(migrated_url)
    before = document(client, row)["chunk_count"]
    client.post(f"/v1/documents/{row['document_id']}/embed")
    assert len(all_chunks(client, row["document_id"])) == before, "the old index serves until the new one is written"
    index_everything(migrated_url, chunk_size=400)
    chunks = all_chunks(client, row["document_id"])
    assert 0 < len(chunks) == document(client, row)["chunk_count"] < before


def test_removing_the_index_of_a_queued_document_ends_its_job(
    client: httpx.Client, migrated_url: str, run_sql: Sql
) -> None:
    row = upload_one(client, "a.txt", b"A text.")
    assert client.delete(f"/v1/documents/{row['document_id']}/vectors").status_code == 204
    assert run_sql("SELECT count(*) FROM jobs") == [(0,)]
    index_everything(migrated_url)
    assert document(client, row)["status"] == "unindexed"


def test_what_cannot_be_indexed_again_says_why(client: httpx.Client, run_sql: Sql) -> None:
    rejected = upload_one(client, "empty.txt", b"")
    refused = client.post(f"/v1/documents/{rejected['document_id']}/embed")
    assert (refused.status_code, refused.json()["code"]) == (409, "document_rejected")
    failed = upload_one(client, "a.txt", b"A text.")
    run_sql("UPDATE documents SET status = 'failed' WHERE id = %s", failed["document_id"])
    upload_one(client, "a.txt", b"A text.")
    refused = client.post(f"/v1/documents/{failed['document_id']}/embed")
    assert (refused.status_code, refused.json()["code"]) == (409, "duplicate")


def test_another_tenant_sees_and_changes_nothing(
    client: httpx.Client, migrated_url: str, stranger: dict[str, str], run_sql: Sql
) -> None:
    row = upload_one(client, "mine.pdf", pdf(["My own words."]))
    index_everything(migrated_url)
    (chunk,) = all_chunks(client, row["document_id"])
    document_path = f"/v1/documents/{row['document_id']}"
    batch_path = f"/v1/documents/uploads/{row['upload_batch_id']}"
    paths = [document_path, batch_path, f"{batch_path}/progress", f"{document_path}/indexing-status"]
    paths += [f"{document_path}/chunks", f"{document_path}/chunks/{chunk['chunk_id']}"]
    for path in paths:
        assert client.get(path).status_code == 200
        assert client.get(path, headers=stranger).status_code == 404, path
    for path in (document_path, batch_path, f"{document_path}/vectors"):
        assert client.delete(path, headers=stranger).status_code == 404, path
    assert client.post(f"{document_path}/embed", headers=stranger).status_code == 404
    for path in ("/v1/documents", "/v1/documents/uploads"):
        assert client.get(path, headers=stranger).json()["total"] == 0
    # The same content is no duplicate across tenants, and says nothing about the other's document.
    theirs = upload(client, [("theirs.pdf", pdf(["My own words."]))], headers=stranger).json()["documents"][0]
    assert (theirs["status"], theirs["duplicate_of"]) == ("queued", None)
    assert document(client, row)["chunk_count"] == 1
    assert run_sql("SELECT count(DISTINCT tenant_id) FROM documents") == [(2,)]
