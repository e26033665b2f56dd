"""A run that is stopped, by a person or by an error: what is under way ends and is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from service.config import Settings
from service.errors import (
    BackendKeyRejected,
)
from service.evaluation.folder import list_runs
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from service.wiring_evals import RunOrder
from tests.evaluation.making import (
    count_up,
    open_with,
    read_jsonl,
    reply_well,
    run_set,
    write_set,
)


async def test_interruption_keeps_what_is_done(settings: Settings, eval_set: Path) -> None:
    calls: list[int] = []

    async def wait_at_five(number: int, request: Request) -> str:
        if number >= 5:
            await asyncio.Event().wait()
        return reply_well(request)

    running = asyncio.create_task(run_set(settings, eval_set, ScriptedBackend(count_up(calls, wait_at_five))))
    while len(calls) < 8:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    backend = ScriptedBackend(reply_well)
    run = await run_set(settings, eval_set, backend)
    assert len(backend.requests) == 5
    assert run.read_finished().scored == 9


async def test_backend_that_never_waits_can_be_interrupted(settings: Settings, tmp_path: Path) -> None:
    backend = ScriptedBackend(reply_well)
    running = asyncio.create_task(run_set(settings, write_set(tmp_path / "large", 60), backend))
    while not backend.requests:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(backend.requests) < 10


class Gate:
    """A script that answers the first calls and holds the others until it is opened."""

    def __init__(self, at_once: int) -> None:
        self.calls = 0
        self.is_open = asyncio.Event()
        self._at_once = at_once

    async def reply(self, request: Request) -> str:
        self.calls += 1
        if self.calls > self._at_once:
            await self.is_open.wait()
        return reply_well(request)

    async def wait_for(self, calls: int) -> None:
        while self.calls < calls:
            await asyncio.sleep(0)


async def test_stop_keeps_what_is_under_way_and_begins_nothing(settings: Settings, eval_set: Path) -> None:
    gate = Gate(1)
    async with open_with(settings, ScriptedBackend(gate.reply)) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(eval_set)))
        running = asyncio.create_task(evaluation.run(run))
        await gate.wait_for(5)
        assert evaluation.stop.under_way == 4
        evaluation.stop.ask()
        gate.is_open.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert evaluation.stop.under_way == 0
        assert len(read_jsonl(run.path / "grades.jsonl")) == 5
    backend = ScriptedBackend(reply_well)
    assert (await run_set(settings, eval_set, backend)).read_finished().scored == 9
    assert len(backend.requests) == 4


async def test_stop_at_the_last_case_finishes_the_run(settings: Settings, tmp_path: Path) -> None:
    gate = Gate(1)
    async with open_with(settings, ScriptedBackend(gate.reply)) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(write_set(tmp_path / "small", 3))))
        running = asyncio.create_task(evaluation.run(run))
        await gate.wait_for(3)
        evaluation.stop.ask()
        gate.is_open.set()
        assert (await running).scored == 3


async def test_what_ends_a_run_lets_the_calls_in_flight_end(settings: Settings, eval_set: Path) -> None:
    gate, calls = Gate(0), []

    async def reply(request: Request) -> str:
        calls.append(1)
        if len(calls) == 1:
            gate.calls += 1
            return reply_well(request)
        if len(calls) == 2:
            await gate.wait_for(4)
            asyncio.get_running_loop().call_soon(gate.is_open.set)
            raise BackendKeyRejected("Revoked.")
        return await gate.reply(request)

    with pytest.raises(BackendKeyRejected, match=r"^Revoked\."):
        await run_set(settings, eval_set, ScriptedBackend(reply))
    assert len(calls) == 5
    run = list_runs(settings.runs)[0]
    assert len(read_jsonl(run.path / "replies.jsonl")) == len(read_jsonl(run.path / "grades.jsonl")) == 4
