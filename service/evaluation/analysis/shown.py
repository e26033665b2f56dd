"""Cases laid open: the answer, what the raters said, and one grade or two with the evidence they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from service.domain.case import Case
from service.domain.judgement import NOT_OBSERVED
from service.evaluation.analysis.columns import FloatArray
from service.evaluation.analysis.sources import Source
from service.evaluation.results.shown import CriterionView, ShownCase, Side, Span
from service.evaluation.table import RunTable

MAX_SHOWN = 20
LEVELS_ONLY = "This baseline keeps the levels only."


def show_cases(sources: Sequence[Source], case_ids: Sequence[str], moves: FloatArray) -> tuple[ShownCase, ...]:
    """Up to twenty cases with the largest `moves` (above zero, one a case), the same ones whenever the runs are."""
    order = sorted(range(len(case_ids)), key=lambda place: (-round(float(moves[place]), 6), case_ids[place]))
    chosen = [place for place in order[:MAX_SHOWN] if moves[place] > 0]
    cases = sources[-1].read_cases({case_ids[place] for place in chosen}) if chosen else {}
    return tuple(_show(sources, cases[case_ids[place]], float(np.round(moves[place], 3))) for place in chosen)


def _show(sources: Sequence[Source], case: Case, moved_by: float) -> ShownCase:
    newest = sources[-1]
    place = newest.table.case_ids.index(case.id)
    overall = float(newest.table.reference_overall[place])
    return ShownCase(
        id=case.id,
        question=newest.rubric.get_question(case.question).text,
        answer=case.answer,
        reference=_read_reference(newest.table, place),
        reference_overall=round(overall, 3) if np.isfinite(overall) else None,
        reference_reasons={
            name: level.reason for rating in case.ratings[:1] for name, level in rating.levels.items() if level.reason
        },
        moved_by=moved_by,
        sides=tuple(_show_side(source, case.id) for source in sources),
    )


def _read_reference(table: RunTable, place: int) -> Mapping[str, Any]:
    levels, observed = table.reference_levels[place], table.reference_observed[place]
    return {
        name: round(float(levels[i]), 3) if observed[i] else NOT_OBSERVED
        for i, name in enumerate(table.criteria)
        if np.isfinite(levels[i])
    }


def _show_side(source: Source, case_id: str) -> Side:
    grade = source.read_grade(case_id)
    if not grade:
        return _show_levels(source, case_id)
    overall, reason = grade.get("overall"), grade.get("reason")
    return Side(
        overall=round(overall["score"], 3) if overall else None,
        reason=reason["code"] if reason else None,
        criteria=tuple(
            CriterionView(
                criterion=one["id"],
                name=one["name"],
                level=one["level"] if one["status"] == "scored" else "not_observed",
                rationale=one["rationale"],
            )
            for one in grade["criteria"]
        ),
        evidence=tuple(
            Span(start=quote["start"], end=quote["end"], criterion=one["id"])
            for one in grade["criteria"]
            for quote in (*one["evidence"], *(flag["evidence"] for flag in one["red_flags"]))
        ),
    )


def _show_levels(source: Source, case_id: str) -> Side:
    table = source.table
    place = table.case_ids.index(case_id)
    overall = float(table.overall[place, 0])
    names = {criterion.id: criterion.name for criterion in source.rubric.criteria}
    views = []
    for index, criterion in enumerate(table.criteria):
        level = float(table.levels[place, 0, index])
        if table.asked[place, index] and np.isfinite(level):
            shown: Any = level if table.observed[place, 0, index] else "not_observed"
            views.append(CriterionView(criterion=criterion, name=names[criterion], level=shown, rationale=LEVELS_ONLY))
    return Side(
        overall=round(overall, 3) if np.isfinite(overall) else None,
        reason=table.reasons[place][0] or None,
        criteria=tuple(views),
        evidence=(),
    )
