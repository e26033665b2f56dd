"""Practising: an anonymous learner, the questions they choose, their attempts, mock interviews and disputes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from service.domain.answer import AnswerKind
from service.domain.base import Value
from service.domain.grade import QuestionRef, VersionRef
from service.domain.rubric import FREE_QUESTION_ID, HIGHEST_LEVEL, QuestionKind

MAX_COMMENT_CHARACTERS = 2_000
OWNER_PREFIX = "learner:"  # of transcriptions; the owners of others are names of API keys


class Learner(Value):
    """A person who practises, known by nothing but a token in their browser. `id` is the token's SHA-256 (hex)."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def owner(self) -> str:
        """The owner of the learner's transcriptions."""
        return f"{OWNER_PREFIX}{self.id}"


def recognise_learner(token: str) -> Learner:
    """The learner with this token; the token itself is kept nowhere."""
    return Learner(id=hashlib.sha256(token.encode(errors="replace")).hexdigest())


class CriterionRef(Value):
    id: str
    name: str


class PracticeQuestion(Value):
    """A question that can be practised, of the newest version of its rubric. `criteria` by falling weight."""

    rubric: str
    rubric_version: int
    rubric_title: str
    id: str
    text: str
    kind: QuestionKind
    criteria: tuple[CriterionRef, ...]

    @property
    def key(self) -> str:
        return make_question_key(self.id, self.text)


def make_question_key(question_id: str, text: str) -> str:
    """What attempts at the same question share within a rubric: its id, or the text where it has none of its own."""
    if question_id != FREE_QUESTION_ID:
        return question_id
    return f"{FREE_QUESTION_ID}-{hashlib.sha256(' '.join(text.split()).casefold().encode()).hexdigest()[:16]}"


FOLLOW_UP = ".follow-up-"  # no id of a question has a full stop


def make_follow_up_key(root_key: str, text: str) -> str:
    """What attempts at the same follow-up to a question share; a follow-up to a follow-up belongs to the first one."""
    return f"{find_root_key(root_key)}{FOLLOW_UP}{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def find_root_key(question_key: str) -> str:
    """The key of the question that a follow-up follows; that of the question itself else."""
    return question_key.partition(FOLLOW_UP)[0]


class AttemptState(StrEnum):
    """WAITING: the answer is kept and not graded, be it that this is going on or that it failed."""

    WAITING = "waiting"
    SCORED = "scored"
    UNSCORED = "unscored"


class NewAttempt(Value):
    """What a learner hands in. `question` is an id or, where the rubric takes any question, a text.

    `transcription` is that of a spoken answer, whose text (as its speaker corrected it) may be left out here. `parent`
    is the attempt whose follow-up question this answers; `question` is then ignored. `interview` and `place` (from 0)
    say which question of which mock interview this answers.
    """

    rubric: str
    question: str
    answer: str = ""
    transcription: str | None = None
    parent: str | None = None
    interview: str | None = None
    place: int | None = None


class Attempt(Value):
    """One answer of a learner. `overall` (1.0–5.0), `band` and `levels` are None and empty unless it was scored.

    `problem` says why a waiting attempt could not be graded; its answer is kept, so it can be tried again. `is_kept`:
    the learner chose it as their best. `grade` is the id of its grade, drawn before there is one.
    """

    id: str
    learner: str
    created_at: datetime
    rubric: VersionRef
    question: QuestionRef
    question_key: str
    kind: AnswerKind
    transcription: str | None
    parent: str | None
    interview: str | None
    place: int | None
    grade: str
    state: AttemptState
    overall: float | None = None
    band: str | None = None
    levels: Mapping[str, float | None] = Field(default_factory=dict)
    is_kept: bool = False
    problem_code: str | None = None
    problem: str | None = None

    @property
    def is_waiting(self) -> bool:
        return self.state is AttemptState.WAITING

    @property
    def is_follow_up(self) -> bool:
        """Also once the attempt that it followed is deleted."""
        return FOLLOW_UP in self.question_key


class InterviewItem(Value):
    """One question of a mock interview, with the time to prepare and to answer.

    `started_at` is when the learner first saw it: the clock goes on through a reload. `attempt` is their answer's id.
    """

    question: PracticeQuestion
    preparation_seconds: int
    answer_seconds: int
    started_at: datetime | None = None
    attempt: str | None = None


class Interview(Value):
    """A mock interview of 3–5 questions."""

    id: str
    learner: str
    created_at: datetime
    items: tuple[InterviewItem, ...]

    @property
    def next_place(self) -> int | None:
        """The first question (from 0) without an answer; None when all are answered."""
        return next((place for place, item in enumerate(self.items) if item.attempt is None), None)


class DisputeTarget(StrEnum):
    """What a person says is wrong."""

    QUOTE = "quote"
    LEVEL = "level"
    TRANSCRIPT = "transcript"


class NewDispute(Value):
    """`criterion` (an id) is needed for a quote and a level, `quote` (as shown) for a quote."""

    target: DisputeTarget
    comment: str
    criterion: str | None = None
    quote: str | None = None
    level: Annotated[int, Field(ge=1, le=HIGHEST_LEVEL)] | None = None


class Dispute(Value):
    """What a person says is wrong with a grade. `learner` is None when it came with an API key."""

    id: str
    created_at: datetime
    grade: str
    learner: str | None
    target: DisputeTarget
    criterion: str | None
    quote: str | None
    level: int | None
    comment: str
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution: str | None = None
