"""Is it alive, is it ready, how does it do. These need no API key and tell nothing about anybody."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from service.api.metrics import CONTENT_TYPE
from service.api.problems import build_headers, build_response, describe_error
from service.api.responses import document
from service.api.runtime import Runtime, WithRuntime
from service.api.schemas import Health
from service.errors import GraderError, ShuttingDown

router = APIRouter(tags=["health"])
UNAVAILABLE = 503


@router.get("/healthz", operation_id="check_life")
async def check_life() -> Health:
    """The process answers. Restart it when it does not."""
    return Health()


@router.get("/readyz", operation_id="check_readiness", response_model=Health, responses=document(503))
async def check_readiness(request: Request, runtime: WithRuntime) -> Health | Response:
    """The database can be written and the default model is set up. The model is not called.

    503 with the reason when it is not ready, also while the server stops.
    """
    try:
        await check(runtime)
    except GraderError as error:
        return build_response(request, describe_error(request, error, UNAVAILABLE), build_headers(error))
    return Health()


async def check(runtime: Runtime) -> None:
    """Raises a GraderError when the server cannot grade."""
    if runtime.gradings.is_stopping:
        raise ShuttingDown("The service is stopping.")
    await runtime.services.stores.database.check()
    runtime.services.models.get_caller(None)


@router.get(
    "/metrics",
    operation_id="get_metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def get_metrics(runtime: WithRuntime) -> Response:
    """Numbers for Prometheus: grades, backend errors, seconds, tokens, gradings that run, limits, HTTP requests."""
    if runtime.opened is not None:
        runtime.metrics.show_limits(runtime.opened.models.describe_limits())
        runtime.metrics.waiting_recordings.set(runtime.speech.count_waiting())
    return Response(runtime.metrics.render(), media_type=CONTENT_TYPE)
