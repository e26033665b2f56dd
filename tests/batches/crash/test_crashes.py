"""Workers are killed, frozen and cut off in mid-work, on both databases: nothing is lost, nothing is stored twice.

The short form runs in CI. `CRASH_KILLS=50` is the long one; its figures are in the notes.
"""

from __future__ import annotations

import asyncio
import os
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.batches.crash.commands import ServerProcess
from tests.batches.crash.looking import check, check_exports, fill, is_finished, is_ready, wait_for_calls
from tests.batches.rig import WorkerProcess, make_settings, run_faulty_provider, wait_until

KILLS = int(os.environ.get("CRASH_KILLS", "6"))
ANSWERS_A_KILL = 150

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 45 * KILLS)]


@pytest.mark.parametrize(
    ("start", "kills", "seed"),
    [(WorkerProcess, KILLS, 1), (ServerProcess, max(2, KILLS // 3), 3)],
    ids=["worker", "server"],
)
def test_sqlite_survives_kills(
    tmp_path: Path, start: type[WorkerProcess] | type[ServerProcess], kills: int, seed: int
) -> None:
    count, draws = ANSWERS_A_KILL * kills, random.Random(seed)
    with run_faulty_provider(tmp_path, fault_share=0.2) as provider:
        settings = make_settings(tmp_path, provider.base_url)
        asyncio.run(fill(settings, count))
        for _ in range(kills):
            process = start(settings, tmp_path / "log")
            wait_for_calls(provider, draws.randrange(1, 130))
            process.kill()
        process = start(settings, tmp_path / "log")
        try:
            wait_until(is_finished(settings), 90 + count / 40, "not finished")
        finally:
            process.stop()
        check(settings, provider, count, kills)
        check_exports(settings, count)


def test_postgres_survives_kills_of_either_worker(tmp_path: Path, crash_postgres: Any) -> None:
    count, draws = ANSWERS_A_KILL * KILLS, random.Random(2)
    with run_faulty_provider(tmp_path, fault_share=0.2) as provider:
        settings = make_settings(tmp_path, provider.base_url, crash_postgres.get_uri())
        asyncio.run(fill(settings, count))
        workers = [WorkerProcess(settings, tmp_path / f"log{n}") for n in range(2)]
        try:
            for number in range(KILLS):
                wait_for_calls(provider, draws.randrange(1, 130))
                one = number % 2
                workers[one].kill()
                workers[one] = WorkerProcess(settings, tmp_path / f"log{one}")
            wait_until(is_finished(settings), 90 + count / 40, "not finished")
        finally:
            for worker in workers:
                worker.stop()
        check(settings, provider, count, KILLS)
        check_exports(settings, count)


def test_a_frozen_worker_is_taken_over_and_pays_for_nothing_more(tmp_path: Path, crash_postgres: Any) -> None:
    count = 600
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(tmp_path, provider.base_url, crash_postgres.get_uri())
        asyncio.run(fill(settings, count))
        workers = [WorkerProcess(settings, tmp_path / f"log{n}") for n in range(2)]
        try:
            for number in range(2):
                wait_until(partial(is_ready, tmp_path / f"log{number}"), 60, "not ready")
            wait_for_calls(provider, 100)
            workers[0].freeze()
            # 12 s until its silence is noticed and its sessions are ended, and the work
            wait_until(is_finished(settings), 90, "not taken over")
            workers[0].thaw()
        finally:
            for worker in workers:
                worker.stop()
        # A turn ends with the reply: besides the calls in flight, those being stored are asked again by others.
        check(settings, provider, count, 2)


def test_postgres_is_restarted_in_mid_run(tmp_path: Path, crash_postgres: Any) -> None:
    count = 500
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(tmp_path, provider.base_url, crash_postgres.get_uri())
        asyncio.run(fill(settings, count))
        worker = WorkerProcess(settings, tmp_path / "log")
        try:
            wait_for_calls(provider, 100)
            crash_postgres.restart()
            wait_until(is_finished(settings), 90 + count / 40, "not finished")
        finally:
            worker.stop()
        check(settings, provider, count, 0)
