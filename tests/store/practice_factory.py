"""Attempts and disputes for tests of the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from service.domain.answer import AnswerKind
from service.domain.grade import QuestionRef, VersionRef
from service.domain.practice import Attempt, AttemptState, Dispute, DisputeTarget, Learner
from tests.store.conftest import Clock

ADA, BOB = (Learner(id=digit * 64) for digit in "ab")


def make_attempt(clock: Clock, learner: Learner = ADA, **changes: Any) -> Attempt:
    """A waiting attempt, a minute newer than the one before."""
    clock.advance(timedelta(minutes=1))
    number = round(clock.time.timestamp())
    fields: dict[str, Any] = {
        "id": f"att_{number}",
        "learner": learner.id,
        "created_at": clock.time,
        "rubric": VersionRef(id="small", version=1),
        "question": QuestionRef(id="why", text="Why?"),
        "question_key": "why",
        "kind": AnswerKind.TYPED,
        "transcription": None,
        "parent": None,
        "interview": None,
        "place": None,
        "grade": f"grd_{number}",
        "state": AttemptState.WAITING,
    }
    return Attempt(**{**fields, **changes})


def make_dispute(clock: Clock, grade: str, **changes: Any) -> Dispute:
    clock.advance(timedelta(minutes=1))
    fields: dict[str, Any] = {
        "id": f"dsp_{clock.time.timestamp():.0f}",
        "created_at": clock.time,
        "grade": grade,
        "learner": ADA.id,
        "target": DisputeTarget.QUOTE,
        "criterion": "empathy",
        "quote": "I let her finish",
        "level": 4,
        "comment": "I said more than that.",
    }
    return Dispute(**{**fields, **changes})
