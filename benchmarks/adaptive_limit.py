"""The adaptive limit against a real server on loopback that allows 20 calls a second, then 5, then 50.

    python -m benchmarks.adaptive_limit [--seconds 40] [--server bucket|window] [--retry-after none|exact|whole]
    python -m benchmarks.adaptive_limit --cost

The first form runs the openai backend behind its Caller, always with another call waiting, and prints which part of
what was allowed was used, and which part of the calls was refused. `--cost` times a turn when nothing is limited.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from service.config import load_settings
from service.errors import BackendOverloaded
from service.grading.call import Caller, CallLog
from service.grading.limits.limit import Limit, LimitPolicy
from service.llm.base import Reply
from service.wiring_models import Models, build_backend
from tests.factories import make_request
from tests.servers.allowance import Allowance, Bucket, Window, allow_in_phases
from tests.servers.limited import run_limited

PER_SECOND = (20, 5, 50)
WORKERS = 100
ROUNDINGS: dict[str, Callable[[float], float] | None] = {"none": None, "exact": float, "whole": math.ceil}


def build_allowance(server: str, retry_after: str, seconds: float) -> Allowance:
    allowed = allow_in_phases(*((seconds, rate) for rate in PER_SECOND))
    rounding = ROUNDINGS[retry_after]
    return Window(allowed, says_when=rounding) if server == "window" else Bucket(allowed, says_when=rounding)


async def keep_asking(caller: Caller, seconds: float) -> int:
    """Bulk calls for so long; how many gave up after their retries."""
    end, given_up, request = time.monotonic() + seconds, 0, make_request()

    async def work() -> None:
        nonlocal given_up
        while time.monotonic() < end:
            try:
                await caller.call(request, CallLog(), math.inf)
            except BackendOverloaded:
                given_up += 1

    tasks = [asyncio.create_task(work()) for _ in range(WORKERS)]
    await asyncio.sleep(seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return given_up


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    allowance = build_allowance(options.server, options.retry_after, options.seconds)
    async with run_limited(allowance, latency_seconds=options.latency_seconds) as provider:
        settings = load_settings(
            _env_file=None, model="openai/good-model", base_url=provider.base_url, data_dir=folder, live_calls=False
        )
        models = Models(settings, build_backend)
        try:
            caller = models.get_caller(None)
            await caller.backend.check_health()  # imports the SDK, which took 20 s of the first phase on a busy machine
            given_up = await keep_asking(caller.for_bulk(), len(PER_SECOND) * options.seconds)
        finally:
            await models.aclose()
    allowed = options.seconds * sum(PER_SECOND)
    return {
        "allowed": allowed,
        "taken": provider.taken,
        "refused": provider.refused,
        "given_up": given_up,
        "used": round(provider.taken / allowed, 3),
        "refused_share": round(provider.refused / (provider.taken + provider.refused), 4),
    }


async def measure_cost(turns: int = 100_000) -> dict[str, float]:
    """Microseconds of a turn taken and given back, with nothing limited and with both ceilings (far away)."""
    request, reply = make_request(), Reply("{}", "m", tokens_in=100, tokens_out=20)
    found = {}
    for name, policy in {
        "unlimited": LimitPolicy(64, reserved_calls=8),
        "with ceilings": LimitPolicy(64, reserved_calls=8, requests_per_minute=1e12, tokens_per_minute=1e15),
    }.items():
        limit = Limit(policy)
        started = time.perf_counter()
        for _ in range(turns):
            limit.leave(await limit.enter(request, is_bulk=True), reply)
        found[name] = round((time.perf_counter() - started) / turns * 1e6, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=40.0, help="of each of the three phases")
    parser.add_argument("--server", choices=("bucket", "window"), default="bucket")
    parser.add_argument("--retry-after", choices=tuple(ROUNDINGS), default="none")
    parser.add_argument("--latency-seconds", type=float, default=0.05)
    parser.add_argument("--cost", action="store_true", help="time a turn instead")
    options = parser.parse_args()
    if options.cost:
        print(json.dumps(asyncio.run(measure_cost())))
        return
    with TemporaryDirectory() as name:
        print(json.dumps(asyncio.run(measure(options, Path(name)))))


if __name__ == "__main__":
    main()
