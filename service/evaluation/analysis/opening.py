"""Runs and baselines -> sources that can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import Any

from service.assets.evals import EvalSet
from service.evaluation.analysis.sources import Source
from service.evaluation.baseline import Baseline, tabulate_baseline
from service.evaluation.folder import RunFolder
from service.evaluation.journal import Place
from service.evaluation.plan import RunPlan, read_attempt
from service.evaluation.reading import GradeIndex
from service.evaluation.results.run import Identity
from service.evaluation.robustness.families import find_families
from service.evaluation.table import RunTable, read_table


def open_run_source(run: RunFolder) -> Source:
    """The source of a finished run; raises RunInvalid."""
    table = read_table(run.path)
    return Source(
        identity=identify(run.plan, table, run.plan.id),
        table=table,
        rubric=run.read_rubric(),
        prompt_text=run.read_prompt().source,
        read_cases=lambda wanted: {case.id: case for case in run.iterate_cases() if case.id in wanted},
        read_grade=_GradeReader(run.path),
        elapsed_seconds=run.read_finished().seconds,
        caution=run.read_front().caution,
        families=run.read_families(),
    )


def open_baseline_source(baseline: Baseline, eval_set: EvalSet, path: Path) -> Source:
    """The source of a committed baseline; raises RunInvalid when it does not fit the set."""
    table = tabulate_baseline(baseline, eval_set, path)
    return Source(
        identity=identify(baseline.run, table, f"baseline of {baseline.accepted_at:%Y-%m-%d}"),
        table=table,
        rubric=eval_set.rubric,
        prompt_text=baseline.prompt_text,
        read_cases=lambda wanted: {case.id: case for case in eval_set if case.id in wanted},
        read_grade=lambda _: {},
        elapsed_seconds=nan if baseline.elapsed_seconds is None else baseline.elapsed_seconds,
        caution=eval_set.front.caution,
        families=find_families(eval_set.folder),
    )


def identify(plan: RunPlan, table: RunTable, run_id: str) -> Identity:
    """Which run a report is about."""
    return Identity(
        run_id=run_id,
        label=f"{plan.prompt} on {plan.model}",
        set_id=plan.set_id,
        set_hash=plan.set_hash,
        cases=plan.cases,
        rubric=plan.rubric,
        rubric_hash=plan.rubric_hash,
        prompt=plan.prompt,
        prompt_hash=plan.prompt_hash,
        model_requested=plan.model,
        models_served=table.models_served,
        mode=plan.mode.value,
        samples=plan.samples,
        repeats=plan.repeats,
        parameters=plan.parameters.model_dump(),
        conditions=plan.conditions,
        grader_version=plan.grader_version,
        started_at=plan.started_at,
        notice=plan.notice,
        attempt=read_attempt(plan.id),
    )


class _GradeReader:
    """Grades of the few cases that a report shows; the index is made when the first is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._index: GradeIndex | None = None

    def __call__(self, case_id: str) -> Mapping[str, Any]:
        self._index = self._index or GradeIndex(self._path)
        return self._index.read_plain(Place(case_id, 0)) or {}
