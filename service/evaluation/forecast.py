"""What a run would take, before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from service.assets.evals import EvalSet
from service.assets.prompts import Prompt
from service.domain.case import Case
from service.errors import RunInvalid
from service.evaluation.folder import PLAN, REPLIES, RunFolder, list_runs, open_run
from service.evaluation.journal import Place, StoredReplies
from service.evaluation.pieces import Piece, Remaining
from service.evaluation.plan import RunPlan
from service.evaluation.run import build_job
from service.evaluation.siblings import Source
from service.evaluation.tally import Tally
from service.grading.forecast import CHARACTERS_PER_TOKEN, Prices, compute_cost
from service.grading.gate import check_answer
from service.grading.render import render_requests
from service.llm.base import Request


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the run still takes: nothing for what is graded, and no call for what was replied to before.

    `repairs_most` is how many of the replies could have to be sent back once, and is in nothing else. `tokens_in` is an
    estimate: the characters of the rendered messages / 4. `tokens_out_most` is what the prompt's limit allows,
    `tokens_out_typical` goes by an earlier run with this prompt, None without any. Costs are in US dollars, None
    without prices; 0 of all this where no model is asked. `graded` and `replies` are there already.
    """

    cases: int
    grades: int
    calls: int
    repairs_most: int
    tokens_in: int
    tokens_out_most: int
    tokens_out_typical: int | None
    cost_usd_most: float | None
    cost_usd_typical: float | None
    graded: int
    replies: int


class _Known:
    """What of a run is there already: its grades, and its replies or those that it will begin with."""

    def __init__(self, plan: RunPlan, parent: Path, source: Source | None) -> None:
        self.graded = self.replies = 0
        self._remaining: Remaining | None = None
        self._stored: StoredReplies | None = None
        if (parent / plan.id / PLAN).exists():
            begun = open_run(parent / plan.id)
            self.graded, self.replies = begun.count_grades(), begun.count_lines(REPLIES)
            self._remaining = Remaining(begun)
            self._remaining.load(Tally(plan.total))
            self._stored = StoredReplies(begun.path / REPLIES)
        elif source is not None:
            self.replies = source.replies
            self._stored = StoredReplies(source.path / REPLIES)
        if self._stored is not None:
            self._stored.load(self.is_done)

    def is_done(self, place: Place) -> bool:
        return self._remaining is not None and self._remaining.is_done(place)

    def holds(self, place: Place, request: Request) -> bool:
        return self._stored is not None and self._stored.holds(place, request)


@dataclass(slots=True)
class _Asked:
    """`requests` are those of all that is not graded; some of them need no call, since they were answered before."""

    requests: int = 0
    calls: int = 0
    characters: int = 0

    def add(self, request: Request, times: int, is_answered: bool) -> None:
        self.requests += times
        if not is_answered:
            self.calls += times
            self.characters += times * sum(len(message.text) for message in request.messages)


def forecast_run(
    plan: RunPlan,
    eval_set: EvalSet,
    chosen: Sequence[int],
    prompt: Prompt,
    parent: Path,
    prices: Prices,
    source: Source | None = None,
    asks: bool = True,
) -> Forecast:
    """The forecast of a plan. `source` is where a new run takes replies from; `asks` is whether a model is asked.

    Raises PromptInvalid for a prompt that cannot be rendered, RunInvalid for a broken file of a run that was begun.
    """
    known = _Known(plan, parent, source)
    asked = _count_asked(plan, eval_set, chosen, prompt, known) if asks else _Asked()
    tokens_in, most = math.ceil(asked.characters / CHARACTERS_PER_TOKEN), asked.calls * plan.parameters.max_tokens
    typical = _guess_output(plan, parent, asked.calls)
    return Forecast(
        cases=plan.cases,
        grades=plan.total,
        calls=asked.calls,
        repairs_most=asked.requests,
        tokens_in=tokens_in,
        tokens_out_most=most,
        tokens_out_typical=typical,
        cost_usd_most=compute_cost(tokens_in, most, prices),
        cost_usd_typical=None if typical is None else compute_cost(tokens_in, typical, prices),
        graded=known.graded,
        replies=known.replies,
    )


def _count_asked(plan: RunPlan, eval_set: EvalSet, chosen: Sequence[int], prompt: Prompt, known: _Known) -> _Asked:
    asked = _Asked()
    # Repeats differ in their seeds alone: one of them is rendered for all, unless some are answered already.
    repeats, times = (plan.repeats, 1) if known.graded or known.replies else (1, plan.repeats)
    for case in iterate_chosen(eval_set, chosen):
        for piece in (Piece(case, repeat) for repeat in range(repeats)):
            job = build_job(piece, plan, eval_set.rubric, prompt)
            if known.is_done(piece.place) or check_answer(job.answer, job.rubric) is not None:
                continue
            for request in chain.from_iterable(render_requests(job)):
                asked.add(request, times, known.holds(piece.place, request))
    return asked


def iterate_chosen(eval_set: EvalSet, chosen: Sequence[int]) -> Iterator[Case]:
    """The chosen cases, in the order of the file, read one by one."""
    wanted = iter(chosen)
    following = next(wanted, None)
    for place, case in enumerate(eval_set):
        if place == following:
            yield case
            following = next(wanted, None)


def _guess_output(plan: RunPlan, parent: Path, calls: int) -> int | None:
    """For so many calls, by what the newest finished run of the same prompt and mode wrote in each of its own."""
    if not calls:
        return 0
    for run in list_runs(parent):
        if (run.plan.prompt, run.plan.mode) == (plan.prompt, plan.mode) and run.is_finished:
            written, replies = _read_output(run), run.count_lines(REPLIES)
            if written and replies:
                return round(written / replies * calls)
    return None


def _read_output(run: RunFolder) -> int | None:
    try:
        return run.read_finished().tokens_out
    except RunInvalid:
        return None
