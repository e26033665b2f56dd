"""Columns and snapshots made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from service.batches.ranking.error import GraderError
from service.batches.ranking.snapshot import Basis, Snapshot, build_snapshot
from service.domain.batch import AnswerState
from service.domain.grade import FlagCode
from service.store.results import FLAGS, STATES, AnswerColumns, Override, Stamp
from tests.factories import make_rubric

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
QUESTION, OTHER = "angry-customer", "empathy-only"  # weights: empathy 2, resolution 1; empathy 1
CRITERIA = ("empathy", "resolution")


@dataclass(frozen=True, slots=True)
class Given:
    """One answer: whose, to what, with which levels (None: not observed)."""

    candidate: str | None
    overall: float | None = None
    empathy: float | None = None
    resolution: float | None = None
    question: str = QUESTION
    uncertainty: float | None = None
    state: AnswerState | None = None
    flags: Sequence[FlagCode] = ()
    duplicate_of: int = -1
    row: int | None = None
    override: Override | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def make_columns(given: Sequence[Given]) -> AnswerColumns:
    """The columns of these answers; one with an overall is scored, else it waits."""
    names = list(dict.fromkeys(one.candidate for one in given if one.candidate is not None))
    questions = list(dict.fromkeys(one.question for one in given))
    states = [one.state or (AnswerState.WAITING if one.overall is None else AnswerState.SCORED) for one in given]
    levels = np.array([[one.empathy, one.resolution] for one in given], np.float64).reshape(len(given), 2)
    return AnswerColumns(
        number=np.arange(len(given)),
        row=np.array([number + 2 if one.row is None else one.row for number, one in enumerate(given)], np.int64),
        candidate=np.array([-1 if one.candidate is None else names.index(one.candidate) for one in given], np.int64),
        question=np.array([questions.index(one.question) for one in given], np.int64),
        state=np.array([STATES.index(state) for state in states], np.int8),
        overall=np.array([one.overall for one in given], np.float64),
        uncertainty=np.array([one.uncertainty for one in given], np.float64),
        levels=levels,
        judged=np.array([[one.overall is not None] * 2 for one in given], np.bool_).reshape(len(given), 2),
        flags=np.array([sum(1 << FLAGS.index(flag) for flag in one.flags) for one in given], np.int64),
        needs_review=np.array([bool(one.flags) for one in given], np.bool_),
        duplicate_of=np.array([one.duplicate_of for one in given], np.int64),
        similar_to=np.full(len(given), -1),
        candidates=tuple(names),
        questions=tuple(questions),
        criteria=CRITERIA,
        overrides={place: one.override for place, one in enumerate(given) if one.override},
    )


def make_snapshot(given: Sequence[Given], *, error: float = 0.1, samples: int = 1) -> Snapshot:
    """The ranking of these answers under the small rubric."""
    basis = Basis(make_rubric(), samples, GraderError(error, "made up", is_measured=True))
    return build_snapshot("snap", "bat_1", NOW, Stamp((), 0, None), make_columns(given), basis)
