"""The backend goes away, or turns the key down, while a real worker asks it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from service.config import Settings
from service.domain.batch import BatchState, PauseReason
from tests.batches.crash.commands import run_command
from tests.batches.crash.looking import (
    check,
    check_exports,
    fill,
    is_finished,
    is_in,
    list_trail,
    look,
    wait_for_calls,
    wait_for_good_calls,
)
from tests.batches.rig import IN_FLIGHT, FaultyProvider, WorkerProcess, make_settings, run_faulty_provider, wait_until
from tests.servers.faults import Fault

HASTE = 40.0
DOWN_SECONDS = 600 / HASTE
ATTEMPTS = 4
LONGEST_RETRY_SECONDS = 20 / HASTE
# What is in flight fails with all its attempts; then one answer at a time asks, 0.5 to 30 s (/ HASTE) apart.
MOST_CALLS_WHILE_DOWN = ATTEMPTS * (IN_FLIGHT + 6 + 600 // 30)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def start_hasty_worker(settings: Settings, log: Path) -> WorkerProcess:
    return WorkerProcess(settings, log, {"HASTE": str(HASTE)}, longest_wait_seconds=LONGEST_RETRY_SECONDS)


def rest_of_outage(settings: Settings, since: float) -> None:
    """Until ten minutes (/ HASTE) are over; all the while the batch runs and nothing of it fails."""
    while time.monotonic() - since < DOWN_SECONDS:
        time.sleep(1)
        found = look(settings)
        assert (found.batch.state, found.counts.failed, found.counts.unscored) == (BatchState.RUNNING, 0, 0)


def test_ten_minutes_of_server_errors_are_sat_out(tmp_path: Path) -> None:
    count = 400
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(tmp_path, provider.base_url)
        asyncio.run(fill(settings, count))
        worker = start_hasty_worker(settings, tmp_path / "log")
        try:
            wait_for_good_calls(provider, 100)
            provider.always = Fault.SERVER_ERROR
            rest_of_outage(settings, time.monotonic())
            calls_while_down, provider.always = provider.failed, None
            wait_until(is_finished(settings), 30, "did not go on by itself")
        finally:
            worker.stop()
        print(f"calls while down: {calls_while_down}, at most {MOST_CALLS_WHILE_DOWN}")
        assert calls_while_down <= MOST_CALLS_WHILE_DOWN
        check(settings, provider, count, 0)
        check_exports(settings, count)
        assert b"backend_down" in (tmp_path / "log").read_bytes()
        assert b"backend_back" in (tmp_path / "log").read_bytes()


def test_a_server_that_is_gone_and_comes_back(tmp_path: Path) -> None:
    count = 400
    with run_faulty_provider(tmp_path) as provider:
        settings = make_settings(tmp_path, provider.base_url)
        asyncio.run(fill(settings, count))
        worker = start_hasty_worker(settings, tmp_path / "log")
        try:
            wait_for_good_calls(provider, 100)
            provider.call_off()
            rest_of_outage(settings, time.monotonic())
            provider.come_back()
            wait_until(is_finished(settings), 30, "did not go on by itself")
        finally:
            worker.stop()
        check(settings, provider, count, 1)  # it hung up on the calls in flight, and had counted them
        check_exports(settings, count)


def start_with_key(settings: Settings, log: Path, key: str) -> WorkerProcess:
    return WorkerProcess(settings, log, api_key=key)


def check_pause(settings: Settings, provider: FaultyProvider) -> int:
    """The batch says what to do; no call is made while it stands still. How many answers are graded."""
    wait_until(is_in(settings, BatchState.PAUSED), 30, "not paused")
    found = look(settings)
    assert found.batch.pause_reason is PauseReason.KEY_REJECTED
    assert (found.counts.failed, found.counts.unscored) == (0, 0)
    shown = run_command(settings, "batches", "show", "bat_1")
    assert "paused (key rejected)" in shown
    assert "GRADER_API_KEY" in shown
    assert "Next: interview-grader batches resume bat_1" in shown
    calls = provider.calls
    time.sleep(2)
    assert provider.calls == calls
    return found.counts.scored


def test_a_key_that_is_revoked_half_way(tmp_path: Path) -> None:
    count = 400
    with run_faulty_provider(tmp_path) as provider:
        provider.key = "old"
        settings = make_settings(tmp_path, provider.base_url)
        asyncio.run(fill(settings, count))
        worker = start_with_key(settings, tmp_path / "log", "old")
        try:
            wait_for_calls(provider, 100)
            provider.key = "new"
            scored = check_pause(settings, provider)
            assert scored == provider.calls - provider.failed  # whatever was answered is stored
            assert provider.failed <= IN_FLIGHT + 1
            run_command(settings, "batches", "resume", "bat_1")  # too soon
            assert check_pause(settings, provider) == scored
        finally:
            worker.stop()
        worker = start_with_key(settings, tmp_path / "log", "new")
        try:
            assert check_pause(settings, provider) == scored  # a new key alone lets nothing go on
            run_command(settings, "batches", "resume", "bat_1")
            wait_until(is_finished(settings), 30, "did not go on with the new key")
        finally:
            worker.stop()
        actions = [entry.action for entry in list_trail(settings)]
        assert actions == ["batch.paused", "batch.resumed", "batch.paused", "batch.resumed", "batch.finished"]
        check(settings, provider, count, 0)
        check_exports(settings, count)
