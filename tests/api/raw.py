"""A request made by hand, whose client can leave while it is answered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import FastAPI
from starlette.types import Message

from tests.api.support import BODY


class RawRequest:
    """One POST /v1/grades, or a GET of another path; `messages` is what was answered so far."""

    def __init__(self, app: FastAPI, path: str = "/v1/grades", **headers: str) -> None:
        self.messages: list[Message] = []
        self._left = asyncio.Event()
        self._news = asyncio.Event()
        is_grading = path == "/v1/grades"
        self._body = json.dumps(BODY).encode() if is_grading else b""
        fields = {"host": "127.0.0.1", "content-type": "application/json", **headers}
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST" if is_grading else "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "server": ("127.0.0.1", 80),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()],
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    def leave(self) -> None:
        self._left.set()

    async def wait_for_body(self) -> None:
        """Returns when the answer has begun."""
        await self._news.wait()

    async def _receive(self) -> Message:
        if self._body:
            body, self._body = self._body, b""
            return {"type": "http.request", "body": body, "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.messages.append(message)
        if message["type"] == "http.response.body":
            self._news.set()
