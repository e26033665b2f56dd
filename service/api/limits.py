"""How much of a body is read."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.forms import is_form
from service.api.problems import respond

TOO_LARGE = 413


class BodyLimitMiddleware:
    """Answers 413 to a larger body: at once when its length is announced, else when the limit is passed.

    `larger` are the paths that have a limit of their own: files of answers are no requests. `forms` are those whose
    multipart forms have one.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, larger: Mapping[str, int], forms: Mapping[str, int] | None = None
    ) -> None:
        self._app, self._max_bytes, self._larger, self._forms = app, max_bytes, larger, forms or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._larger.get(scope["path"], self._max_bytes)
        if scope["path"] in self._forms and is_form(Headers(scope=scope).get("content-type", "")):
            most = self._forms[scope["path"]]
        if _is_announced_larger(scope, most):
            # The body is left unread, so the connection cannot carry another request.
            refusal = HTTPException(TOO_LARGE, headers={"Connection": "close"})
            await respond(Request(scope), refusal)(scope, receive, send)
        else:
            await self._app(scope, _count(receive, most), send)


def _is_announced_larger(scope: Scope, most: int) -> bool:
    announced = Headers(scope=scope).get("content-length", "")
    return announced.isdecimal() and int(announced[:20]) > most


def _count(receive: Receive, most: int) -> Receive:
    received = 0

    async def receive_counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise HTTPException(TOO_LARGE, headers={"Connection": "close"})  # FastAPI lets it through
        return message

    return receive_counted
