"""Composition root of reports: which run, baseline and yardstick a name stands for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from service.assets.evals import FRONT, EvalSet
from service.errors import InputError, RunInvalid, UnknownEvalSet, UnknownRun
from service.evaluation.analysis.comparison_report import Terms, compare_runs
from service.evaluation.analysis.opening import open_baseline_source, open_run_source
from service.evaluation.analysis.parts import Part, take_part
from service.evaluation.analysis.run_report import build_run_report
from service.evaluation.analysis.scoring import check_scoring
from service.evaluation.analysis.sources import Source
from service.evaluation.baseline import (
    BASELINE,
    Baseline,
    make_baseline,
    read_baseline,
    tabulate_baseline,
    write_baseline,
)
from service.evaluation.folder import RunFolder, find_run, list_runs, open_finished
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import ComparisonReport
from service.evaluation.results.run import RunReport
from service.evaluation.table import RunTable, read_table
from service.wiring import now
from service.wiring_evals import Evaluation
from service.wiring_models import EMBEDDED


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports on runs. A name is a run's id or folder, a baseline's file, or a set: then its committed baseline, or to
    be shown its newest run.
    """

    evaluation: Evaluation
    policy: Policy

    def show(self, name: str, part: Part = Part.ALL) -> RunReport:
        """One run against its reference; a set stands for its newest finished run here. Raises an InputError."""
        shown = self._find_newest_run(name) or name
        source = take_part(self.open_source(shown), part, self._find_tuned(shown))
        report = build_run_report(source, self._find_yardstick(source), source.families, self.policy)
        return report.model_copy(update={"title": f"{report.title}, {describe_source(source)}"})

    def compare(
        self, first: str, second: str, through: tuple[str, ...] = (), common: bool = False, part: Part = Part.ALL
    ) -> ComparisonReport:
        """Second against first; raises an InputError, also when they are over different cases."""
        tuned = self._find_tuned(second)
        before, *between, after = (take_part(self.open_source(name), part, tuned) for name in (first, *through, second))
        for source in (before, *between, after):
            check_scoring(source)
        terms = Terms(
            policy=self.policy,
            families=after.families,
            yardstick=self._find_yardstick(after),
            through=tuple(between),
            common=common,
        )
        return compare_runs(before, after, terms)

    def accept(self, name: str, reason: str, path: Path | None = None) -> tuple[Path, ComparisonReport | None]:
        """Makes a finished run the baseline of its set; gives the file, and how it compares with the one before.

        Raises an InputError, or RunNotWritable.
        """
        if not reason.strip():
            raise InputError('A baseline is accepted for a reason: --reason "why these grades are right".')
        run = self.evaluation.open_finished(name)
        if run.plan.limit is not None or run.plan.criteria:
            raise RunInvalid(f"The run {run.plan.id} is over a part of the set. Accept a run over all of it.")
        table = read_table(run.path)
        if not np.isfinite(table.overall).any():
            raise RunInvalid(f"The run {run.plan.id} scored none of its cases: nothing to hold others against.")
        found = make_baseline(
            run.plan, table, run.read_prompt().source, run.read_finished().seconds, reason.strip(), now()
        )
        target = path or self._open_set(run.plan.set_id).folder / BASELINE
        self._check_whole(found, target)
        before = None
        if target.is_file():
            with suppress(InputError):  # over cases that the set has no more: nothing to compare with
                before = self.compare(str(target), name)
        write_baseline(target, found)
        return target, before

    def open_source(self, name: str) -> Source:
        """What the name stands for; raises UnknownRun, UnknownEvalSet or RunInvalid."""
        path = self._find_baseline(name)
        if path is None:
            return open_run_source(self.evaluation.open_finished(name))
        baseline = read_baseline(path)
        return open_baseline_source(baseline, self._open_set_of(baseline, path), path)

    def choose_baseline(self, set_name: str, against: str | None = None) -> str:
        """What a run of the set is to be held against: `against`, else the committed baseline.

        It is opened, so that one that does not fit is told of before the run is paid for. Raises an InputError, also
        for a run or baseline of another set.
        """
        baseline = against or str(self.find_baseline(set_name))
        found, wanted = self.open_source(baseline).identity.set_id, self._open_set(set_name).front.id
        if found != wanted:
            raise RunInvalid(
                f"--against {baseline} is of the set {found}, and the run is to be of {wanted}. Name a run or a "
                f"baseline of {wanted}."
            )
        return baseline

    def find_baseline(self, set_name: str) -> Path:
        """The committed baseline of a set; raises UnknownRun when it has none."""
        path = self.evaluation.library.evals.find_folder(set_name) / BASELINE
        if not path.is_file():
            raise UnknownRun(
                f"The set {set_name} has no baseline. Accept a run (interview-grader evals accept RUN --reason …), or "
                "name one with --against."
            )
        return path

    def _find_newest_run(self, name: str) -> str | None:
        """The folder of a set's newest finished run; None for what is no set, or one without a run here."""
        runs = self.evaluation.settings.runs
        with suppress(UnknownRun):
            find_run(name, runs)
            return None
        with suppress(UnknownEvalSet):
            set_id = self._open_set(name).front.id
            return next(
                (str(run.path) for run in list_runs(runs) if run.is_finished and run.plan.set_id == set_id), None
            )
        return None

    def _find_baseline(self, name: str) -> Path | None:
        if Path(name).is_file():
            return Path(name)
        with suppress(UnknownRun):
            find_run(name, self.evaluation.settings.runs)
            return None
        with suppress(UnknownEvalSet):
            return self.find_baseline(name)
        return None  # neither run nor set: the search for a run says what there is

    def _open_set(self, name: str) -> EvalSet:
        return self.evaluation.library.evals.open(name)

    def _open_set_of(self, baseline: Baseline, path: Path) -> EvalSet:
        """The set beside the baseline's file, else the one of its name."""
        return self._open_set(str(path.parent) if (path.parent / FRONT).is_file() else baseline.run.set_id)

    def _check_whole(self, found: Baseline, path: Path) -> None:
        """Raises RunInvalid when the next gate would refuse this baseline: the set has changed since its run."""
        with suppress(UnknownEvalSet):  # a set elsewhere, and --out: whoever keeps it there knows
            eval_set = self._open_set_of(found, path)
            if tabulate_baseline(found, eval_set, path).case_ids != tuple(eval_set.ids):
                raise RunInvalid(f"The set {found.run.set_id} has more cases than {found.run.id}. Run it again.")

    def _find_tuned(self, name: str) -> tuple[str, ...]:
        path = self._find_baseline(name)
        if path is None:
            return self.evaluation.open_finished(name).read_front().tuned_on
        return self._open_set_of(read_baseline(path), path).front.tuned_on

    def _find_yardstick(self, source: Source) -> RunTable | None:
        """The embedded grader on the same set: the baseline when it is that, else the newest such run; else None."""
        identity = source.identity
        if identity.model_requested == EMBEDDED:
            return None
        with suppress(UnknownEvalSet, UnknownRun, RunInvalid):
            path = self.find_baseline(identity.set_id)
            baseline = read_baseline(path)
            if baseline.run.model == EMBEDDED:
                return tabulate_baseline(baseline, self._open_set(identity.set_id), path)
        for run in list_runs(self.evaluation.settings.runs):
            if self._is_yardstick(run, identity.set_id):
                with suppress(RunInvalid):
                    return read_table(open_finished(run.path).path)
        return None

    def _is_yardstick(self, run: RunFolder, set_id: str) -> bool:
        return run.is_finished and run.plan.model == EMBEDDED and run.plan.set_id == set_id


def describe_source(source: Source) -> str:
    """`run of 2026-11-21 10:00`, or `baseline of 2026-11-21`."""
    identity = source.identity
    if identity.run_id.startswith("baseline of "):
        return identity.run_id
    return f"run of {identity.started_at:%Y-%m-%d %H:%M}"
