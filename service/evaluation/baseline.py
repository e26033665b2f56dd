"""A committed baseline: the levels of a run that somebody accepted, with the reason. `evals/<set>/baseline.json`.

It keeps no answer, no rationale and no quote: the cases are in the set, and what a gate needs of the run are its
levels. One case a line, so that a review shows which grades an acceptance changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from service.assets.evals import EvalSet
from service.domain.base import Text, Value
from service.domain.grade import FlagCode, LevelValue, ReasonCode
from service.errors import RunInvalid
from service.evaluation.folder import write_atomically
from service.evaluation.lines import Line
from service.evaluation.plan import RunPlan
from service.evaluation.references import CaseTable, tabulate
from service.evaluation.table import GradeColumns, RunTable

BASELINE = "baseline.json"


class KeptGrade(Value):
    """What is kept of one grade; a criterion that was not observed has the level None, as in a grade.

    `fingerprint` pins the question and the answer, `ratings` what the raters said of it.
    """

    case: str
    repeat: int
    fingerprint: str
    ratings: str
    overall: LevelValue | None
    reason: ReasonCode | None
    levels: Mapping[str, LevelValue | None]
    flags: tuple[FlagCode, ...]


class Baseline(Value):
    """The whole file. `elapsed_seconds` is None when the run did not say."""

    format: Literal[1] = 1
    accepted_at: datetime
    reason: Text
    run: RunPlan
    models_served: tuple[str, ...]
    elapsed_seconds: float | None
    prompt_text: str
    grades: tuple[KeptGrade, ...] = Field(min_length=1)


def make_baseline(
    plan: RunPlan, table: RunTable, prompt_text: str, elapsed_seconds: float, reason: str, now: datetime
) -> Baseline:
    """The baseline of a finished run."""
    return Baseline(
        accepted_at=now,
        reason=reason,
        run=plan,
        models_served=table.models_served,
        elapsed_seconds=elapsed_seconds,
        prompt_text=prompt_text,
        grades=tuple(_keep_grades(table)),
    )


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Writes the file whole or not at all; raises RunNotWritable."""
    content = baseline.model_dump(mode="json")
    grades = content.pop("grades")
    head = json.dumps(content, indent=1, ensure_ascii=False).removesuffix("\n}")
    lines = ",\n".join("  " + json.dumps(grade, ensure_ascii=False) for grade in grades)
    write_atomically(path, [f'{head},\n "grades": [\n{lines}\n ]\n}}\n'.encode()])


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file; raises RunInvalid naming file and field."""
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunInvalid(
            f"{path}: cannot be read ({error.strerror}). Make a baseline with interview-grader evals accept RUN."
        ) from None
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise RunInvalid(f"{path}, {where}: {first['msg']}. Restore the file from git.") from None


def tabulate_baseline(baseline: Baseline, eval_set: EvalSet, path: Path) -> RunTable:
    """The baseline's table, with the cases and references of the set as it is today.

    Raises RunInvalid when the set lacks a case of the baseline, the case has another question or answer now, or the
    rubric no longer asks for a criterion that was graded; also when a grade stands twice or is missing.
    """
    _check_rubric(baseline, eval_set, path)
    kept = dict.fromkeys(grade.case for grade in baseline.grades)
    cases = tabulate(
        (case for case in eval_set if case.id in kept), eval_set.rubric, eval_set.front.reference, baseline.run.criteria
    )
    _check_cases(baseline, cases, path)
    _check_grades(baseline, cases, path)
    columns = GradeColumns(cases, baseline.run.repeats)
    for number, grade in enumerate(baseline.grades, 1):
        columns.add(Line(number, 0, _expand(grade, baseline.models_served)))
    return columns.build(path)


def _check_cases(baseline: Baseline, cases: CaseTable, path: Path) -> None:
    today = dict(zip(cases.case_ids, zip(cases.fingerprints, cases.rating_prints, strict=True), strict=True))
    for grade in baseline.grades:
        found = today.get(grade.case)
        if found is None:
            what = "is not in the set any more"
        elif found[0] != grade.fingerprint:
            what = "has another question or answer now"
        elif found[1] != grade.ratings:
            what = "has other ratings now"  # held against them, yesterday's grades would seem to have changed
        else:
            continue
        raise RunInvalid(
            f"{path}: case {grade.case} {what}. Run the baseline's prompt and model over the set again, and accept "
            "that run."
        )


def _check_rubric(baseline: Baseline, eval_set: EvalSet, path: Path) -> None:
    if baseline.run.rubric_hash != eval_set.rubric.content_hash:
        raise RunInvalid(
            f"{path}: was made under {baseline.run.rubric} with another text than {eval_set.rubric.label} has now. Run "
            "the baseline's prompt and model again, and accept that run."
        )


def _check_grades(baseline: Baseline, cases: CaseTable, path: Path) -> None:
    criteria, places = set(cases.criteria), {(grade.case, grade.repeat) for grade in baseline.grades}
    expected = {(case, repeat) for case in cases.case_ids for repeat in range(baseline.run.repeats)}
    if places != expected or len(baseline.grades) != len(expected):
        raise RunInvalid(
            f"{path}: expected one grade of each case for each of the {baseline.run.repeats} repeats, found "
            f"{len(baseline.grades)} for {len(expected)}. Restore the file from git; a merge may have mixed two."
        )
    asked = {
        case: {criterion for criterion, is_asked in zip(cases.criteria, row, strict=True) if is_asked}
        for case, row in zip(cases.case_ids, cases.asked.tolist(), strict=True)
    }
    for grade in baseline.grades:
        if unknown := sorted(grade.levels.keys() - criteria):
            raise RunInvalid(
                f"{path}: case {grade.case} has a level of {unknown[0]}, which the set's rubric does not ask for. The "
                f"baseline was made under {baseline.run.rubric}: run its prompt and model again, and accept that run."
            )
        if grade.overall is not None and (lacking := sorted(asked[grade.case] - grade.levels.keys())):
            raise RunInvalid(
                f"{path}: case {grade.case} has a score but no level of {lacking[0]}. Restore it from git."
            )


def _keep_grades(table: RunTable) -> Iterator[KeptGrade]:
    for row, case in enumerate(table.case_ids):
        for repeat in range(table.overall.shape[1]):
            overall = float(table.overall[row, repeat])
            reason = table.reasons[row][repeat]
            yield KeptGrade(
                case=case,
                repeat=repeat,
                fingerprint=table.fingerprints[row],
                ratings=table.rating_prints[row],
                overall=overall if np.isfinite(overall) else None,
                reason=ReasonCode(reason) if reason else None,
                levels=_keep_levels(table, row, repeat),
                flags=tuple(FlagCode(code) for code in sorted(table.raised[row][repeat])),
            )


def _keep_levels(table: RunTable, row: int, repeat: int) -> dict[str, float | None]:
    levels: dict[str, float | None] = {}
    for column, criterion in enumerate(table.criteria):
        level = float(table.levels[row, repeat, column])
        if table.asked[row, column] and np.isfinite(level):
            levels[criterion] = level if table.observed[row, repeat, column] else None
    return levels


def _expand(grade: KeptGrade, models_served: tuple[str, ...]) -> dict[str, Any]:
    """The parts of a line of `grades.jsonl` that a table is made of."""
    nothing = {"tokens": {"input": None, "output": None}, "cost_usd": None, "models_served": models_served}
    return {
        "case": grade.case,
        "repeat": grade.repeat,
        "latency_seconds": np.nan,
        "grade": {
            "overall": None if grade.overall is None else {"score": grade.overall},
            "reason": None if grade.reason is None else {"code": grade.reason},
            "criteria": [{"id": name, "level": level} for name, level in grade.levels.items()],
            "flags": [{"code": code} for code in grade.flags],
            "provenance": nothing,
        },
    }
