"""A finished run as arrays: what every statistic is computed from.

Reading is one pass over `grades.jsonl`; no grade is kept. Shapes are (cases), (cases, repeats), (cases, criteria) or
(cases, repeats, criteria); cases stand in the order of `cases.jsonl`, criteria in that of the rubric.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.domain.grade import ReasonCode
from service.domain.rubric import LOWEST_LEVEL
from service.errors import RunInvalid
from service.evaluation.folder import GRADE_KEYS, GRADES, open_finished
from service.evaluation.lines import Line, read_lines
from service.evaluation.references import CaseTable, tabulate_cases

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RunTable(CaseTable):
    """What a run graded, beside what was asked and what the raters said (CaseTable).

    `levels` holds 1.0 where the grader observed nothing, which is how that counts in the score, and NaN where there is
    no judgement: not asked, or unscored for another reason than `nothing_observed`. `overall` is NaN when unscored;
    then `reasons[case][repeat]` is the reason's code, else "". Tokens and cost (US dollars) are NaN where unknown.
    `raised[case][repeat]` are codes of flags, `flags` their counts.
    """

    levels: FloatArray
    observed: BoolArray
    overall: FloatArray
    reasons: tuple[tuple[str, ...], ...]
    raised: tuple[tuple[frozenset[str], ...], ...]
    flags: Mapping[str, int]
    latency_seconds: FloatArray
    tokens_in: FloatArray
    tokens_out: FloatArray
    cost_usd: FloatArray
    models_served: tuple[str, ...]


def read_table(path: Path) -> RunTable:
    """The table of the finished run in this folder; raises RunInvalid as `open_finished`, or naming file and line."""
    run = open_finished(path)
    cases = tabulate_cases(run)
    grades = GradeColumns(cases, run.plan.repeats)
    for line in read_lines(path / GRADES, *GRADE_KEYS):
        grades.add(line)
    return grades.build(path)


class GradeColumns:
    """The arrays, filled line by line."""

    def __init__(self, cases: CaseTable, repeats: int) -> None:
        shape = (len(cases.case_ids), repeats)
        self._cases = cases
        self._rows = {case: row for row, case in enumerate(cases.case_ids)}
        self._columns = {criterion: column for column, criterion in enumerate(cases.criteria)}
        self._levels = np.full((*shape, len(cases.criteria)), np.nan)
        self._observed = np.zeros((*shape, len(cases.criteria)), dtype=np.bool_)
        self._overall, self._latency = np.full(shape, np.nan), np.full(shape, np.nan)
        self._tokens_in, self._tokens_out = np.full(shape, np.nan), np.full(shape, np.nan)
        self._cost = np.full(shape, np.nan)
        self._reasons: list[list[str]] = [[""] * shape[1] for _ in range(shape[0])]
        self._raised: list[list[frozenset[str] | None]] = [[None] * shape[1] for _ in range(shape[0])]
        self._known: dict[frozenset[str], frozenset[str]] = {}
        self._models: dict[str, None] = {}

    def add(self, line: Line) -> None:
        """Takes what is counted out of one line."""
        content = line.content
        try:
            place = self._rows[content["case"]], content["repeat"]
            self._latency[place] = content["latency_seconds"]
            self._take(place, content["grade"])
        except (KeyError, TypeError, IndexError, ValueError):  # no cause: it may quote the grade
            raise RunInvalid(
                f"{GRADES} line {line.number}: is no grade of this run that this version reads. Run the set again."
            ) from None

    def _take(self, place: tuple[int, int], grade: Mapping[str, Any]) -> None:
        made = grade["provenance"]
        for array, value in (
            (self._tokens_in, made["tokens"]["input"]),
            (self._tokens_out, made["tokens"]["output"]),
            (self._cost, made["cost_usd"]),
        ):
            if value is not None:
                array[place] = value
        self._models.update(dict.fromkeys(made["models_served"]))
        codes = frozenset(flag["code"] for flag in grade["flags"])
        row, repeat = place
        self._raised[row][repeat] = self._known.setdefault(codes, codes)
        if grade["overall"] is not None:
            self._overall[place] = grade["overall"]["score"]
        else:
            self._reasons[row][repeat] = str(ReasonCode(grade["reason"]["code"]))
        for criterion in grade["criteria"]:  # empty when there was no judgement
            column = self._columns[criterion["id"]]
            level = criterion["level"]
            self._levels[row, repeat, column] = LOWEST_LEVEL if level is None else level
            self._observed[row, repeat, column] = level is not None

    def build(self, path: Path) -> RunTable:
        """The table; raises RunInvalid when a grade is missing."""
        missing = [case for case, raised in zip(self._cases.case_ids, self._raised, strict=True) if None in raised]
        if missing:
            raise RunInvalid(f"{path / GRADES}: holds no grade of case {missing[0]}. Run the set again.")
        raised = tuple(tuple(codes or frozenset() for codes in row) for row in self._raised)
        cases = {field.name: getattr(self._cases, field.name) for field in fields(self._cases)}
        return RunTable(
            **cases,
            levels=self._levels,
            observed=self._observed,
            overall=self._overall,
            reasons=tuple(tuple(row) for row in self._reasons),
            raised=raised,
            flags=count_flags(raised),
            latency_seconds=self._latency,
            tokens_in=self._tokens_in,
            tokens_out=self._tokens_out,
            cost_usd=self._cost,
            models_served=tuple(sorted(self._models)),
        )


def count_flags(raised: Sequence[Sequence[frozenset[str]]]) -> dict[str, int]:
    """How many grades have each flag, by code."""
    return dict(sorted(Counter(code for row in raised for codes in row for code in codes).items()))


def select_cases(table: RunTable, case_ids: Sequence[str]) -> RunTable:
    """The table of these cases, in this order; raises KeyError for one that it does not have."""
    rows = {case: row for row, case in enumerate(table.case_ids)}
    chosen = [rows[case] for case in case_ids]
    changes: dict[str, Any] = {
        "groups": {name: tuple(values[row] for row in chosen) for name, values in table.groups.items()},
        "raised": tuple(table.raised[row] for row in chosen),
    }
    for field in fields(table):
        value = getattr(table, field.name)
        if field.name in {"criteria", "flags", "models_served", *changes}:
            continue
        changes[field.name] = value[chosen] if isinstance(value, np.ndarray) else tuple(value[row] for row in chosen)
    return replace(table, **changes, flags=count_flags(changes["raised"]))
