"""How far people and the grader, and people among themselves, agree on the answers that people reviewed.

Only the random sample tells how good the grader is. Answers that were flagged, uncertain or near the cutoff were chosen
because they are hard: their figures are given apart. Of each reviewer the first review of an answer counts: after it
the machine's score and the other reviews can be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from service.batches.review_queue import draw_sample
from service.domain.batch import AnswerState, Batch
from service.statistics.undefined import Undefined
from service.store.results import AnswerColumns
from service.store.reviews import Review

MIN_ANSWERS = 10  # fewer give figures that the next answer overturns
SELECTED_CAUTION = (
    "The answers outside the random sample were picked because something about them stood out. Their agreement says "
    "nothing about the batch as a whole."
)
SEEN_CAUTION = (
    "Reviewers could see the machine's score before they gave their own, which draws them towards it: true agreement "
    "is lower. For a batch with blind reviews it is not so."
)

Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """Agreement over `n` answers; see statistics/agreement.py for the formulas. None where `why_not` says why.

    `kappa` quadratic weighted (-1–1); `exact` and `adjacent` shares; `mean_error` in levels.
    """

    n: int
    kappa: float | None = None
    exact: float | None = None
    adjacent: float | None = None
    mean_error: float | None = None
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Figures of the overall, and of each criterion that was observed by both."""

    overall: Figures
    criteria: Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class ReviewAgreement:
    """Human–machine and human–human, of the random sample and of the other reviewed answers.

    `sampled` answers are in the random sample, `sample_reviewed` of them were reviewed. `cautions` are to be shown.
    """

    human_machine_sample: Part
    human_machine_selected: Part
    human_human_sample: Part
    human_human_selected: Part
    sampled: int
    sample_reviewed: int
    cautions: tuple[str, ...]


def measure_reviews(columns: AnswerColumns, batch: Batch, reviews: Sequence[Review]) -> ReviewAgreement:
    """The agreement so far. `reviews` are those of the batch, by answer, oldest first."""
    in_sample = columns.has_state(AnswerState.SCORED) & draw_sample(batch.id, columns.number, batch.spec.sample_share)
    machine: dict[bool, list[_Compared]] = {True: [], False: []}
    human: dict[bool, list[_Compared]] = {True: [], False: []}
    for number, views in group_first_reviews(reviews).items():
        place = columns.find(number)
        if place is None:
            continue
        is_sampled = bool(in_sample[place])
        score = float(columns.overall[place])
        given = _Judged(None if np.isnan(score) else score, columns.get_levels(place))
        people = [_Judged(view.overall, view.levels) for view in views]
        machine[is_sampled].append((_average(people), given))
        if len(people) > 1:
            human[is_sampled].append((people[0], people[1]))
    return ReviewAgreement(
        human_machine_sample=_measure(machine[True]),
        human_machine_selected=_measure(machine[False]),
        human_human_sample=_measure(human[True]),
        human_human_selected=_measure(human[False]),
        sampled=int(in_sample.sum()),
        sample_reviewed=len(machine[True]),
        cautions=(SELECTED_CAUTION, SEEN_CAUTION) if _could_see(batch, reviews) else (SELECTED_CAUTION,),
    )


def group_first_reviews(reviews: Sequence[Review]) -> dict[int, list[Review]]:
    """Answer -> the first review of each reviewer, oldest first."""
    found: dict[int, dict[str, Review]] = {}
    for review in sorted(reviews, key=lambda review: (review.created_at, review.id)):
        found.setdefault(review.key.number, {}).setdefault(review.reviewer, review)
    return {number: list(views.values()) for number, views in sorted(found.items())}


def _could_see(batch: Batch, reviews: Sequence[Review]) -> bool:
    """Whether somebody could see the machine's score before they gave their own."""
    opened_at = batch.spec.results_opened_at
    if not batch.spec.blind_reviews:
        return True
    return opened_at is not None and any(review.created_at > opened_at for review in reviews)


@dataclass(frozen=True, slots=True)
class _Judged:
    overall: float | None
    levels: Mapping[str, float | None]


_Compared = tuple[_Judged, _Judged]


def _average(people: Sequence[_Judged]) -> _Judged:
    criteria = dict.fromkeys(criterion for one in people for criterion in one.levels)
    return _Judged(
        _average_known([one.overall for one in people]),
        {criterion: _average_known([one.levels.get(criterion) for one in people]) for criterion in criteria},
    )


def _average_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _measure(compared: Sequence[_Compared]) -> Part:
    criteria = dict.fromkeys(criterion for one, _ in compared for criterion in one.levels)
    return Part(
        _measure_pairs([(one.overall, other.overall) for one, other in compared]),
        {
            criterion: _measure_pairs(
                [(one.levels.get(criterion), other.levels.get(criterion)) for one, other in compared]
            )
            for criterion in criteria
        },
    )


def _measure_pairs(pairs: Sequence[tuple[float | None, float | None]]) -> Figures:
    known: list[Pair] = [(one, other) for one, other in pairs if one is not None and other is not None]
    if len(known) < MIN_ANSWERS:
        return Figures(len(known), why_not=f"Too few: {len(known)} answers that both judged, {MIN_ANSWERS} are needed.")
    from service.statistics.agreement import measure_agreement  # scipy takes 0.7 s to load: not for every command

    found = measure_agreement([one for one, _ in known], [other for _, other in known])
    kappa = found.kappa
    return Figures(
        n=found.n,
        kappa=None if isinstance(kappa, Undefined) else kappa,
        exact=found.exact,
        adjacent=found.adjacent,
        mean_error=found.mean_error,
        why_not=kappa.reason if isinstance(kappa, Undefined) else None,
    )
