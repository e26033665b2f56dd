"""Reports on runs, as JSON, HTML, Markdown or CSV: made one after another in a thread, and kept while they hold."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

from service.api.eval_catalogue import BASELINE, find_run, find_set
from service.api.eval_runs import build_evaluation
from service.assets.folders import find_folder
from service.errors import RunInvalid, UnknownEvalSet, UnknownRun
from service.evaluation.folder import FINISHED
from service.wiring import Services

if TYPE_CHECKING:
    from service.evaluation.results.comparison import ComparisonReport
    from service.evaluation.results.run import RunReport

    Report = RunReport | ComparisonReport

MOST_KEPT = 16

T = TypeVar("T")
Form = Literal["json", "html", "md", "csv"]
PartName = Literal["all", "tuned", "held-out"]
MEDIA_TYPES: dict[Form, str] = {
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}


class Subject(NamedTuple):
    """What a report is about: one run, or two, each a run's id or the name of a set (its baseline)."""

    names: tuple[str, ...]
    part: PartName = "all"
    common: bool = False


class Shelf(Generic[T]):
    """The last `MOST_KEPT` things that were asked for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def find(self, key: Hashable) -> T | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    async def keep(self, key: Hashable, make: Callable[[], T]) -> T:
        """The thing of this key, made in a thread when it is not here."""
        found = self.find(key)
        if found is not None:
            return found
        made = self._kept[key] = await asyncio.to_thread(make)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return made


class EvalReports:
    """The reports of a server. One is made at a time: each keeps a processor busy for seconds."""

    def __init__(self) -> None:
        self._reports: Shelf[Report] = Shelf()
        self._texts: Shelf[str] = Shelf()
        self._turn = asyncio.Lock()

    async def render(self, services: Services, subject: Subject, form: Form) -> str:
        """The report's text. Raises UnknownRun, or RunInvalid for what is unfinished, damaged or cannot be compared."""
        sources, stamp = await asyncio.to_thread(look_up, services, subject)
        key = (subject._replace(names=sources), stamp)
        kept = self._texts.find((*key, form))  # what is there waits for no other report
        if kept is not None:
            return kept
        async with self._turn:
            report = await self._reports.keep(key, partial(build_report, services, key[0]))
            return await self._texts.keep((*key, form), partial(render_report, report, form))


def look_up(services: Services, subject: Subject) -> tuple[tuple[str, ...], int]:
    """The absolute paths of the runs and baselines, and when anything that a report rests on was changed.

    Raises UnknownRun, and RunInvalid for a run that is unfinished.
    """
    if len(subject.names) == 1:
        return (str(_find_finished(services, subject.names[0])),), compute_stamp(services)
    return tuple(str(_find_source(services, name)) for name in subject.names), compute_stamp(services)


def _find_source(services: Services, name: str) -> Path:
    with suppress(UnknownRun):
        return _find_finished(services, name)
    return _find_baseline(services, name)


def _find_finished(services: Services, run_id: str) -> Path:
    run = find_run(services, run_id)
    if not run.is_finished:
        raise RunInvalid(
            f"The run {run_id} is unfinished ({run.count_grades()} of {run.plan.total} graded). There is a report when "
            "it is finished; POST /v1/evals/runs with what was asked for before continues it."
        )
    return run.path


def _find_baseline(services: Services, name: str) -> Path:
    try:
        path = find_set(services, name) / BASELINE
    except UnknownEvalSet:
        raise UnknownRun(
            "There is neither an eval run with this id nor an eval set of this name. GET /v1/evals/runs and "
            "GET /v1/evals/sets list them."
        ) from None
    if not path.is_file():
        raise UnknownRun(f"The set {name} has no baseline. interview-grader evals accept makes a run its baseline.")
    return path


def compute_stamp(services: Services) -> int:
    """The time of the last change, in nanoseconds: a report also rests on the set, its baseline and other runs."""
    runs, sets = services.settings.runs, find_folder("evals", services.settings.assets_dir)
    changed = [*runs.glob(f"*/{FINISHED}"), *sets.glob("*/*")]
    return max((path.stat().st_mtime_ns for path in changed), default=0)


def build_report(services: Services, subject: Subject) -> Report:
    """The report on one run, or on two, named by their paths; computes for seconds.

    Raises as `Reports.show` and `Reports.compare`.
    """
    # numpy, scipy and matplotlib: a second that a server does not need to start
    from service.evaluation.analysis.parts import Part
    from service.evaluation.policy import Policy
    from service.wiring_reports import Reports

    reports, part = Reports(build_evaluation(services), Policy()), Part(subject.part)
    if len(subject.names) == 1:
        return reports.show(subject.names[0], part)
    first, second = subject.names
    return reports.compare(first, second, common=subject.common, part=part)


def render_report(report: Report, form: Form) -> str:
    """The report's text in this form."""
    from service.evaluation.report import render_csv, render_html, render_markdown

    if form == "json":
        return report.model_dump_json()
    return {"html": render_html, "md": render_markdown, "csv": render_csv}[form](report)


def build_report_policy() -> str:
    """The Content-Security-Policy of an HTML report: its own style sheet by hash, its plots inside, nothing else."""
    from service.evaluation.report import REPORT_CSP

    return f"{REPORT_CSP}; frame-ancestors 'none'"


def choose_form(accept: str) -> Form:
    """The first form that the Accept header names; JSON when it names none."""
    forms: dict[str, Form] = {kind.partition(";")[0]: form for form, kind in MEDIA_TYPES.items()}
    wanted = (part.partition(";")[0].strip().lower() for part in accept.split(","))
    return next((forms[name] for name in wanted if name in forms), "json")
