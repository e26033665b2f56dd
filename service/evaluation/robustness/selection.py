"""Which base cases a family changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from service.domain.case import Case, NoOverall, ReferenceRule, compute_reference
from service.domain.rubric import Rubric
from service.evaluation.robustness.draws import compute_rank
from service.evaluation.robustness.families import Family, Selection
from service.evaluation.robustness.sentences import split_sentences


def choose_bases(
    cases: Iterable[Case], family: Family, rubric: Rubric, fits: Callable[[Case], bool]
) -> tuple[Case, ...]:
    """The cases that the family's selection and `fits` let through, drawn in turn over the questions.

    Taking one case of each question before a second of any keeps a family from resting on one question.
    """
    wanted = family.select
    ranked = sorted(
        (case for case in cases if case.base is None and _is_wanted(case, wanted, rubric)),
        key=lambda case: compute_rank(f"{family.id} {wanted.seed} {case.id}"),
    )
    taken: Counter[str] = Counter()
    placed: list[tuple[int, str, Case]] = []
    for case in ranked:
        if fits(case):
            taken[case.question] += 1
            placed.append((taken[case.question], compute_rank(f"{family.id} {wanted.seed} {case.question}"), case))
    placed.sort(key=lambda one: one[:2])
    return tuple(case for _, _, case in placed[: wanted.number])


def _is_wanted(case: Case, wanted: Selection, rubric: Rubric) -> bool:
    if wanted.kind not in (None, case.kind):
        return False
    if any(case.groups.get(column) != value for column, value in wanted.groups.items()):
        return False
    if wanted.min_sentences > 1 and len(split_sentences(case.answer)) < wanted.min_sentences:
        return False
    return _has_overall(case, wanted, rubric)


def _has_overall(case: Case, wanted: Selection, rubric: Rubric) -> bool:
    if wanted.min_overall is None and wanted.max_overall is None:
        return True
    overall = compute_reference(case.ratings, rubric.get_question(case.question), ReferenceRule.FIRST).overall
    if isinstance(overall, NoOverall):
        return False
    return (wanted.min_overall or 0) <= overall <= (wanted.max_overall or 5)
