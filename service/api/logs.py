"""Logs: what was done, for how long, with which outcome. Never what was said: no bodies, no query strings, no names.

Vendors' loggers are kept at warnings whatever level is set: at debug they write requests, answers included.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from typing import TextIO
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.types import EventDict, Processor

from service.api.metrics import Metrics
from service.api.tracebacks import format_traceback
from service.config import Settings

OWN_LOGGERS = ("service", "uvicorn")
TALKATIVE = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "litellm", "openai", "httpx", "httpcore")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")

log = structlog.stdlib.get_logger(__name__)


def configure_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Sends all logs of the process to the stream (stderr), one line each. It is global: for the one that serves."""
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _withhold_messages,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _choose_renderer(settings, stream)],
        )
    )
    _set_levels(settings.log_level.upper(), handler)


def _choose_renderer(settings: Settings, stream: TextIO) -> Processor:
    if settings.log_format == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _set_levels(level: str, handler: logging.Handler) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level)
    for name in TALKATIVE:  # their errors reach us as exceptions; their messages may quote a provider's reply
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.getLogger("uvicorn.error").addFilter(_drop_reported)


def _drop_reported(record: logging.LogRecord) -> bool:
    """uvicorn logs an exception that handlers.py has logged before, with the request's id."""
    return not str(record.msg).startswith("Exception in ASGI application")


def _withhold_messages(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Replaces `exc_info` by a traceback without messages and variables."""
    found = event.pop("exc_info", None)
    error = found[1] if isinstance(found, tuple) else sys.exc_info()[1] if found is True else found
    if isinstance(error, BaseException):
        event["traceback"] = format_traceback(error)
    return event


def choose_request_id(asked: str | None) -> str:
    """The caller's id when it is one, else a new one."""
    return asked if asked and REQUEST_ID.fullmatch(asked) else uuid4().hex


class AccessLogMiddleware:
    """One line a request, and the id that ties it to the answer (X-Request-ID)."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = choose_request_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = request_id
        status, started = 500, time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            finally:
                self._report(scope, status, time.perf_counter() - started)

    def _report(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        self._metrics.count_request(scope["method"], route, status)
        details = {name: scope["state"][name] for name in ("problem",) if name in scope["state"]}
        log.info("request", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1), **details)
