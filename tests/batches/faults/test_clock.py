"""The wall clock of a worker jumps while it grades: an hour ahead, and back again."""

from __future__ import annotations

import asyncio
import json
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest

from service.config import Settings
from service.wiring import now, open_services
from service.wiring_batches import Progress, open_batches
from tests.batches.crash.looking import check, check_exports, fill, is_finished, is_ready, list_trail, wait_for_calls
from tests.batches.rig import WorkerProcess, make_settings, run_faulty_provider, wait_until

COUNT = 600
HOUR = 3600.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class ShiftedClock:
    """Shifts the wall clock of processes that are started with `variables`; C programs and SQLite see it, too."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        assert compiler is not None, "shifting a clock needs a C compiler: scripts/test-slow installs one"
        library = folder / "clock.so"
        source = Path(__file__).with_name("clock.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        self._file = folder / "clock"
        self.variables = {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(self._file)}
        self._file.write_bytes(struct.pack("d", 0.0))

    def set(self, seconds: float) -> None:
        with self._file.open("r+b") as file:  # in place: the process has it mapped
            file.write(struct.pack("d", seconds))


def test_the_clock_is_shifted_for_python_and_for_sqlite(tmp_path: Path) -> None:
    clock = ShiftedClock(tmp_path)
    clock.set(-HOUR)
    code = (
        "import json, time, sqlite3, datetime as d; m = time.monotonic();"
        "s = sqlite3.connect(':memory:').execute(\"SELECT unixepoch('now')\").fetchone()[0];"
        "print(json.dumps([time.time(), d.datetime.now(d.UTC).timestamp(), s, m]))"
    )
    done = subprocess.run(
        [shutil.which("python3") or "python3", "-c", code], env=clock.variables, capture_output=True, check=True
    )
    *walls, monotonic = json.loads(done.stdout)
    assert all(-HOUR - 30 < wall - time.time() < -HOUR + 30 for wall in walls)
    assert abs(monotonic - time.monotonic()) < 30


async def _read_progress(settings: Settings, looks: int) -> list[Progress]:
    async with open_services(settings) as services, open_batches(services) as batches:
        found = []
        for _ in range(looks):
            found.append(await batches.progress("bat_1"))
            await asyncio.sleep(0.6)
        return found


@pytest.mark.parametrize("jumps", [(HOUR, 0.0), (-HOUR, 0.0)], ids=["ahead and back", "back and ahead"])
def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, jumps: tuple[float, ...]) -> None:
    clock = ShiftedClock(tmp_path)
    with run_faulty_provider(tmp_path, latency_seconds=0.2) as provider:
        settings = make_settings(tmp_path, provider.base_url)
        asyncio.run(fill(settings, COUNT))
        worker = WorkerProcess(settings, tmp_path / "log", clock.variables)
        try:
            wait_until(lambda: is_ready(tmp_path / "log"), 60, "not ready")
            for shift in jumps:
                wait_for_calls(provider, 100)
                clock.set(shift)
                for progress in asyncio.run(_read_progress(settings, 4)):
                    assert progress.is_working is not False
                    assert progress.rate is None or 0 <= progress.rate < 1_000
                    assert progress.eta_seconds is None or 0 <= progress.eta_seconds < HOUR
            wait_until(is_finished(settings), 60, "not finished")
        finally:
            worker.stop()
        assert b"lease_lost" not in (tmp_path / "log").read_bytes()
        assert b"worker_lost" not in (tmp_path / "log").read_bytes()
        check(settings, provider, COUNT, 0)
        check_exports(settings, COUNT)


def test_a_batch_that_ends_in_the_past_keeps_its_order(tmp_path: Path) -> None:
    """A worker whose clock is an hour behind ends a batch before its beginning: the trail stays whole and in order."""
    clock = ShiftedClock(tmp_path)
    clock.set(-HOUR)
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(tmp_path, provider.base_url)
        asyncio.run(_pause_and_resume(settings))
        worker = WorkerProcess(settings, tmp_path / "log", clock.variables)
        try:
            wait_until(is_finished(settings), 60, "not finished")
        finally:
            worker.stop()
        entries = list_trail(settings)
        assert [entry.action for entry in entries] == ["batch.paused", "batch.resumed", "batch.finished"]
        assert entries[-1].at < entries[0].at <= now()
        check(settings, provider, 50, 0)


async def _pause_and_resume(settings: Settings) -> None:
    await fill(settings, 50)
    async with open_services(settings) as services, open_batches(services) as batches:
        await batches.pause("bat_1", "local")
        await batches.resume("bat_1", "local")
