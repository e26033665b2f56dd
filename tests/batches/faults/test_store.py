"""The database goes away, or has no space, while a real worker stores grades in it."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.config import Settings
from service.domain.batch import BatchState
from tests.batches.crash.commands import run_command
from tests.batches.crash.looking import check, check_exports, fill, is_finished, look, wait_for_calls
from tests.batches.crash.postgres import Postgres
from tests.batches.rig import FaultyProvider, WorkerProcess, make_settings, run_faulty_provider, wait_until

COUNT = 500
AWAY_SECONDS = 10.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def watch_calls(provider: FaultyProvider, seconds: float) -> int:
    """How many calls are made in that time, after a moment: a store that is slow for a second is taken for away."""
    time.sleep(3)
    before = provider.calls
    time.sleep(seconds - 3)
    return provider.calls - before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill_disk(folder: Path) -> Path:
    """A file that takes all the space there is."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def test_a_full_disk_loses_no_grade_that_was_paid(tmp_path: Path, small_disk: Path) -> None:
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(small_disk, provider.base_url)
        asyncio.run(fill(settings, COUNT))
        worker = WorkerProcess(settings, tmp_path / "log")
        try:
            wait_for_calls(provider, 100)
            ballast = fill_disk(small_disk)
            assert watch_calls(provider, AWAY_SECONDS) == 0
            found = look(settings)
            assert (found.batch.state, found.counts.failed) == (BatchState.RUNNING, 0)
            shown = run_command(settings, "doctor", fails=True)
            assert "FAIL disk: 0 MB free in" in shown
            print(run_command(settings, "batches", "show", "bat_1"))
            ballast.unlink()
            wait_until(is_finished(settings), 60, "did not go on when there was space")
        finally:
            worker.stop()
        check(settings, provider, COUNT, 0)
        check_exports(settings, COUNT)
        assert b"store_away" in (tmp_path / "log").read_bytes()


def test_sqlite_that_another_process_locks_is_waited_for(tmp_path: Path) -> None:
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(tmp_path, provider.base_url)
        asyncio.run(fill(settings, COUNT))
        worker = WorkerProcess(settings, tmp_path / "log")
        try:
            wait_for_calls(provider, 100)
            locks = [sqlite3.connect(tmp_path / name, timeout=20) for name in ("grader.db", "workflows.db")]
            for lock in locks:
                lock.execute("BEGIN EXCLUSIVE")
            assert watch_calls(provider, AWAY_SECONDS) == 0
            for lock in locks:
                lock.rollback()
                lock.close()
            wait_until(is_finished(settings), 60, "did not go on")
        finally:
            worker.stop()
        check(settings, provider, COUNT, 0)
        check_exports(settings, COUNT)


def run_through(settings: Settings, provider: FaultyProvider, log: Path, server: Postgres, mode: str) -> None:
    worker = WorkerProcess(settings, log)
    try:
        wait_for_calls(provider, 100)
        server.stop(mode)
        assert watch_calls(provider, AWAY_SECONDS) == 0
        server.start()
        wait_until(is_finished(settings), 60, "did not go on")
    finally:
        worker.stop()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgres_that_is_stopped_and_started(tmp_path: Path, crash_postgres: Postgres, mode: str) -> None:
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(tmp_path, provider.base_url, crash_postgres.get_uri())
        asyncio.run(fill(settings, COUNT))
        run_through(settings, provider, tmp_path / "log", crash_postgres, mode)
        check(settings, provider, COUNT, 0)
        check_exports(settings, COUNT)
