"""The HTTP contract that clients rely on: additions are welcome, removals are not."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode

from app.main import create_app
from tests.app.service import bearer, make_key, make_settings, serving

pytestmark = pytest.mark.api

AnyCase = schemathesis.Case[Any]
SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)

ENDPOINTS = {
    "/health": {"get"},
    "/livez": {"get"},
    "/readyz": {"get"},
    "/metrics": {"get"},
    "/v1/documents/upload": {"post"},
    "/v1/documents/uploads": {"get"},
    "/v1/documents/uploads/{}": {"get", "delete"},
    "/v1/documents/uploads/{}/progress": {"get"},
    "/v1/documents": {"get"},
    "/v1/documents/{}": {"get", "delete"},
    "/v1/documents/{}/chunks": {"get"},
    "/v1/documents/{}/chunks/{}": {"get"},
    "/v1/documents/{}/indexing-status": {"get"},
    "/v1/documents/{}/vectors": {"delete"},
    "/v1/documents/{}/embed": {"post"},
    "/v1/query": {"post"},
    "/v1/queries": {"get"},
    "/v1/queries/{}": {"get"},
}


@pytest.fixture
def app(migrated_url: str) -> FastAPI:
    return create_app(make_settings(migrated_url, rate_limit_enabled=False))


@pytest.fixture
def client(app: FastAPI) -> Iterator[httpx.Client]:
    with serving(app) as served:
        yield served


def strategies(app: FastAPI) -> Iterator[SearchStrategy[AnyCase]]:
    """How to make requests for each operation, both fitting the document and breaking it."""
    # Any: schemathesis leaves the parameters of its generic types open.
    schema: Any = schemathesis.openapi.from_dict(app.openapi())
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            yield operation.as_strategy(generation_mode=mode)


def anonymous(path: str) -> str:
    """The path with its parameters' names left out: they are the service's own business."""
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def test_every_endpoint_of_the_contract_is_offered(app: FastAPI) -> None:
    offered = {anonymous(path): set(methods) for path, methods in app.openapi()["paths"].items()}
    missing = {path: methods - offered.get(path, set()) for path, methods in ENDPOINTS.items()}
    assert {path: methods for path, methods in missing.items() if methods} == {}


def test_every_v1_operation_documents_its_errors_as_problems(app: FastAPI) -> None:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1/"):
                for status in ("4XX", "422", "503"):
                    content = operation["responses"][status]["content"]
                    assert set(content) == {"application/problem+json"}, f"{method} {path} {status}"


def test_an_error_looks_as_it_is_documented(app: FastAPI, client: httpx.Client, migrated_url: str) -> None:
    documented = app.openapi()["paths"]["/v1/query"]["post"]["responses"]["422"]["content"]
    schema = documented["application/problem+json"]["schema"]
    headers = bearer(make_key(migrated_url))
    problem = client.post("/v1/query", json={"query": "?"}, headers=headers).json()
    assert set(schema["required"]) <= set(problem) <= set(schema["properties"])
    assert set(problem["errors"][0]) == set(schema["properties"]["errors"]["items"]["required"])


def test_whatever_a_client_sends_gets_an_answer_and_never_a_500(
    app: FastAPI, client: httpx.Client, migrated_url: str
) -> None:
    """Requests made from the service's own OpenAPI document, valid and not."""
    headers = bearer(make_key(migrated_url))
    asked: Counter[str] = Counter()

    def ask(case: AnyCase) -> None:
        answer = case.call(base_url=str(client.base_url), headers=headers)
        asked[case.path] += 1
        assert answer.status_code < 500, f"{case.method} {case.path}: {answer.status_code} {answer.text}"
        if answer.status_code >= 400 and answer.headers.get("x-request-id"):
            assert answer.headers["content-type"] == ["application/problem+json"], answer.text

    fuzz = hypothesis.settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=SLOW_IS_FINE)
    for cases in strategies(app):
        # An operation without parameters cannot be asked wrongly.
        with contextlib.suppress(Unsatisfiable):
            fuzz(hypothesis.given(case=cases)(ask))()
    assert {anonymous(path) for path in asked} >= set(ENDPOINTS) - {"/metrics"}
