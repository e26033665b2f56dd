"""What a run would take, before anything is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.assets.evals import EvalSet
from service.assets.prompts import Prompt
from service.domain.case import Case
from service.errors import RunInvalid
from service.evaluation.folder import REPLIES, RunFolder, list_runs, open_run
from service.evaluation.plan import RunPlan
from service.evaluation.run import Piece, build_job
from service.grading.forecast import Load, Prices, compute_cost, measure_job


@dataclass(frozen=True, slots=True)
class Forecast:
    """What all grades of the run take, and how much of it is there already.

    `tokens_in` is an estimate: the characters of the rendered messages / 4, without repairs. `tokens_out_most` is what
    the prompt's limit allows, `tokens_out_typical` goes by earlier runs with this prompt, None without any. Costs are
    in US dollars, None without prices.
    """

    cases: int
    grades: int
    calls: int
    tokens_in: int
    tokens_out_most: int
    tokens_out_typical: int | None
    cost_usd_most: float | None
    cost_usd_typical: float | None
    graded: int
    replies: int


def forecast_run(
    plan: RunPlan, eval_set: EvalSet, chosen: Sequence[int], prompt: Prompt, parent: Path, prices: Prices
) -> Forecast:
    """The forecast of a plan; raises PromptInvalid for a prompt that cannot be rendered."""
    load = Load()
    for case in iterate_chosen(eval_set, chosen):
        load += measure_job(build_job(Piece(case, 0), plan, eval_set.rubric, prompt))
    load = load * plan.repeats
    typical = _guess_output(plan, parent)
    graded, replies = _count_done(parent / plan.id)
    return Forecast(
        cases=plan.cases,
        grades=plan.total,
        calls=load.calls,
        tokens_in=load.tokens_in,
        tokens_out_most=load.tokens_out_most,
        tokens_out_typical=typical,
        cost_usd_most=compute_cost(load.tokens_in, load.tokens_out_most, prices),
        cost_usd_typical=None if typical is None else compute_cost(load.tokens_in, typical, prices),
        graded=graded,
        replies=replies,
    )


def iterate_chosen(eval_set: EvalSet, chosen: Sequence[int]) -> Iterator[Case]:
    """The chosen cases, in the order of the file, read one by one."""
    wanted = iter(chosen)
    following = next(wanted, None)
    for place, case in enumerate(eval_set):
        if place == following:
            yield case
            following = next(wanted, None)


def _guess_output(plan: RunPlan, parent: Path) -> int | None:
    """What the newest finished run of the same prompt and mode wrote, for as many samples as this one has."""
    for run in list_runs(parent):
        if (run.plan.prompt, run.plan.mode) == (plan.prompt, plan.mode) and run.is_finished:
            written = _read_output(run)
            if written:
                return round(written / (run.plan.total * run.plan.samples) * plan.total * plan.samples)
    return None


def _read_output(run: RunFolder) -> int | None:
    try:
        return run.read_finished().tokens_out
    except RunInvalid:
        return None


def _count_done(path: Path) -> tuple[int, int]:
    try:
        run = open_run(path)
    except RunInvalid:  # not begun
        return 0, 0
    return run.count_grades(), run.count_lines(REPLIES)
