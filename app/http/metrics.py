"""GET /metrics."""

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.http.ratelimit import limit
from app.http.state import services

router = APIRouter(tags=["health"])


@router.get("/metrics", dependencies=[Depends(limit("metrics"))], response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus text: requests, latencies, the connection pool and the ingestion queue; nothing of any tenant."""
    own = services(request)
    text = own.metrics.text(own.settings.prometheus_multiproc_dir, await own.queue.state())
    return Response(text, media_type=CONTENT_TYPE_LATEST)
