"""The last question before a call: may this worker still ask for this batch? However long the call waited its turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from service.llm.base import Backend, Health, Reply, Request


class Withdrawn(Exception):
    """The call was not made: the batch stands still, or the chunk is another worker's now."""


class GatedBackend:
    """A backend that asks `may_ask` before each call, retries included. Raises Withdrawn when it says no."""

    def __init__(self, backend: Backend, may_ask: Callable[[], Awaitable[bool]]) -> None:
        self.name = backend.name
        self.notice = backend.notice
        self._backend = backend
        self._may_ask = may_ask

    async def complete(self, request: Request) -> Reply:
        if not await self._may_ask():
            raise Withdrawn
        return await self._backend.complete(request)

    async def check_health(self) -> Health:
        return await self._backend.check_health()

    async def aclose(self) -> None:
        """The backend is shared: whoever made it closes it."""
