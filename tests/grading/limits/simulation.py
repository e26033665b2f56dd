"""The real Caller against a provider with an allowance, in virtual time."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field

from service.errors import BackendError, BackendOverloaded
from service.grading.call import Caller, CallLog, CallPolicy
from service.grading.limits.limit import Limit, LimitPolicy
from service.llm.base import Health, Reply, Request
from tests.factories import make_request
from tests.grading.limits.virtual import run_virtually
from tests.servers.allowance import Allowance

REQUEST = make_request()


@dataclass
class AllowanceBackend:
    """Asks the allowance half-way through each call; counts what was taken and what was refused."""

    allowance: Allowance
    latency_seconds: float = 0.05
    name: str = "allowance"
    notice: str | None = None
    taken: int = 0
    refused: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)

    async def complete(self, request: Request) -> Reply:
        loop = asyncio.get_running_loop()
        self.sent.append(loop.time())
        await asyncio.sleep(0.025)
        is_taken, after_seconds = self.allowance.ask(loop.time())
        if not is_taken:
            self.refused.append(loop.time())
            await asyncio.sleep(0.025)
            raise BackendOverloaded("Too many.", after_seconds)
        self.taken += 1
        await asyncio.sleep(self.latency_seconds - 0.025)
        return Reply("{}", "m", tokens_in=100, tokens_out=20)

    async def check_health(self) -> Health:
        return Health("m", "Fine.")

    async def aclose(self) -> None:
        """Nothing to close."""


async def keep_asking(caller: Caller, seconds: float, workers: int = 100) -> int:
    """Calls without end from many workers, as a batch does; how many ended in an error other than "busy"."""
    loop = asyncio.get_running_loop()
    end, failed = loop.time() + seconds, 0

    async def work() -> None:
        nonlocal failed
        while loop.time() < end:
            try:
                await caller.call(REQUEST, CallLog(), math.inf)
            except BackendOverloaded:
                await asyncio.sleep(0.5)  # as a batch does: the answer waits and is asked again
            except BackendError:
                failed += 1

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return failed


def simulate(allowance: Allowance, seconds: float, latency_seconds: float = 0.05) -> AllowanceBackend:
    """The backend after so many virtual seconds of bulk calls."""
    backend = AllowanceBackend(allowance, latency_seconds)

    async def main() -> int:
        limit = Limit(LimitPolicy(64, reserved_calls=8))
        caller = Caller(backend, CallPolicy(), 64, draw_jitter=lambda: 0.5, limit=limit).for_bulk()
        return await keep_asking(caller, seconds)

    assert run_virtually(main()) == 0
    return backend
