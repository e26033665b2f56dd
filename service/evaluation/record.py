"""Recording a set: every case goes through the pipeline once, and the replies are kept for later, free runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.assets.evals import EvalSet
from service.assets.prompts import Prompt
from service.evaluation.forecast import iterate_chosen
from service.evaluation.journal import name_current_case
from service.evaluation.pieces import Piece
from service.evaluation.plan import RunPlan
from service.evaluation.run import BuildCaller, CaseGrader, Clock, Stop, work_through
from service.evaluation.tally import Failures, RunListener, RunProgress, Tally, ignore_run_progress
from service.llm.base import Backend
from service.llm.record import RecordingBackend, name_file

RECORDINGS = "recordings"  # the folder beside a set's cases


@dataclass(frozen=True, slots=True)
class Recorded:
    """`path` is the file of recordings; `before` and `after` count its lines."""

    path: Path
    before: int
    after: int
    progress: RunProgress


async def record_cases(
    plan: RunPlan,
    eval_set: EvalSet,
    chosen: Sequence[int],
    prompt: Prompt,
    folder: Path,
    build_caller: BuildCaller,
    width: int,
    clock: Clock,
    listen: RunListener = ignore_run_progress,
    stop: Stop | None = None,
) -> Recorded:
    """Asks for every reply of the plan that the folder does not hold; nothing there is overwritten.

    Raises RunIncomplete when cases are left (recording again continues), else as `run_cases`.
    """
    path = folder / name_file(plan.model, plan.prompt)
    before = count_lines(path)
    wrapped: list[Backend] = []

    def wrap(backend: Backend) -> Backend:
        wrapped.append(RecordingBackend(backend, folder, prompt=plan.prompt, name_case=name_current_case))
        return wrapped[0]

    tally = Tally(plan.total)
    failures = Failures(tally)
    grader = CaseGrader(plan, eval_set.rubric, prompt, build_caller(wrap), clock)

    async def do(piece: Piece) -> None:
        tally.add(await grader.grade(piece))
        await listen(tally.report())

    try:
        await listen(tally.report())
        await work_through(_iterate_pieces(plan, eval_set, chosen), do, width, failures, stop or Stop())
    finally:
        for backend in wrapped:  # the file and its lock
            await backend.aclose()
    if stop is not None:
        stop.end_if_asked(tally)
    if failures:
        raise failures.build_error()
    return Recorded(path, before, count_lines(path), tally.report())


def _iterate_pieces(plan: RunPlan, eval_set: EvalSet, chosen: Sequence[int]) -> Iterator[Piece]:
    for case in iterate_chosen(eval_set, chosen):
        for repeat in range(plan.repeats):
            yield Piece(case, repeat)


def count_lines(path: Path) -> int:
    """Lines of a file; 0 when it is not there."""
    with suppress(OSError), path.open("rb") as file:
        return sum(1 for _ in file)
    return 0
