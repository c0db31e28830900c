"""API keys at the door."""

from collections.abc import Iterator
from typing import Annotated

import httpx
import psycopg
import pytest
from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session

from app.db.engine import create_sync_engine
from app.http.dependencies import tenant
from app.main import create_app
from app.tenancy.keys import TenantContext, generate_key
from app.tenancy.store import revoke_key
from tests.app.service import bearer, eventually, make_key, make_settings, serving

pytestmark = pytest.mark.api

router = APIRouter()


@router.get("/whoami")
async def whoami(found: Annotated[TenantContext, Depends(tenant)]) -> str:
    return str(found.tenant_id)


@pytest.fixture
def client(migrated_url: str) -> Iterator[httpx.Client]:
    app = create_app(make_settings(migrated_url))
    app.include_router(router)
    with serving(app) as served:
        yield served


def tenant_id(url: str, name: str) -> str:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT id FROM tenants WHERE name = %s", (name,)).fetchone()
    assert row is not None
    return str(row[0])


def test_either_header_lets_the_tenant_in(client: httpx.Client, migrated_url: str) -> None:
    key = make_key(migrated_url, "acme")
    expected = tenant_id(migrated_url, "acme")
    for headers in (bearer(key), {"Authorization": f"bearer   {key}"}, {"X-API-Key": key}):
        answer = client.get("/whoami", headers=headers)
        assert (answer.status_code, answer.json()) == (200, expected)


def test_each_key_stands_for_its_own_tenant(client: httpx.Client, migrated_url: str) -> None:
    keys = {name: make_key(migrated_url, name) for name in ("acme", "globex")}
    for name, key in keys.items():
        assert client.get("/whoami", headers=bearer(key)).json() == tenant_id(migrated_url, name)


def test_without_a_key_the_answer_says_how_to_send_one(client: httpx.Client) -> None:
    answer = client.get("/whoami")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="rag"'
    assert answer.json()["code"] == "missing_api_key"
    assert "X-API-Key" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        bearer(generate_key()),
        bearer("rag_short_key"),
        bearer("' OR 1=1 --"),
        bearer("x" * 5000),
    ],
)
def test_a_wrong_key_is_refused_and_never_repeated(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.get("/whoami", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_api_key"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    for value in headers.values():
        assert value.removeprefix("Bearer ") not in answer.text


def test_a_key_that_is_no_ascii_is_wrong_like_any_other(client: httpx.Client) -> None:
    answer = client.get("/whoami", headers={b"X-API-Key": "rag_\xe9\xe9".encode("latin-1")})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_api_key")


def test_a_key_with_one_character_changed_is_wrong(client: httpx.Client, migrated_url: str) -> None:
    key = make_key(migrated_url)
    changed = key[:-1] + ("a" if key[-1] != "a" else "b")
    assert client.get("/whoami", headers=bearer(changed)).status_code == 401


def test_a_revoked_key_stops_working_within_seconds(client: httpx.Client, migrated_url: str) -> None:
    key = make_key(migrated_url)
    assert client.get("/whoami", headers=bearer(key)).status_code == 200
    with Session(create_sync_engine(make_settings(migrated_url), process="test")) as session, session.begin():
        assert revoke_key(session, key[4:12])
    eventually(lambda: client.get("/whoami", headers=bearer(key)).status_code == 401, "a refusal")


def test_a_key_made_after_a_failed_attempt_works_at_once(client: httpx.Client, migrated_url: str) -> None:
    key = generate_key()
    assert client.get("/whoami", headers=bearer(key)).status_code == 401
    created = make_key(migrated_url)
    assert client.get("/whoami", headers=bearer(created)).status_code == 200


def test_only_the_hash_of_a_key_is_stored(migrated_url: str) -> None:
    key = make_key(migrated_url)
    with psycopg.connect(migrated_url) as connection:
        row = connection.execute("SELECT row_to_json(api_keys)::text FROM api_keys").fetchone()
    assert row is not None
    assert key.split("_", 2)[2] not in row[0]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/queries"), ("POST", "/v1/query"), ("GET", "/v1/documents"), ("POST", "/v1/documents/upload")],
)
def test_every_endpoint_of_the_service_needs_a_key(client: httpx.Client, method: str, path: str) -> None:
    assert client.request(method, path).status_code == 401


def test_no_documented_v1_operation_is_open_to_strangers(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operations = [(path, method) for path, methods in paths.items() if path.startswith("/v1/") for method in methods]
    assert operations
    for path, method in operations:
        concrete = path.replace("{", "").replace("}", "")
        answer = client.request(method, concrete, headers={"X-Forwarded-For": "10.0.0.1"})
        assert answer.status_code == 401, f"{method} {path} answered {answer.status_code}"
