"""Cases laid open: the answer with its evidence marked, and criterion by criterion what was said of it."""

from __future__ import annotations

from dataclasses import dataclass

from service.evaluation.report.formatting import format_code, format_level
from service.evaluation.report.highlight import Segment, cut_segments
from service.evaluation.results.shown import CriterionView, ShownCase, Side

SIDE_LETTERS = ("A", "B")


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one grade, or the raters, say of one criterion. `letter` is empty in the report of one run."""

    who: str
    letter: str
    level: str
    text: str


@dataclass(frozen=True, slots=True)
class CriterionOpinions:
    number: int
    name: str
    moved: bool
    opinions: tuple[Opinion, ...]


@dataclass(frozen=True, slots=True)
class CaseView:
    """`overalls` are the reference's and the grades', in that order. `segments` are the answer; see `cut_segments`."""

    id: str
    question: str
    overalls: tuple[Opinion, ...]
    segments: tuple[Segment, ...]
    numbers: dict[str, int]
    criteria: tuple[CriterionOpinions, ...]


def view_case(case: ShownCase) -> CaseView:
    """The case as the page shows it; criteria keep the order of the grade, then come those that only raters judged."""
    letters = SIDE_LETTERS if len(case.sides) > 1 else ("",)
    names = {view.criterion: view.name for side in case.sides for view in side.criteria}
    ids = dict.fromkeys((*names, *case.reference, *(span.criterion for side in case.sides for span in side.evidence)))
    numbers = {criterion: number for number, criterion in enumerate(ids, 1)}
    return CaseView(
        case.id,
        case.question,
        (
            Opinion("Reference", "", _state_reference(case), ""),
            *(_state_side(side, letter) for side, letter in zip(case.sides, letters, strict=True)),
        ),
        cut_segments(case.answer, [side.evidence for side in case.sides]),
        numbers,
        tuple(
            _view_criterion(case, criterion, names.get(criterion, format_code(criterion)), number, letters)
            for criterion, number in numbers.items()
        ),
    )


def _state_reference(case: ShownCase) -> str:
    return "none" if case.reference_overall is None else f"{case.reference_overall:.2f}"


def _state_side(side: Side, letter: str) -> Opinion:
    reason = f"not scored: {format_code(side.reason)}" if side.reason else "not scored"
    return Opinion("Grade", letter, reason if side.overall is None else f"{side.overall:.2f}", "")


def _view_criterion(
    case: ShownCase, criterion: str, name: str, number: int, letters: tuple[str, ...]
) -> CriterionOpinions:
    views = [_find_view(side, criterion) for side in case.sides]
    rated = format_level(case.reference[criterion]) if criterion in case.reference else "not rated"
    grades = tuple(
        Opinion("Grade", letter, "not scored", "")
        if view is None
        else Opinion("Grade", letter, format_level(view.level), view.rationale)
        for view, letter in zip(views, letters, strict=True)
    )
    reference = Opinion("Reference", "", rated, case.reference_reasons.get(criterion, ""))
    return CriterionOpinions(number, name, len({grade.level for grade in grades}) > 1, (reference, *grades))


def _find_view(side: Side, criterion: str) -> CriterionView | None:
    return next((view for view in side.criteria if view.criterion == criterion), None)
