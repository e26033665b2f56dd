"""The ranking of a batch as it was at one moment: computed once, then read by many pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from service.batches.ranking.error import GraderError
from service.batches.ranking.people import People, Questions, combine_answers, read_questions
from service.batches.ranking.tiers import assign_tiers, find_rank_intervals, rank_scores
from service.domain.batch import AnswerState
from service.domain.rubric import Rubric
from service.store.results import STATES, AnswerColumns, FloatArray, IntArray, Stamp


@dataclass(frozen=True, slots=True)
class Covered:
    """How much of the batch a snapshot knows: answers by state, people with and without a score."""

    answers: int
    waiting: int
    scored: int
    unscored: int
    failed: int
    people_ranked: int
    people_unscored: int


@dataclass(frozen=True, slots=True)
class Basis:
    """What a ranking is computed with besides the answers; `samples` is how often a model was asked for each."""

    rubric: Rubric
    samples: int
    grader_error: GraderError


@dataclass(frozen=True, eq=False)
class Snapshot:
    """`rank`, `best_rank`, `worst_rank` and `tier` count from 1 and are 0 for people without a score."""

    id: str
    batch_id: str
    made_at: datetime
    stamp: Stamp
    basis: Basis
    columns: AnswerColumns
    questions: Questions
    people: People
    rank: IntArray
    best_rank: IntArray
    worst_rank: IntArray
    tier: IntArray

    @cached_property
    def covered(self) -> Covered:
        """What this ranking is made of."""
        counts = np.bincount(self.columns.state, minlength=len(STATES)).tolist()
        by_state = dict(zip(STATES, counts, strict=True))
        ranked = int(self.people.is_scored.sum())
        return Covered(
            answers=len(self.columns),
            waiting=by_state[AnswerState.WAITING],
            scored=by_state[AnswerState.SCORED],
            unscored=by_state[AnswerState.UNSCORED],
            failed=by_state[AnswerState.FAILED],
            people_ranked=ranked,
            people_unscored=len(self.people) - ranked,
        )

    @cached_property
    def name_order(self) -> IntArray:
        """Of each person the place in the order of names; people without one come after, by row."""
        people = self.people
        names = [(name is None, name or "") for name in map(people.get_candidate, range(len(people)))]
        order = sorted(range(len(people)), key=names.__getitem__)
        place = np.empty(len(people), np.int64)
        place[order] = np.arange(len(people))
        return place

    @cached_property
    def band(self) -> IntArray:
        """Of each person the place of the band in the rubric's bands, -1 without a score."""
        starts = [band.at_least for band in self.basis.rubric.bands]
        found = np.searchsorted(starts, np.nan_to_num(self.people.overall), side="right") - 1
        return np.where(self.people.is_scored, found, -1).astype(np.int64)


def build_snapshot(
    id: str,  # noqa: A002 - what it is called in the snapshot
    batch_id: str,
    made_at: datetime,
    stamp: Stamp,
    columns: AnswerColumns,
    basis: Basis,
) -> Snapshot:
    """The ranking of these answers; 100,000 take 0.3 s of CPU, so call it in a thread. Raises UnknownQuestion."""
    questions = read_questions(columns, basis.rubric)
    people = combine_answers(columns, questions, basis.rubric, basis.samples, basis.grader_error)
    ranked = np.flatnonzero(people.is_scored)
    scores, errors = people.overall[ranked], people.error[ranked]
    best, worst = find_rank_intervals(scores, errors)
    snapshot = Snapshot(
        id=id,
        batch_id=batch_id,
        made_at=made_at,
        stamp=stamp,
        basis=basis,
        columns=columns,
        questions=questions,
        people=people,
        rank=_spread(rank_scores(scores), ranked, len(people)),
        best_rank=_spread(best, ranked, len(people)),
        worst_rank=_spread(worst, ranked, len(people)),
        tier=_spread(assign_tiers(scores, errors), ranked, len(people)),
    )
    _ = snapshot.covered, snapshot.name_order, snapshot.band, people.by_key  # here, in the thread
    return snapshot


def _spread(values: IntArray, places: IntArray, people: int) -> IntArray:
    spread = np.zeros(people, np.int64)
    spread[places] = values
    return spread


def get_level(snapshot: Snapshot, criterion: str) -> FloatArray:
    """The level of each person in one criterion, NaN where not observed. KeyError for a criterion of no rubric."""
    return snapshot.people.levels[:, {name: place for place, name in enumerate(snapshot.people.criteria)}[criterion]]
