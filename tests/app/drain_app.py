"""The service with two slow endpoints, for the tests of draining."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from app.main import create_app
from app.settings import load_settings

SLOW_SECONDS = 2.5


def build() -> FastAPI:
    """The real application, with its real middleware, and requests that take their time."""
    app = create_app(load_settings())

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(SLOW_SECONDS)
        return "finished"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            for number in range(25):
                yield f"{number}\n"
                await asyncio.sleep(SLOW_SECONDS / 25)

        return StreamingResponse(lines(), media_type="text/plain")

    return app
