"""What FastAPI does with an exception that leaves a route."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api.problems import (
    build_response,
    describe_refusal,
    describe_validation,
    find_kind,
    respond,
)
from service.api.tracebacks import format_traceback
from service.errors import GraderError

log = structlog.stdlib.get_logger(__name__)


def add_handlers(app: FastAPI) -> None:
    """Every way to fail ends in a problem document."""
    app.add_exception_handler(GraderError, handle_error)
    app.add_exception_handler(RequestValidationError, handle_validation)
    app.add_exception_handler(HTTPException, handle_refusal)
    app.add_exception_handler(Exception, handle_unexpected)


async def handle_error(request: Request, error: Exception) -> Response:
    """One of the project's errors; those of the server's making are logged with their message."""
    assert isinstance(error, GraderError)  # noqa: S101 - as it was registered
    report_error(error)
    return respond(request, error)


async def handle_validation(request: Request, error: Exception) -> Response:
    """A body or parameter that breaks the format."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as it was registered
    return build_response(request, describe_validation(request, error))


async def handle_refusal(request: Request, error: Exception) -> Response:
    """Routing and body reading: 400, 404, 405, 413, 415."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as it was registered
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        error.headers = {"Allow": find_methods(request)}
    return respond(request, error)


async def handle_unexpected(request: Request, error: Exception) -> Response:
    """Anything else is a bug: nothing of it is told, the log has where it happened."""
    report_unexpected(error)
    return build_response(request, describe_refusal(request, 500))


def find_methods(request: Request) -> str:
    """The methods of the path that was matched; the router only knows those of its first match."""
    path = getattr(request.scope.get("route"), "path", "")
    return ", ".join(sorted(method.upper() for method in request.app.openapi()["paths"].get(path, {"get": {}})))


def report_error(error: GraderError) -> None:
    """Logs what an operator can mend; a caller's mistakes are only counted in the access log."""
    if find_kind(type(error)).status >= 500:
        log.warning("request failed", code=error.code, message=str(error))


def report_unexpected(error: BaseException) -> None:
    """Logs a bug."""
    log.error("unexpected failure", failure=type(error).__name__, traceback=format_traceback(error))
