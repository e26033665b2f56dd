"""The loopback provider with an allowance: what is over it gets a 429, with or without Retry-After."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.servers.allowance import Allowance
from tests.servers.faults import Answer, make_error
from tests.servers.provider import Provider


class LimitedProvider(Provider):
    """Counts calls `taken` and `refused`; the allowance's clock starts with the first call."""

    def __init__(self, allowance: Allowance, *, latency_seconds: float = 0.05) -> None:
        super().__init__(latency_seconds=latency_seconds, keeps_requests=False)
        self.taken = self.refused = 0
        self._allowance = allowance
        self._began: float | None = None

    def choose_answer(self, head: bytes, body: bytes) -> tuple[Answer, float]:
        if head.startswith(b"GET"):
            return super().choose_answer(head, body)
        now = asyncio.get_running_loop().time()
        self._began = now if self._began is None else self._began
        is_taken, after_seconds = self._allowance.ask(now - self._began)
        if is_taken:
            self.taken += 1
            return super().choose_answer(head, body)
        self.refused += 1
        header = "" if after_seconds is None else f"Retry-After: {after_seconds:.3f}\r\n"
        return Answer(429, make_error("rate_limit_exceeded"), header), 0.0


@contextlib.asynccontextmanager
async def run_limited(allowance: Allowance, *, latency_seconds: float = 0.05) -> AsyncIterator[LimitedProvider]:
    """A limited provider in this event loop."""
    provider = LimitedProvider(allowance, latency_seconds=latency_seconds)
    await provider.start()
    try:
        yield provider
    finally:
        await provider.stop()
