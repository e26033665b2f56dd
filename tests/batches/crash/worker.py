"""A worker alone in its process, as `interview-grader worker` runs it, with a quick pulse.

`HASTE` in its environment shortens the waits for a backend that is down by that factor: ten minutes pass in seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from service.batches import breaker
from service.batches.leases import Pulse
from service.wiring import open_services
from service.wiring_worker import open_worker
from tests.batches.rig import make_settings

QUICK = Pulse(beat_seconds=0.3, lease_seconds=1.5, looks=10)


def hurry(factor: float) -> None:
    usual = breaker.BreakerPolicy()
    breaker.BreakerPolicy = partial(  # type: ignore[assignment,misc]
        breaker.BreakerPolicy,
        first_wait_seconds=usual.first_wait_seconds / factor,
        longest_wait_seconds=usual.longest_wait_seconds / factor,
    )


async def work(given: dict[str, Any]) -> None:
    hurry(float(os.environ.get("HASTE", "1")))
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    changes = {"shutdown_seconds": 5} | given["changes"]
    settings = make_settings(Path(given["folder"]), given["base_url"], given["database_url"], **changes)
    async with open_services(settings) as services, open_worker(services, pulse=QUICK):
        print("READY", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(work(json.loads(sys.argv[1])))
