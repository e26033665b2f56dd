"""The body of a chunk: each answer that waits is graded and stored as it arrives, and none is lost to an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from service.batches.blame import Blame
from service.batches.gate import GatedBackend, Withdrawn
from service.batches.keeping import Keeper
from service.batches.lanes import Lane, Turn
from service.batches.leases import Lease
from service.batches.plans import Halted, Plan, Planner, explain_halt, passes
from service.batches.watch import View, Watch
from service.batches.webhooks import note_message
from service.domain.batch import BatchState, PauseReason
from service.domain.grade import Scored, Unscored
from service.errors import (
    BackendOverloaded,
    BatchStateConflict,
    GraderError,
    UnknownBatch,
)
from service.grading.build import Stamp
from service.grading.call import Caller
from service.grading.pipeline import Grader, grade_answer
from service.store.answers import AnswerStore, WaitingAnswer
from service.store.audit import Action, AuditTrail, Detail, Note
from service.store.batches import BatchStore
from service.store.grades import GradeStore

WORKER = "worker"  # who did it, in the audit trail
RECHECK_SECONDS = 0.1  # while the lease, the store or the batch's state is in doubt

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ChunkTools:
    """What grading a chunk needs. `count_at_once` says of how many answers a model is asked at a time."""

    batches: BatchStore
    answers: AnswerStore
    grades: GradeStore
    planner: Planner
    count_at_once: Callable[[str], int]
    clock: Callable[[], float]
    now: Callable[[], datetime]
    trail: AuditTrail

    def note(self, action: Action, batch_id: str, **details: Detail) -> Note:
        """Work for the transaction that ends or pauses a batch: its message and its audit entry."""
        return note_message(batch_id, self.now, self.trail.note(WORKER, action, batch_id, details))


@dataclass(slots=True, eq=False)
class _Chunk:
    """One chunk at work; `epoch` is of the lease that it was taken under."""

    view: View
    plan: Plan
    lane: Lane
    epoch: int
    blame: Blame
    caller: Caller = field(init=False)


class ChunkRunner:
    """Runs chunks. One lane for each model bounds and orders the answers of all of them."""

    def __init__(self, tools: ChunkTools, lease: Lease) -> None:
        self._tools = tools
        self._lease = lease
        self._keeper = Keeper(tools.grades, tools.answers, tools.clock)
        self._lanes: dict[str, Lane] = {}
        self._open: list[tuple[str, int]] = []
        self._all_ended = asyncio.Event()
        self._all_ended.set()
        self.is_stopping = False
        self.watch = Watch(tools.batches, tools.clock, self._withdraw)

    async def run(self, batch_id: str, chunk: int) -> None:
        """Grades what waits in the chunk. Ends early when the batch runs no more or the lease was lost.

        When the process stops it does not end: cancelled, it counts as not done, and is handed out again.
        """
        self._open.append((batch_id, chunk))
        self._all_ended.clear()
        try:
            await self._run(batch_id, chunk)
        except UnknownBatch:
            pass  # deleted meanwhile
        except Exception as bug:  # noqa: BLE001 - a chunk that raised is never run again; the sweep queues this one anew
            log.error("chunk_failed", batch=batch_id, chunk=chunk, error=type(bug).__name__)  # noqa: TRY400 - text of a candidate may be in it
            await asyncio.sleep(1)
        finally:
            self._open.remove((batch_id, chunk))
            if not self._open:
                self._all_ended.set()
        if self.is_stopping:
            await asyncio.Event().wait()

    async def drain(self, seconds: float) -> None:
        """Begins nothing more; returns when what was asked is stored, at the latest after `seconds`."""
        self.is_stopping = True
        self._withdraw(None)
        try:
            async with asyncio.timeout(seconds):
                await self._all_ended.wait()
        except TimeoutError:
            log.warning("stopped_with_answers_in_flight", chunks=len(self._open))

    def is_open(self, batch_id: str, chunk: int) -> bool:
        """Whether the chunk is being run here."""
        return (batch_id, chunk) in self._open

    def abandon(self) -> None:
        """The lease was lost: those who wait for their turn go."""
        self._withdraw(None)

    def _withdraw(self, view: View | None) -> None:
        for lane in self._lanes.values():
            lane.withdraw(view)

    async def _run(self, batch_id: str, number: int) -> None:
        persist = self._keeper.persist
        epoch = self._lease.epoch
        await persist(partial(self._tools.batches.get, batch_id))  # waits out a database that restarts
        async with self.watch.open(batch_id) as view:
            while self._may_go_on(view, epoch):
                waiting = await persist(partial(self._tools.answers.load_chunk, batch_id, number))
                if not waiting:
                    await persist(partial(self.finish, batch_id))
                    return
                await self._grade_all(view, waiting, epoch)

    async def finish(self, batch_id: str) -> None:
        """Finishes the batch when nothing in it waits."""
        note = self._tools.note(Action.BATCH_FINISHED, batch_id)
        if await self._tools.batches.finish_if_done(batch_id, self._tools.now(), note):
            log.info("batch_finished", batch=batch_id)

    def _may_go_on(self, view: View, epoch: int) -> bool:
        return view.is_running and not self.is_stopping and epoch == self._lease.epoch

    async def _grade_all(self, view: View, waiting: tuple[WaitingAnswer, ...], epoch: int) -> None:
        assert view.batch is not None, "a running batch"  # noqa: S101
        try:
            plan = self._tools.planner.plan(view.batch.spec)
        except Halted as halt:
            await self._pause(view, halt)
            return
        lane = self._get_lane(plan)
        chunk = _Chunk(view, plan, lane, epoch, Blame(lane))
        chunk.caller = plan.caller.for_bulk(partial(GatedBackend, may_ask=partial(self._may_ask, chunk)))
        async with asyncio.TaskGroup() as group:
            for answer in waiting:
                group.create_task(self._settle(chunk, answer))

    def _get_lane(self, plan: Plan) -> Lane:
        lane = self._lanes.get(plan.spec.model)
        if lane is None or lane.caller is not plan.caller:
            lane = Lane(plan.caller, self._tools.count_at_once(plan.spec.model), self._tools.clock)
            self._lanes[plan.spec.model] = lane
        return lane

    async def _settle(self, chunk: _Chunk, answer: WaitingAnswer) -> None:
        """Until the answer is graded or failed, or it is not ours to ask any more."""
        try:
            while self._may_go_on(chunk.view, chunk.epoch) and (turn := await chunk.lane.take(chunk.view)):
                try:
                    if not await self._may_ask(chunk) or await self._ask(chunk, answer, turn):
                        return
                finally:
                    turn.close()
        except Exception as bug:  # noqa: BLE001 - no error of one answer may end the chunk; it still waits, and is read again
            log.error("answer_failed", batch=answer.key.batch_id, number=answer.key.number, error=type(bug).__name__)  # noqa: TRY400
            await asyncio.sleep(1)

    async def _may_ask(self, chunk: _Chunk) -> bool:
        """Directly before each grading: the batch's own flag, the lease, the store, the money."""
        while self._may_go_on(chunk.view, chunk.epoch):
            if not self._lease.is_valid or not self._keeper.is_well:
                await asyncio.sleep(RECHECK_SECONDS)
                continue
            if not self.watch.is_fresh(chunk.view):
                await self._keeper.persist(self.watch.look)
                if not self._may_go_on(chunk.view, chunk.epoch) or not self._lease.is_valid:
                    continue
            if message := chunk.view.spending.explain_stop():
                await self._pause(chunk.view, Halted(PauseReason.SPENDING_LIMIT, message))
            else:
                return True
        return False

    async def _ask(self, chunk: _Chunk, answer: WaitingAnswer, turn: Turn) -> bool:
        """Whether the answer is settled: graded, or failed for good."""

        async def save(grade: Scored | Unscored) -> None:
            chunk.view.spending.add(grade)
            if grade.provenance.attempts:
                turn.succeed()
            else:
                turn.give_up()  # an answer that is too short says nothing of the backend
            await self._keeper.keep(grade, answer.key)

        stamp = Stamp(answer.key.grade_id, self._tools.now())
        chunk.blame.begin(answer.key.number)
        try:
            await grade_answer(chunk.plan.build_job(answer), Grader(chunk.caller, save, lambda: stamp))
        except Withdrawn:
            return False
        except GraderError as error:
            return await self._judge(chunk, answer, turn, error)
        except Exception as bug:  # noqa: BLE001 - as above; the text of the error may hold the candidate's
            log.error("grading_failed", batch=answer.key.batch_id, number=answer.key.number, error=type(bug).__name__)  # noqa: TRY400
            message = f"Grading stopped with an error of this program ({type(bug).__name__}). Please report it."
            await self._keeper.fail(answer.key, "internal-error", message)
        return True

    async def _judge(self, chunk: _Chunk, answer: WaitingAnswer, turn: Turn, error: GraderError) -> bool:
        """As `_ask`: an error is of the whole batch, which pauses; of the backend, which passes; or of the answer."""
        if halt := explain_halt(error):
            await self._pause(chunk.view, halt)
            return False
        if passes(error):
            turn.fail(error.retry_after_seconds if isinstance(error, BackendOverloaded) else None)
            if not await chunk.blame.is_of_answer(answer.key.number, error):
                return False
        await self._keeper.fail(answer.key, error.code, str(error))
        return True

    async def _pause(self, view: View, halt: Halted) -> None:
        if view.batch is None:
            return
        change = partial(
            self._tools.batches.change_state,
            view.batch.id,
            [BatchState.RUNNING],
            BatchState.PAUSED,
            pause_reason=halt.reason,
            pause_message=str(halt),
            note=self._tools.note(Action.BATCH_PAUSED, view.batch.id, reason=halt.reason.value),
        )
        try:
            await self._keeper.persist(change)
        except BatchStateConflict:
            pass  # another answer said it first
        else:
            log.warning("batch_paused", batch=view.batch.id, reason=halt.reason.value)
        await self._keeper.persist(self.watch.look)
