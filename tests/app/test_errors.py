"""Errors are problem documents: they say what is wrong and repeat nothing."""

import asyncio
import logging
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlalchemy import text

from app.http.context import client_address, new_request_id
from app.http.dependencies import SessionDep
from app.http.middleware import JSON_BODY_BYTES
from app.main import create_app
from app.settings import SettingsError
from tests.app.service import make_settings, serving

pytestmark = pytest.mark.api

MEBIBYTE = 1024 * 1024
router = APIRouter()


class Question(BaseModel):
    text: str = Field(min_length=3, max_length=10)


@router.post("/echo")
async def echo(question: Question) -> str:
    return question.text


@router.post("/form")
async def form(request: Request) -> int:
    async with request.form() as fields:
        return len(fields)


@router.post("/raw")
async def raw(request: Request) -> int:
    return len(await request.body())


@router.post("/spooled")
async def spooled(request: Request) -> list[str]:
    """Where the parts of this upload lie while they are read."""
    async with request.form():
        return nameless_files()


def nameless_files() -> list[str]:
    """Files that this process has open and that no folder lists, as temporary ones."""
    links = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [link for link in links if link.startswith("/") and "(deleted)" in link]


@router.get("/hold")
async def hold(opened: SessionDep) -> str:
    await opened.execute(text("SELECT pg_sleep(1.5)"))
    return "held"


@router.get("/wrong-sql")
async def wrong_sql(opened: SessionDep) -> str:
    await opened.execute(text("SELECT private_column FROM private_table"))
    return "never"


@router.get("/broken")
async def broken() -> str:
    raise RuntimeError("the database password is s3cr3t")


@pytest.fixture
def client(migrated_url: str) -> Iterator[httpx.Client]:
    app = create_app(make_settings(migrated_url, max_file_size_mb=1, max_upload_size_mb=2))
    app.include_router(router)
    with serving(app) as served:
        yield served


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["type"] == f"urn:rag:problem:{code}"
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_an_unknown_path_and_a_wrong_method_are_problems(client: httpx.Client) -> None:
    assert_problem(client.get("/nothing-here"), 404, "not_found")
    wrong = client.put("/health")
    assert_problem(wrong, 405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]


def test_a_wrong_field_is_named_and_its_value_is_not_repeated(client: httpx.Client) -> None:
    answer = client.post("/echo", json={"text": "a-very-private-question"})
    assert_problem(answer, 422, "invalid_request")
    assert answer.json()["errors"][0]["field"] == "body.text"
    assert "private" not in answer.text


@pytest.mark.parametrize("body", [b"{private", b"\xff\xfe", b"", b"[1,2"])
def test_a_body_that_is_no_json_is_a_problem_that_does_not_show_it(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/echo", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422, "invalid_request")
    assert "private" not in answer.text


def test_a_mistake_of_ours_tells_the_client_nothing_and_the_log_everything(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "app.http.middleware"):
        answer = client.get("/broken")
    assert_problem(answer, 500, "internal_error")
    assert "s3cr3t" not in answer.text
    assert "Traceback" not in answer.text
    assert any(record.exc_info for record in caplog.records)


def test_a_declared_body_that_is_too_large_is_refused_before_it_is_read(client: httpx.Client) -> None:
    answer = client.post("/raw", content=b"x" * (JSON_BODY_BYTES + 1))
    assert_problem(answer, 413, "request_too_large")


def test_a_body_of_the_largest_size_is_taken(client: httpx.Client) -> None:
    assert client.post("/raw", content=b"x" * JSON_BODY_BYTES).json() == JSON_BODY_BYTES


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * (64 * 1024)


def test_a_streamed_body_is_counted_while_it_arrives(client: httpx.Client) -> None:
    assert_problem(client.post("/raw", content=pieces(40)), 413, "request_too_large")
    assert client.post("/raw", content=pieces(16)).json() == MEBIBYTE


def multipart(parts: int) -> Iterator[bytes]:
    yield b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
    yield from pieces(parts)
    yield b"\r\n--edge--\r\n"


def test_an_upload_may_be_larger_than_json_but_not_than_its_own_limit(client: httpx.Client) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=edge"}
    assert client.post("/form", content=multipart(24), headers=headers).json() == 1
    too_large = client.post("/form", content=multipart(80), headers=headers)
    assert_problem(too_large, 413, "request_too_large")
    assert "2048 KiB" in too_large.json()["detail"]


def test_an_endless_body_does_not_hold_the_server(client: httpx.Client) -> None:
    host, port = client.base_url.host, client.base_url.port
    assert port is not None
    with closing(socket.create_connection((host, port), timeout=20)) as connection:
        head = f"POST /raw HTTP/1.1\r\nHost: {host}\r\nContent-Length: 999999999\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 1000)
        # The answer comes although the body never ends, and then the connection does.
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.startswith(b"HTTP/1.1 413")
    assert b"request_too_large" in received
    assert client.get("/livez").status_code == 200


def test_an_upload_is_spooled_in_the_folder_of_upload_dir(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    folder = tmp_path / "not" / "yet" / "there"
    app = create_app(make_settings(migrated_url, upload_dir=folder))
    app.include_router(router)
    with serving(app) as client:
        headers = {"Content-Type": "multipart/form-data; boundary=edge"}
        lying = client.post("/spooled", content=multipart(40), headers=headers).json()
    assert any(path.startswith(f"{folder}/") for path in lying)
    assert list(folder.iterdir()) == []


def test_an_upload_dir_that_cannot_be_written_stops_the_start_with_its_name(migrated_url: str, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    app = create_app(make_settings(migrated_url, upload_dir=blocked / "folder"))

    async def start() -> None:
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(SettingsError, match=r"UPLOAD_DIR .* cannot be written to"):
        asyncio.run(start())


def test_a_pool_without_a_free_connection_answers_503_and_recovers(migrated_url: str) -> None:
    app = create_app(make_settings(migrated_url, db_pool_size=1, db_max_overflow=0, db_pool_timeout_seconds=0.1))
    app.include_router(router)
    with serving(app) as client, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(client.get, ["/hold"] * 4))
        assert sorted(answer.status_code for answer in answers) == [200, 503, 503, 503]
        busy = next(answer for answer in answers if answer.status_code == 503)
        assert_problem(busy, 503, "database_unavailable")
        assert int(busy.headers["retry-after"]) >= 1
        assert client.get("/hold").status_code == 200


def test_a_wrong_statement_is_our_mistake_and_its_text_stays_here(client: httpx.Client) -> None:
    answer = client.get("/wrong-sql")
    assert_problem(answer, 500, "internal_error")
    assert "private" not in answer.text
    assert client.get("/readyz").status_code == 200


def test_every_answer_carries_the_security_headers(client: httpx.Client) -> None:
    for path in ("/livez", "/nothing-here", "/broken"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "server" not in headers or "uvicorn" in headers["server"]


def test_a_harmless_request_id_is_kept_and_a_harmful_one_replaced(client: httpx.Client) -> None:
    assert client.get("/livez", headers={"X-Request-ID": "trace-12345"}).headers["x-request-id"] == "trace-12345"
    for harmful in ("short", "x" * 65, "with space inside", 'quote"injection', "line\tbreaks-here"):
        assert client.get("/livez", headers={"X-Request-ID": harmful}).headers["x-request-id"] != harmful


def test_request_ids_are_not_guessed_from_each_other() -> None:
    assert len({new_request_id([]) for _ in range(100)}) == 100


def test_only_named_origins_may_read_answers_from_a_browser(migrated_url: str) -> None:
    app = create_app(make_settings(migrated_url, cors_origins="https://app.example"))
    app.include_router(router)
    with serving(app) as client:
        for path in ("/livez", "/broken"):
            allowed = client.get(path, headers={"Origin": "https://app.example"})
            assert allowed.headers["access-control-allow-origin"] == "https://app.example"
            assert "Retry-After" in allowed.headers["access-control-expose-headers"]
            other = client.get(path, headers={"Origin": "https://evil.example"})
            assert "access-control-allow-origin" not in other.headers


def test_the_documentation_can_be_switched_off(migrated_url: str) -> None:
    with serving(create_app(make_settings(migrated_url, docs_enabled=False))) as client:
        assert client.get("/docs").status_code == 404
        assert client.get("/openapi.json").status_code == 404


@pytest.mark.parametrize(
    ("hops", "forwarded", "expected"),
    [
        (0, ["1.1.1.1"], "9.9.9.9"),
        (1, [], "9.9.9.9"),
        (1, ["1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6, 1.1.1.1"], "1.1.1.1"),
        (1, ["6.6.6.6", "1.1.1.1"], "1.1.1.1"),
        (2, ["6.6.6.6, 1.1.1.1, 2.2.2.2"], "1.1.1.1"),
        (3, ["1.1.1.1, 2.2.2.2"], "9.9.9.9"),
    ],
)
def test_only_the_last_hops_of_x_forwarded_for_are_believed(hops: int, forwarded: list[str], expected: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"type": "http", "client": ("9.9.9.9", 1234), "headers": headers}
    assert client_address(scope, hops) == expected
