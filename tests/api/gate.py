"""A model that waits to be let through."""

from __future__ import annotations

import asyncio

from service.llm.base import Request
from tests.api.support import reply_well


class Gate:
    """Call it as a script; `asked` is set at the first request, and nothing is replied before `opened`."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.opened = asyncio.Event()
        self.calls = 0

    async def __call__(self, request: Request) -> str:
        self.calls += 1
        self.asked.set()
        await self.opened.wait()
        return reply_well(request)
