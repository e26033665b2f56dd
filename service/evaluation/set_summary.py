"""What there is of an eval set: ratings, recordings, a baseline, runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from service.assets.evals import EvalSet
from service.errors import RunInvalid
from service.evaluation.analysis.columns import select_column
from service.evaluation.baseline import BASELINE, Baseline, read_baseline, tabulate_baseline
from service.evaluation.folder import RunFolder
from service.evaluation.record import RECORDINGS, count_lines
from service.evaluation.results.numbers import OVERALL
from service.statistics.agreement import measure_agreement
from service.statistics.undefined import Undefined


@dataclass(frozen=True, slots=True)
class SetSummary:
    """`rated` are the cases with a rating, `recordings` the replies in the set's own folder, `newest_run` the id of the
    newest run here.

    `baseline_kappa` is that of overall scores (quadratic weights, -1 to 1); None where it is undefined, or where the
    baseline fits the set no more.
    """

    cases: int
    rated: int
    criteria: int
    recordings: int
    baseline_accepted_at: datetime | None
    baseline_kappa: float | None
    newest_run: str | None


def summarise_set(eval_set: EvalSet, runs: Sequence[RunFolder]) -> SetSummary:
    """The summary; `runs` are newest first. Raises RunInvalid for a baseline that cannot be read."""
    path = eval_set.folder / BASELINE
    baseline = read_baseline(path) if path.is_file() else None
    return SetSummary(
        cases=len(eval_set),
        rated=sum(bool(case.ratings) for case in eval_set),
        criteria=len(eval_set.rubric.criteria),
        recordings=sum(count_lines(file) for file in (eval_set.folder / RECORDINGS).glob("*.jsonl")),
        baseline_accepted_at=baseline.accepted_at if baseline is not None else None,
        baseline_kappa=_measure_kappa(baseline, eval_set, path) if baseline is not None else None,
        newest_run=next((run.plan.id for run in runs if run.plan.set_id == eval_set.front.id), None),
    )


def _measure_kappa(baseline: Baseline, eval_set: EvalSet, path: Path) -> float | None:
    with suppress(RunInvalid):
        column = select_column(tabulate_baseline(baseline, eval_set, path), OVERALL)
        if column.both.any():
            kappa = measure_agreement(column.reference[column.both], column.graded[column.both]).kappa
            return None if isinstance(kappa, Undefined) else float(kappa)
    return None
