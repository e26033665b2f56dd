"""A worker on a real database, with an engine in memory and a backend that does what a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.batches.chunk import ChunkTools
from service.batches.engine import RunChunk, Work
from service.batches.leases import Pulse, Slot, read_clock
from service.batches.plans import Planner
from service.batches.worker import Worker, WorkerSetup
from service.domain.batch import AnswerState, Batch, BatchState, Counts, PauseReason
from service.domain.grade import AssetRef
from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendNoCredit,
    BackendRequestRejected,
    BackendUnavailable,
)
from service.grading.call import Caller, CallPolicy
from service.llm.base import Reply, Request
from service.llm.scripted import ScriptedBackend
from service.store.answers import AnswerStore
from service.store.audit import AuditTrail
from service.store.batches import BatchStore
from service.store.completion import AnswerKey
from service.store.deliveries import DeliveryStore
from service.store.workers import WorkerStore
from service.wiring import Services, now, open_services
from tests.batches.rig import NUMBER, Replies, make_settings, start_batch

Outcome = Reply | str | BackendError
PULSE = Pulse(beat_seconds=0.02, lease_seconds=5.0, looks=10)


class MemoryEngine:
    """Runs every chunk at once; remembers those that ended."""

    def __init__(self) -> None:
        self.works: dict[str, Work] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.run: RunChunk | None = None

    async def start(self, run: RunChunk) -> None:
        self.run = run

    async def enqueue(self, batch_id: str, of_round: int, chunks: Iterable[int], priority: int) -> None:
        for chunk in chunks:
            work = Work(f"{batch_id}:{chunk}:{of_round}", batch_id, chunk, of_round, True, True, "me")
            if work.id not in self.works:
                self.works[work.id] = work
                task = asyncio.create_task(self._run(work))
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

    async def _run(self, work: Work) -> None:
        assert self.run is not None
        await self.run(work.batch_id, work.chunk)
        self.works[work.id] = work._replace(is_live=False, is_running=False)

    async def reorder(self, batch_id: str, priority: int) -> None:
        raise AssertionError("every chunk runs at once here")

    async def list_work(self, batch_id: str | None = None) -> Sequence[Work]:
        return [work for work in self.works.values() if batch_id in (None, work.batch_id)]

    async def list_running(self) -> Sequence[Work]:
        return []

    async def resume(self, orphans: Sequence[Work]) -> None:
        raise AssertionError("nothing is an orphan here")

    async def forget(self, over: Sequence[Work]) -> None:
        for work in over:
            self.works.pop(work.id, None)

    async def stop(self) -> None:
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@dataclass
class Bench:
    """Everything a test looks at. `decide` says what the backend does about an answer; None: a good reply."""

    services: Services
    worker: Worker
    backend: ScriptedBackend
    store: BatchStore
    answers: AnswerStore
    trail: AuditTrail
    deliveries: DeliveryStore

    async def wait_for(self, *states: BatchState) -> Batch:
        async with asyncio.timeout(10):
            while (batch := await self.store.get("bat_1")).state not in states:
                await asyncio.sleep(0.01)
        return batch

    async def count(self) -> Counts:
        return await self.store.count("bat_1")


def read_number(request: Request) -> int:
    return int(NUMBER.findall(request.messages[1].text.encode())[-1])


@asynccontextmanager
async def open_bench(
    folder: Path, count: int, decide: Callable[[int], Outcome | None] = lambda number: None, **spec: Any
) -> AsyncIterator[Bench]:
    replies = Replies(folder)

    def reply(request: Request) -> Outcome:
        number = read_number(request)
        outcome = decide(number)
        return Reply(replies.make(number), "scripted", cost_usd=0.01) if outcome is None else outcome

    backend = ScriptedBackend(reply)
    caller = Caller(backend, CallPolicy(attempts=1, deadline_seconds=5), 8)
    async with open_services(make_settings(folder, "http://127.0.0.1:9/v1")) as services:
        store = await start_batch(services, count, **spec)
        answers = AnswerStore(services.stores.database)
        planner = Planner(services.library.rubrics, services.library.prompts, lambda model: caller)
        trail = AuditTrail(services.stores.database, now)
        tools = ChunkTools(store, answers, services.stores.grades, planner, lambda model: 8, read_clock, now, trail)
        workers = WorkerStore(services.stores.database)
        setup = WorkerSetup(Slot(folder / "workers", "h"), workers, MemoryEngine(), tools, 2.0, PULSE, 0.05)
        worker = Worker(setup)
        await worker.start()
        try:
            yield Bench(services, worker, backend, store, answers, trail, DeliveryStore(services.stores.database))
        finally:
            await worker.aclose()


async def test_every_answer_is_asked_once_and_the_batch_finishes_once(tmp_path: Path) -> None:
    async with open_bench(tmp_path, 120) as bench:
        await bench.wait_for(BatchState.FINISHED)
        assert (await bench.count()).scored == 120
        assert len(bench.backend.requests) == 120
        (entry,) = await bench.trail.list_page(subject="bat_1")
        assert entry.action == "batch.finished"
        row = await bench.answers.get(AnswerKey("bat_1", 3))
        assert row.result.overall == 4.0
        assert row.grade == AnswerKey("bat_1", 3).grade_id


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BackendKeyRejected("The key was rejected."), PauseReason.KEY_REJECTED),
        (BackendNoCredit("No credit left."), PauseReason.MODEL_UNUSABLE),
    ],
)
async def test_what_concerns_all_answers_pauses_the_batch_and_loses_none(
    tmp_path: Path, error: BackendError, reason: PauseReason
) -> None:
    broken = True
    async with open_bench(tmp_path, 60, lambda number: error if broken and number > 20 else None) as bench:
        batch = await bench.wait_for(BatchState.PAUSED)
        assert (batch.pause_reason, batch.pause_message) == (reason, str(error))
        assert (await bench.count()).failed == 0
        broken = False
        await bench.store.change_state("bat_1", [BatchState.PAUSED], BatchState.RUNNING)
        bench.worker.wake()
        await bench.wait_for(BatchState.FINISHED)
        assert (await bench.count()).scored == 60


async def test_a_backend_that_is_down_fails_nothing(tmp_path: Path) -> None:
    calls = 0

    def decide(number: int) -> Outcome | None:
        nonlocal calls
        calls += 1
        return BackendUnavailable("Down.") if 20 < calls <= 26 else None

    async with open_bench(tmp_path, 60, decide) as bench:
        await bench.wait_for(BatchState.FINISHED)
        counts = await bench.count()
        assert (counts.scored, counts.failed) == (60, 0)


async def test_an_answer_that_the_backend_chokes_on_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.batches.blame.ALONE_SECONDS", 0.0)

    def decide(number: int) -> Outcome | None:
        return BackendUnavailable("Choked.") if number == 7 else None

    async with open_bench(tmp_path, 60, decide) as bench:
        await bench.wait_for(BatchState.FINISHED)
        counts = await bench.count()
        assert (counts.scored, counts.failed) == (59, 1)
        row = await bench.answers.get(AnswerKey("bat_1", 7))
        assert (row.result.state, row.result.error_code) == (AnswerState.FAILED, "backend-unavailable")
        await bench.store.retry_failed("bat_1")
        bench.worker.wake()
        await bench.wait_for(BatchState.FINISHED)


async def test_a_refused_request_and_a_bug_fail_their_answer_without_its_text(tmp_path: Path) -> None:
    def decide(number: int) -> Outcome | None:
        if number == 3:
            raise ZeroDivisionError("Case number 3 was in this message")
        return BackendRequestRejected("Refused.") if number == 5 else None

    async with open_bench(tmp_path, 10, decide) as bench:
        await bench.wait_for(BatchState.FINISHED)
        bug, refused = [(await bench.answers.get(AnswerKey("bat_1", number))).result for number in (3, 5)]
        assert (bug.error_code, refused.error_code) == ("internal-error", "backend-request-rejected")
        assert "Case" not in (bug.error_message or "")


async def test_after_a_pause_no_call_is_made(tmp_path: Path) -> None:
    release = asyncio.Event()
    begun = asyncio.Event()

    async with open_bench(tmp_path, 60) as bench:
        good = bench.backend._script
        assert callable(good)

        async def wait(request: Request) -> Any:
            begun.set()
            await release.wait()
            return good(request)

        bench.backend._script = wait
        await asyncio.wait_for(begun.wait(), 5)
        await bench.store.change_state("bat_1", [BatchState.RUNNING], BatchState.PAUSED)
        bench.worker.wake()
        await asyncio.sleep(0.1)
        asked = len(bench.backend.requests)
        release.set()
        async with asyncio.timeout(5):
            while (await bench.count()).scored < asked:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert len(bench.backend.requests) == asked <= 8 + 60


async def test_an_edited_rubric_pauses_the_batch(tmp_path: Path) -> None:
    changed = AssetRef(id="handling-difficult-customers", version=1, hash="00")
    async with open_bench(tmp_path, 5, rubric=changed) as bench:
        batch = await bench.wait_for(BatchState.PAUSED)
        assert batch.pause_reason is PauseReason.ASSETS_CHANGED
        assert "edited" in (batch.pause_message or "")
        assert not bench.backend.requests


async def test_the_spending_limit_pauses_within_the_calls_in_flight(tmp_path: Path) -> None:
    async with open_bench(tmp_path, 100, spending_limit_usd=0.2) as bench:
        batch = await bench.wait_for(BatchState.PAUSED)
        assert batch.pause_reason is PauseReason.SPENDING_LIMIT
        assert 20 <= len(bench.backend.requests) <= 28
        raised = batch.spec.model_copy(update={"spending_limit_usd": None})
        await bench.store.set_values("bat_1", spec=raised.model_dump_json())
        await bench.store.change_state("bat_1", [BatchState.PAUSED], BatchState.RUNNING)
        bench.worker.wake()
        await bench.wait_for(BatchState.FINISHED)
        assert (await bench.store.count("bat_1")).scored == len(bench.backend.requests) == 100


async def test_a_pause_and_the_end_each_leave_one_message(tmp_path: Path) -> None:
    broken = True

    def decide(number: int) -> Outcome | None:
        return BackendKeyRejected("The key was rejected.") if broken else None

    async with open_bench(tmp_path, 60, decide, webhook_url="https://example.org/hook") as bench:
        await bench.wait_for(BatchState.PAUSED)
        (paused,) = await bench.deliveries.list_of_batch("bat_1")
        assert (paused.event, json.loads(paused.body)["data"]["waiting"]) == ("batch.paused", 60)
        broken = False
        await bench.store.change_state("bat_1", [BatchState.PAUSED], BatchState.RUNNING)
        bench.worker.wake()
        await bench.wait_for(BatchState.FINISHED)
        _, finished = await bench.deliveries.list_of_batch("bat_1")
        assert (finished.event, json.loads(finished.body)["data"]["scored"]) == ("batch.finished", 60)
