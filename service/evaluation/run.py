"""The loop of a run: case after case through the live pipeline, a bounded number at a time."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from service.assets.prompts import Prompt
from service.domain.answer import Answer
from service.domain.grade import Scored, Unscored
from service.domain.rubric import Rubric
from service.errors import BackendError, GraderError
from service.evaluation.folder import FINISHED, Finished, dump_value, list_sealed, write_atomically
from service.evaluation.journal import JournalBackend, Place, StoredReplies, current_place
from service.evaluation.opening import OpenRun
from service.evaluation.pieces import Piece, Remaining
from service.evaluation.plan import RunPlan, hash_file, narrow_question
from service.evaluation.tally import Failures, RunListener, Tally, ignore_run_progress
from service.grading.build import Stamp
from service.grading.call import Caller
from service.grading.job import Job
from service.grading.pipeline import Grader, grade_answer
from service.llm.base import Backend

SYNC_EVERY_SECONDS = 1.0  # what a power cut can take; a kill takes nothing

Clock = Callable[[], datetime]
BuildCaller = Callable[[Callable[[Backend], Backend]], Caller]


@dataclass(frozen=True, slots=True)
class CaseGrader:
    """Grades cases as the live service would grade the same answers."""

    plan: RunPlan
    rubric: Rubric
    prompt: Prompt
    caller: Caller
    clock: Clock

    async def grade(self, piece: Piece) -> Scored | Unscored:
        """The grade; raises as `grade_answer`. Its id is the same whenever this piece of this run is graded."""
        current_place.set(piece.place)

        def draw_stamp() -> Stamp:
            return Stamp(compute_grade_id(self.plan.id, piece.place), self.clock())

        return await grade_answer(self.build_job(piece), Grader(self.caller, _keep_nowhere, draw_stamp))

    def build_job(self, piece: Piece) -> Job:
        """Repeats have samples of their own: with them the seeds differ, and the recordings."""
        return build_job(piece, self.plan, self.rubric, self.prompt)


def build_job(piece: Piece, plan: RunPlan, rubric: Rubric, prompt: Prompt) -> Job:
    """What the pipeline is given for a piece."""
    case = piece.case
    return Job(
        rubric=rubric,
        question=narrow_question(rubric.get_question(case.question), plan.criteria),
        answer=Answer(text=case.answer, kind=case.kind),
        mode=plan.mode,
        prompt=prompt,
        samples=plan.samples,
        first_sample=piece.repeat * plan.samples,
    )


async def _keep_nowhere(grade: Scored | Unscored) -> None:
    """The pipeline's `save`: a run keeps grades itself, with how long they took."""


def compute_grade_id(run_id: str, place: Place) -> str:
    """`grd_` and 32 hex digits."""
    content = f"{run_id}\n{place.case}\n{place.repeat}"
    return f"grd_{hashlib.sha256(content.encode()).hexdigest()[:32]}"


class Stop:
    """Asked for, a run begins no further grading and ends when those under way have ended."""

    def __init__(self) -> None:
        self.is_asked = False
        self.under_way = 0

    def ask(self) -> None:
        self.is_asked = True

    @contextmanager
    def count_under_way(self) -> Iterator[None]:
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    def end_if_asked(self, tally: Tally) -> None:
        """Raises CancelledError when gradings were left for the next time because of it."""
        if self.is_asked and tally.done < tally.total:
            raise asyncio.CancelledError


async def run_cases(
    run: OpenRun,
    rubric: Rubric,
    prompt: Prompt,
    build_caller: BuildCaller,
    width: int,
    clock: Clock,
    listen: RunListener = ignore_run_progress,
    stops: bool = True,
    stop: Stop | None = None,
) -> Finished:
    """Grades what is not graded yet, `width` at a time, and finishes the run. Rubric and prompt are those of its plan.

    `build_caller` makes the caller of the backend as wrapped by the function it is given; `stops` is whether failures
    that look general end the run at once. Raises RunIncomplete when cases are left, the backend's error when every case
    would fail like this, RunNotWritable, and RunInvalid for a broken file of the run; CancelledError as soon as `stop`
    has let the gradings under way end. What was graded stays.
    """
    stop = stop or Stop()
    tally, remaining = Tally(run.plan.total, run.read_seconds()), Remaining(run.folder)
    await asyncio.to_thread(remaining.load, tally)  # 2 s for 20,000 grades: a server has other things to do meanwhile
    stored = StoredReplies(run.replies.path)
    await asyncio.to_thread(stored.load, remaining.is_done)
    caller = build_caller(lambda backend: JournalBackend(backend, stored, run.replies, clock))
    grader = CaseGrader(run.plan, rubric, prompt, caller, clock)
    failures = Failures(tally, stops)

    async def do(piece: Piece) -> None:
        started = time.perf_counter()
        grade = await grader.grade(piece)
        run.grades.append(dump_grade(piece.place, time.perf_counter() - started, grade))
        tally.add(grade)
        await listen(tally.report())

    await listen(tally.report())
    try:
        await work_through(remaining.iterate(), do, width, failures, stop, keep_synced(run, tally))
    finally:
        run.write_seconds(tally.worked_seconds)
    stop.end_if_asked(tally)
    if failures:
        raise failures.build_error()
    return await asyncio.to_thread(finish_run, run, tally, clock())


def dump_grade(place: Place, latency_seconds: float, grade: Scored | Unscored) -> bytes:
    """A line of `grades.jsonl`."""
    head = f'{{"case":{json.dumps(place.case)},"repeat":{place.repeat},"latency_seconds":{latency_seconds:.4f},"grade":'
    return f"{head}{grade.model_dump_json()}}}\n".encode()


async def work_through(
    pieces: Iterator[Piece],
    do: Callable[[Piece], Awaitable[None]],
    width: int,
    failures: Failures,
    stop: Stop,
    beside: Awaitable[None] | None = None,
) -> None:
    """Does all pieces, `width` at a time; never a task for each. `beside` runs meanwhile and is cancelled at the end.

    The first piece goes alone: a wrong key costs one call instead of 64, and a backend that loads something loads it
    once (64 first calls at once made the embedded one build its index 64 times, 11 s). A piece that the backend fails
    is noted and left. Raises the first error that ends it all. Then, as after `stop`, no piece is begun, and those
    under way are waited for, since their calls are paid for: at most the deadline of one grading.
    """
    ended: list[BaseException] = []

    async def work(most: int | None = None) -> None:
        for piece in islice(pieces, most):
            if ended or stop.is_asked:
                return
            try:
                with stop.count_under_way():
                    await _try_piece(piece, do, failures)
            except BaseException as error:
                ended.append(error)
                if not isinstance(error, GraderError):  # cancelled, or a mistake in the code: it takes the others along
                    raise
            await asyncio.sleep(0)  # a backend in the process never waits: Ctrl-C and the disk need their turn

    try:
        async with asyncio.TaskGroup() as group:
            meanwhile = group.create_task(_await(beside)) if beside is not None else None
            await group.create_task(work(most=1))
            await asyncio.wait([group.create_task(work()) for _ in range(width)])
            if meanwhile is not None:
                meanwhile.cancel()
    except BaseExceptionGroup as group_error:
        raise group_error.exceptions[0] from None
    if ended:
        raise ended[0]


async def _try_piece(piece: Piece, do: Callable[[Piece], Awaitable[None]], failures: Failures) -> None:
    try:
        await do(piece)
    except BackendError as error:
        failures.note(piece.place, error)
    else:
        failures.note_success()


async def _await(one: Awaitable[None]) -> None:
    await one


async def keep_synced(run: OpenRun, tally: Tally) -> None:
    """Once a second waits for the disk, in a thread, and notes how long the run has taken; until cancelled."""
    while True:
        await asyncio.sleep(SYNC_EVERY_SECONDS)
        await asyncio.to_thread(run.sync)
        run.write_seconds(tally.worked_seconds)


def finish_run(run: OpenRun, tally: Tally, now: datetime) -> Finished:
    """Waits for the disk, then writes `finished.json`: from now on the run is read, and never written again."""
    run.sync()
    report = tally.report()
    finished = Finished(
        finished_at=now,
        seconds=round(tally.worked_seconds, 3),
        graded=report.done,
        scored=report.scored,
        unscored=report.unscored,
        tokens_in=report.tokens_in,
        tokens_out=report.tokens_out,
        cost_usd=report.cost_usd,
        files={name: hash_file(run.path / name) for name in list_sealed(run.path)},
    )
    write_atomically(run.path / FINISHED, [dump_value(finished)])
    run.forget_seconds()
    return finished
