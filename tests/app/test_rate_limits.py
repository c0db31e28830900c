"""Rate limits by class, tenant and address."""

import asyncio
import math

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI

from app.http.ratelimit import RateLimiter, limit
from app.main import create_app
from tests.app.service import bearer, make_key, make_settings, service, serving

pytestmark = pytest.mark.api

router = APIRouter()


@router.get("/asked", dependencies=[Depends(limit("query"))])
async def asked() -> str:
    return "yes"


@router.get("/read", dependencies=[Depends(limit("read"))])
async def read() -> str:
    return "yes"


def limited(url: str, **values: object) -> FastAPI:
    app = create_app(make_settings(url, **values))
    app.include_router(router)
    return app


def statuses(client: httpx.Client, count: int, path: str = "/asked", **headers: str) -> list[int]:
    return [client.get(path, headers=headers).status_code for _ in range(count)]


def test_the_request_after_the_last_is_told_the_real_wait(migrated_url: str) -> None:
    app = limited(migrated_url, rate_limit_query="2/5second")
    with serving(app) as client:
        assert statuses(client, 2) == [200, 200]
        refused = client.get("/asked")
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["code"] == "rate_limited"
        wait = int(refused.headers["retry-after"])
        assert 1 <= wait <= 5


def test_after_the_told_wait_one_request_passes_and_before_it_none() -> None:
    async def scenario() -> None:
        limiter = RateLimiter(make_settings("postgresql://u:p@h/d", rate_limit_query="1/2second"))
        assert await limiter.wait_for("query", "a") is None
        wait = await limiter.wait_for("query", "a")
        assert wait is not None
        assert 1 <= wait <= 2
        await asyncio.sleep(wait)
        assert await limiter.wait_for("query", "a") is None

    asyncio.run(scenario())


def test_a_long_window_tells_a_long_wait() -> None:
    async def scenario() -> int | None:
        limiter = RateLimiter(make_settings("postgresql://u:p@h/d", rate_limit_upload="1/hour"))
        await limiter.wait_for("upload", "a")
        return await limiter.wait_for("upload", "a")

    assert asyncio.run(scenario()) == pytest.approx(3600, abs=5)


def test_classes_and_tenants_are_counted_apart(migrated_url: str) -> None:
    app = limited(migrated_url, rate_limit_query="1/minute")
    first, second = make_key(migrated_url, "acme"), make_key(migrated_url, "globex")
    third = make_key(migrated_url, "acme")
    with serving(app) as client:
        assert statuses(client, 2, **bearer(first)) == [200, 429]
        assert statuses(client, 1, "/read", **bearer(first)) == [200]
        assert statuses(client, 2, **bearer(second)) == [200, 429]
        # A tenant's second key does not double its allowance.
        assert statuses(client, 1, **bearer(third)) == [429]


def test_guessing_keys_is_counted_against_the_address(migrated_url: str) -> None:
    app = limited(migrated_url, rate_limit_query="2/minute")
    with serving(app) as client:
        guesses = [client.get("/asked", headers=bearer(f"rag_guess{n:03}_{'x' * 43}")).status_code for n in range(3)]
        assert guesses == [200, 200, 429]


def test_addresses_are_told_apart_only_by_trusted_hops(migrated_url: str) -> None:
    for hops, expected in ((0, [200, 429, 429]), (1, [200, 200, 429])):
        app = limited(migrated_url, rate_limit_query="1/minute", trusted_proxy_hops=hops)
        with serving(app) as client:
            seen = [
                client.get("/asked", headers={"X-Forwarded-For": address}).status_code
                for address in ("1.1.1.1", "2.2.2.2", "2.2.2.2")
            ]
        assert seen == expected


def test_limits_can_be_switched_off(migrated_url: str) -> None:
    app = limited(migrated_url, rate_limit_query="1/minute", rate_limit_enabled=False)
    with serving(app) as client:
        assert statuses(client, 5) == [200] * 5


def test_health_and_metrics_have_their_own_classes_and_probes_have_none(migrated_url: str) -> None:
    with service(migrated_url, rate_limit_health="2/minute", rate_limit_metrics="1/minute") as client:
        assert statuses(client, 3, "/health") == [200, 200, 429]
        assert statuses(client, 2, "/metrics") == [200, 429]
        # A platform kills what does not answer its probes.
        assert statuses(client, 5, "/livez") == [200] * 5
        assert statuses(client, 5, "/readyz") == [200] * 5


def test_a_wait_is_never_zero_seconds() -> None:
    async def waits() -> list[int | None]:
        limiter = RateLimiter(make_settings("postgresql://u:p@h/d", rate_limit_read="1/second"))
        return [await limiter.wait_for("read", "a") for _ in range(20)]

    assert all(wait is None or wait >= math.ceil(0.1) for wait in asyncio.run(waits()))
