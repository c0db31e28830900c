"""`python -m bench.query`: how long `POST /v1/query` takes over 50,000 chunks at 20 requests a second.

Fresh PostgreSQL, real gunicorn, loopback only, ends by itself after about two minutes. The floor is measured at the
same time and under the same load: `/livez` (HTTP without work) and `SELECT 1` (a round trip to the database).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg

from app.tenancy.keys import generate_key
from bench.corpus import SyntheticCorpus
from bench.machine import describe_machine
from bench.measure import Load, Summary, open_loop
from bench.service import fill, migrate, service_environment, web
from tests.postgres import postgres_server

RESULTS = Path(__file__).parent / "results"
SEED = 20_260_101
TARGET_P99_MS = 500.0
_WARM_UP_SECONDS = 5.0
_FLOOR_PER_SECOND = 4.0


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure."""

    chunks: int
    per_second: float
    seconds: float
    workers: int


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The three loads of one run, and what the service itself said of its answers."""

    query: Load
    livez: Load
    select_one: Load
    retrieval_ms: list[float]
    generation_ms: list[float]
    answered: int


async def measure(url: str, database_url: str, key: str, questions: list[str], options: Options) -> Measured:
    """Send the questions on schedule, and the floor's requests between them."""
    retrieval: list[float] = []
    generation: list[float] = []
    answered = 0
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
    async with (
        httpx.AsyncClient(base_url=url, timeout=10, trust_env=False, limits=limits) as client,
        await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection,
    ):

        async def ask(number: int) -> None:
            nonlocal answered
            response = await client.post(
                "/v1/query",
                json={"query": questions[number % len(questions)]},
                headers={"Authorization": f"Bearer {key}"},
            )
            if not response.is_success:
                raise RuntimeError(f"status {response.status_code}")
            body = response.json()
            retrieval.append(body["metadata"]["retrieval_ms"])
            generation.append(body["metadata"]["generation_ms"])
            answered += bool(body["answered"])

        async def livez(_: int) -> None:
            (await client.get("/livez")).raise_for_status()

        async def select_one(_: int) -> None:
            await connection.execute("SELECT 1")

        await open_loop(ask, per_second=options.per_second, seconds=_WARM_UP_SECONDS)
        retrieval.clear()
        generation.clear()
        answered = 0
        query, alive, one = await asyncio.gather(
            open_loop(ask, per_second=options.per_second, seconds=options.seconds),
            open_loop(livez, per_second=_FLOOR_PER_SECOND, seconds=options.seconds),
            open_loop(select_one, per_second=_FLOOR_PER_SECOND, seconds=options.seconds),
        )
    return Measured(
        query=query,
        livez=alive,
        select_one=one,
        retrieval_ms=retrieval,
        generation_ms=generation,
        answered=answered,
    )


def run(options: Options) -> dict[str, object]:
    """Build everything, measure, and return what is to be kept."""
    machine = describe_machine()
    for name, value in machine.items():
        print(f"{name:12} {value}")
    corpus, key = SyntheticCorpus(SEED), generate_key()
    with postgres_server() as server:
        database_url = server.create_database("bench")
        environment = service_environment(database_url, key, workers=options.workers)
        migrate(environment)
        began = time.monotonic()
        fill(database_url, corpus, options.chunks)
        print(f"{'corpus':12} {options.chunks} chunks of 120 to 200 words, loaded in {time.monotonic() - began:.1f} s")
        settings = _server_settings(database_url)
        print(f"{'postgresql':12} " + ", ".join(f"{name} {value}" for name, value in settings.items()))
        questions = [corpus.question() for _ in range(1000)]
        with web(environment) as url:
            measured = asyncio.run(measure(url, database_url, key, questions, options))
    return report(machine, settings, options, measured)


def _server_settings(database_url: str) -> dict[str, str]:
    names = ("server_version", "shared_buffers", "fsync", "jit")
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (list(names),))
        return {str(name): str(value) for name, value in rows.fetchall()}


def report(
    machine: dict[str, str], settings: dict[str, str], options: Options, measured: Measured
) -> dict[str, object]:
    """Print the figures and return them."""
    loads = {"query": measured.query, "livez": measured.livez, "select 1": measured.select_one}
    summaries = {name: Summary.of(load.milliseconds) for name, load in loads.items()}
    summaries["retrieval"] = Summary.of(measured.retrieval_ms)
    summaries["generation"] = Summary.of(measured.generation_ms)
    print(f"\n{options.per_second:g} requests/s for {options.seconds:g} s, {options.workers} web workers")
    for name, summary in summaries.items():
        print(f"{name:12} {summary.line()}")
    query = summaries["query"]
    ratios = {f"query / {name}": round(query.p50 / summaries[name].p50, 1) for name in ("livez", "select 1")}
    errors = {name: load.errors for name, load in loads.items()}
    print(f"{'p50 ratios':12} " + ", ".join(f"{name} {value}" for name, value in ratios.items()))
    print(f"{'answered':12} {measured.answered} of {query.count}")
    failed = sum(sum(kinds.values()) for kinds in errors.values())
    print(f"{'errors':12} {failed} {errors if failed else ''}")
    verdict = "met" if query.p99 < TARGET_P99_MS and not measured.query.errors else "MISSED"
    print(f"{'target':12} P99 below {TARGET_P99_MS:g} ms and no error: {verdict}")
    return {
        "machine": machine,
        "postgresql": settings,
        "options": asdict(options),
        "milliseconds": {name: asdict(summary) for name, summary in summaries.items()},
        "ratios": ratios,
        "answered": measured.answered,
        "errors": errors,
        "target": {"p99_ms": TARGET_P99_MS, "verdict": verdict},
    }


def main() -> int:
    """Measure and write the result; 1 when a request failed or the target was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.query", description=__doc__)
    parser.add_argument("--chunks", type=int, default=50_000)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    result = run(
        Options(
            chunks=arguments.chunks,
            per_second=arguments.rate,
            seconds=arguments.seconds,
            workers=arguments.workers,
        )
    )
    now = datetime.now(tz=UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"query-{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"measured_at": now.isoformat(), **result}, indent=2) + "\n")
    print(f"{'kept in':12} {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    target = result["target"]
    return 0 if isinstance(target, dict) and target["verdict"] == "met" else 1


if __name__ == "__main__":
    sys.exit(main())
