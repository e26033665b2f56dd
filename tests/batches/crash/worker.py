"""A worker alone in its process, as `interview-grader worker` runs it, with a quick pulse."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from service.batches.leases import Pulse
from service.wiring import open_services
from service.wiring_worker import open_worker
from tests.batches.rig import make_settings

QUICK = Pulse(beat_seconds=0.3, lease_seconds=1.5, looks=10)


async def work(given: dict[str, str]) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    settings = make_settings(Path(given["folder"]), given["base_url"], given["database_url"], shutdown_seconds=5)
    async with open_services(settings) as services, open_worker(services, pulse=QUICK):
        print("READY", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(work(json.loads(sys.argv[1])))
