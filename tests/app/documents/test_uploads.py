from __future__ import annotations

import hashlib
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.app.documents.conftest import Serve, Sql
from tests.app.documents.uploading import upload, upload_one
from tests.app.service import eventually
from tests.fixtures import bad_files
from tests.fixtures.documents import docx, pdf

pytestmark = pytest.mark.api


def test_every_supported_type_is_taken_and_stored_to_the_byte(client: httpx.Client, run_sql: Sql) -> None:
    files = [("a.pdf", pdf(["A page."])), ("b.docx", docx(["A page."])), ("c.txt", b"text"), ("d.md", b"# title")]
    body = upload(client, files).json()
    assert body["status"] == "queued"
    assert (body["total_files"], body["accepted_files"], body["rejected_files"]) == (4, 4, 0)
    assert [row["filename"] for row in body["documents"]] == [name for name, _ in files]
    assert {row["status"] for row in body["documents"]} == {"queued"}
    for row, (_, content) in zip(body["documents"], files, strict=True):
        parts = "SELECT content FROM document_parts WHERE document_id = %s ORDER BY part"
        assert b"".join(part for (part,) in run_sql(parts, row["document_id"])) == content
        assert run_sql("SELECT status FROM jobs WHERE document_id = %s", row["document_id"]) == [("queued",)]


def test_a_large_file_is_stored_in_parts_of_a_mebibyte(serve: Serve, run_sql: Sql) -> None:
    content = b"".join(b"line %d\n" % number for number in range(400_000))
    with serve() as client:
        row = upload_one(client, "large.txt", content)
    parts = run_sql("SELECT part, content FROM document_parts WHERE document_id = %s ORDER BY part", row["document_id"])
    assert [len(part) for _, part in parts[:-1]] == [2**20] * (len(parts) - 1)
    assert hashlib.sha256(b"".join(part for _, part in parts)).digest() == hashlib.sha256(content).digest()


def test_the_field_may_also_be_called_files(client: httpx.Client) -> None:
    assert upload(client, [("a.txt", b"one")], field="files").json()["accepted_files"] == 1


BAD_FILES = {
    "empty.txt": (b"", "empty_file"),
    "large.txt": (b"x" * (2**20 + 1), "too_large"),
    "program.exe": (b"MZ", "unsupported_type"),
    "picture.pdf": (b"\x89PNG\r\n", "mislabelled"),
    "archive.docx": (bad_files.plain_zip(), "mislabelled"),
    "old.docx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "encrypted"),
    "half.pdf": (bad_files.truncated_pdf(), "truncated"),
    "half.docx": (bad_files.truncated_docx(), "truncated"),
    "bomb.docx": (bad_files.zip_bomb_docx(), "zip_bomb"),
}


def test_each_bad_file_of_a_batch_is_rejected_by_itself_and_the_good_one_is_taken(
    client: httpx.Client, run_sql: Sql
) -> None:
    files = [(name, content) for name, (content, _) in BAD_FILES.items()]
    response = upload(client, [*files, ("good.txt", b"A good text.")])
    assert response.status_code == 202
    body = response.json()
    assert (body["total_files"], body["accepted_files"], body["rejected_files"]) == (len(files) + 1, 1, len(files))
    *bad, good = body["documents"]
    assert {row["filename"]: row["error_code"] for row in bad} == {name: code for name, (_, code) in BAD_FILES.items()}
    assert all(row["status"] == "rejected" and row["error_message"] for row in bad)
    assert (good["status"], good["error_code"]) == ("queued", None)
    assert run_sql("SELECT DISTINCT document_id::text FROM document_parts") == [(good["document_id"],)]


def test_a_batch_of_nothing_but_bad_files_says_rejected_and_is_over(client: httpx.Client) -> None:
    body = upload(client, [("empty.txt", b"")]).json()
    assert (body["status"], body["progress"], body["accepted_files"]) == ("rejected", 100, 0)


def test_names_with_dots_and_slashes_stay_names_and_equal_names_do_not_clash(
    client: httpx.Client, run_sql: Sql
) -> None:
    files = [("../../same.txt", b"one"), ("same.txt", b"two"), ("..\\same.txt", b"three")]
    body = upload(client, files).json()
    assert [row["filename"] for row in body["documents"]] == ["same.txt"] * 3
    assert body["accepted_files"] == 3
    stored = run_sql("SELECT content FROM document_parts ORDER BY document_id")
    assert [content for (content,) in stored] == [b"one", b"two", b"three"]


@pytest.mark.parametrize("count", [21, 81])
def test_twenty_files_are_taken_and_more_are_refused_as_a_whole(client: httpx.Client, run_sql: Sql, count: int) -> None:
    files = [(f"{number}.txt", b"text %d" % number) for number in range(count)]
    refused = upload(client, files)
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_files")
    assert refused.headers["content-type"] == "application/problem+json"
    assert run_sql("SELECT count(*) FROM upload_batches") == [(0,)]
    assert upload(client, files[:20]).json()["accepted_files"] == 20


@pytest.mark.parametrize(
    "options",
    [
        {"files": [("other", ("a.txt", b"text"))]},
        {"data": {"files[]": "not a file"}},
        {"json": {"files": ["a.txt"]}},
        {},
    ],
)
def test_a_request_without_a_file_is_refused(client: httpx.Client, options: dict[str, Any]) -> None:
    response = client.post("/v1/documents/upload", **options)
    assert (response.status_code, response.json()["code"]) == (422, "no_files")


def test_a_broken_form_is_a_problem_document_without_its_content(client: httpx.Client) -> None:
    response = client.post(
        "/v1/documents/upload", content=b"--x\r\nbroken secret", headers={"Content-Type": "multipart/form-data"}
    )
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text


def test_an_upload_that_is_too_large_as_a_whole_is_refused(client: httpx.Client, run_sql: Sql) -> None:
    files = [(f"{number}.txt", b"%d" % number * 2**20) for number in range(8)]
    assert upload(client, files).status_code == 413
    assert run_sql("SELECT count(*) FROM documents") == [(0,)]


def test_a_duplicate_names_the_document_that_holds_the_content(client: httpx.Client) -> None:
    first = upload_one(client, "a.txt", b"the same words")
    second = upload_one(client, "b.txt", b"the same words")
    assert (second["status"], second["error_code"]) == ("rejected", "duplicate")
    assert second["duplicate_of"] == first["document_id"]


def test_a_duplicate_within_one_batch_is_found_too(client: httpx.Client) -> None:
    first, second = upload(client, [("a.txt", b"same"), ("b.txt", b"same")]).json()["documents"]
    assert (first["status"], second["error_code"]) == ("queued", "duplicate")
    assert second["duplicate_of"] == first["document_id"]


def test_a_failed_document_does_not_block_its_own_upload(client: httpx.Client, run_sql: Sql) -> None:
    first = upload_one(client, "a.txt", b"words")
    run_sql("UPDATE documents SET status = 'failed' WHERE id = %s", first["document_id"])
    assert upload_one(client, "a.txt", b"words")["status"] == "queued"


def test_a_deleted_document_does_not_block_its_own_upload(client: httpx.Client) -> None:
    first = upload_one(client, "a.txt", b"words")
    assert client.delete(f"/v1/documents/{first['document_id']}").status_code == 204
    assert upload_one(client, "a.txt", b"words")["status"] == "queued"


def test_uploads_of_the_same_files_at_once_store_each_content_once(client: httpx.Client, run_sql: Sql) -> None:
    files = [(f"{number}.txt", b"text %d" % number) for number in range(8)]

    def send(reverse: bool) -> httpx.Response:
        return upload(client, list(reversed(files)) if reverse else files)

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(send, [False, True] * 3))
    assert [response.status_code for response in responses] == [202] * 6
    assert sum(response.json()["accepted_files"] for response in responses) == 8
    assert run_sql("SELECT count(*), count(DISTINCT sha256) FROM documents WHERE status = 'queued'") == [(8, 8)]


def test_batches_are_listed_newest_first_in_pages(client: httpx.Client) -> None:
    ids = [upload(client, [("a.txt", b"%d" % number)]).json()["upload_batch_id"] for number in range(3)]
    page = client.get("/v1/documents/uploads", params={"page": 1, "limit": 2}).json()
    assert [item["upload_batch_id"] for item in page["items"]] == [ids[2], ids[1]]
    assert (page["page"], page["limit"], page["total"]) == (1, 2, 3)
    rest = client.get("/v1/documents/uploads", params={"page": 2, "limit": 2}).json()
    assert [item["upload_batch_id"] for item in rest["items"]] == [ids[0]]


def test_deleting_a_batch_leaves_nothing_of_it(client: httpx.Client, run_sql: Sql) -> None:
    batch = upload(client, [("a.txt", b"words"), ("empty.txt", b"")]).json()["upload_batch_id"]
    assert client.delete(f"/v1/documents/uploads/{batch}").status_code == 204
    for table in ("upload_batches", "documents", "document_parts", "jobs"):
        assert run_sql(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608
    assert client.get(f"/v1/documents/uploads/{batch}").status_code == 404
    assert client.delete(f"/v1/documents/uploads/{batch}").status_code == 404


def test_a_client_that_goes_away_leaves_nothing_behind(
    client: httpx.Client, run_sql: Sql, caplog: pytest.LogCaptureFixture
) -> None:
    port = client.base_url.port
    assert port is not None
    head = (
        "POST /v1/documents/upload HTTP/1.1\r\nHost: service\r\n"
        f"Authorization: {client.headers['Authorization']}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="files[]"; filename="a.txt"\r\n\r\nfirst words'
    )
    caplog.set_level("INFO", "app.access")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode())
    eventually(lambda: "/v1/documents/upload" in caplog.text or caplog.records, "a logged request")
    assert run_sql("SELECT count(*) FROM upload_batches") == [(0,)]
    assert "unhandled" not in caplog.text


def test_without_a_key_nothing_is_taken(client: httpx.Client, run_sql: Sql) -> None:
    del client.headers["Authorization"]
    assert upload(client, [("a.txt", b"words")]).status_code == 401
    assert run_sql("SELECT count(*) FROM documents") == [(0,)]
