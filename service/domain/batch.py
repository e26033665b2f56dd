"""A batch: many answers of one file, graded as one durable job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from service.domain.answer import AnswerKind
from service.domain.base import Value
from service.domain.grade import AssetRef, FlagCode
from service.domain.task import Mode

ANSWERS_IN_CHUNK = 50  # 5,000 answers of 50 ms, 64 in flight: chunks of 50, 100 and 200 ran at 1,103, 1,165 and 1,194/s


class BatchState(StrEnum):
    """Where a batch is. Only a running one asks a model."""

    IMPORTING = "importing"  # its rows are being stored; nothing is graded yet
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class PauseReason(StrEnum):
    """Who or what paused a batch. All but PERSON need something mended first."""

    PERSON = "person"
    SPENDING_LIMIT = "spending_limit"
    KEY_REJECTED = "key_rejected"
    MODEL_UNUSABLE = "model_unusable"  # no such model, no credit, not installed, live calls switched off
    ASSETS_CHANGED = "assets_changed"  # the rubric or prompt that the batch was submitted with is gone or was edited

    @property
    def advice(self) -> str:
        """What to do before the batch is resumed, in one sentence."""
        return _ADVICE[self]


_ADVICE = {
    PauseReason.PERSON: "Nothing is asked until it is resumed.",
    PauseReason.SPENDING_LIMIT: "Give it another limit and resume it, or cancel it and keep what is graded.",
    PauseReason.KEY_REJECTED: "Correct GRADER_API_KEY where the batch is graded, start that process anew, then resume.",
    PauseReason.MODEL_UNUSABLE: "Mend that where the batch is graded, start that process anew, then resume.",
    PauseReason.ASSETS_CHANGED: "Put the rubric and prompt back as they were where the batch is graded, then resume; "
    "or submit the file as a new batch.",
}


class AnswerState(StrEnum):
    """Where an answer is. FAILED: the backend could not grade it, nothing was scored, and it can be tried again."""

    WAITING = "waiting"
    SCORED = "scored"
    UNSCORED = "unscored"
    FAILED = "failed"


class BatchSpec(Value):
    """How every answer of a batch is graded; fixed when it is submitted, so that all are graded alike.

    `rubric`, `prompt` and `model` are pinned: a batch never changes its grader. `cutoff` (1–5) is the overall that a
    team looks at, for the borderline cases of its review queue. `sample_share` of the scored answers go to review as
    a random sample.
    """

    rubric: AssetRef
    prompt: AssetRef
    model: str
    samples: Annotated[int, Field(ge=1, le=9)] = 1
    mode: Mode = Mode.SCREENING
    cutoff: Annotated[float, Field(ge=1, le=5)] | None = None
    sample_share: Annotated[float, Field(ge=0, le=1)] = 0.05
    blind_reviews: bool = False
    results_opened_at: datetime | None = None  # when a person ended the blindness, for all at once
    spending_limit_usd: Annotated[float, Field(gt=0)] | None = None
    webhook_url: str | None = None

    @property
    def is_blind(self) -> bool:
        """See Batch.is_blind."""
        return self.blind_reviews and self.results_opened_at is None


class Batch(Value):
    """A batch as it is now.

    `round` counts how often chunks were queued again; `rejected` the rows of the file that were no answers.
    """

    id: str
    name: str
    owner: str
    created_at: datetime
    finished_at: datetime | None
    state: BatchState
    pause_reason: PauseReason | None
    pause_message: str | None
    priority: Annotated[int, Field(ge=0, le=9)]
    round: int
    file_name: str
    file_hash: str
    answers: int
    rejected: int
    spec: BatchSpec

    @property
    def is_blind(self) -> bool:
        """Whether reviewers still may not see what the machine and other reviewers said."""
        return self.spec.is_blind


class Counts(Value):
    """How far a batch is. Tokens and cost are of the calls that were made; None where a provider did not say."""

    waiting: int = 0
    scored: int = 0
    unscored: int = 0
    failed: int = 0
    needs_review: int = 0
    tokens_in: int | None = 0
    tokens_out: int | None = 0
    cost_usd: float | None = 0.0

    @property
    def total(self) -> int:
        return self.waiting + self.scored + self.unscored + self.failed

    @property
    def done(self) -> int:
        return self.total - self.waiting


class NewAnswer(Value):
    """One answer of a file. `number` counts from 0 without gaps; `row` is what the spreadsheet shows.

    `duplicate_of` and `similar_to` are numbers of earlier answers of the batch. `groups` are for audits: kept apart,
    never sent to a model.
    """

    number: Annotated[int, Field(ge=0)]
    row: int
    column: str | None = None  # of a wide file: which column the answer stood in
    candidate: str | None
    external_id: str | None = None
    question: str
    text: str
    kind: AnswerKind = AnswerKind.TYPED
    audio: str | None = None
    duplicate_of: int | None = None
    similar_to: int | None = None
    groups: Mapping[str, str] = Field(default_factory=dict)


class Rejected(Value):
    """A row that was no answer: where, what is wrong, and its cells as they stood, so that it can be mended alone."""

    row: int
    field: str | None
    excerpt: str | None  # of a short field; never of the answer
    reason: str
    cells: tuple[str, ...]


class AnswerResult(Value):
    """What became of one answer, as lists and rankings need it; the whole is in the grade.

    `levels` by criterion, None where it was not observed.
    """

    state: AnswerState
    overall: float | None = None
    uncertainty: float | None = None
    band: str | None = None
    levels: Mapping[str, float | None] = Field(default_factory=dict)
    flags: tuple[FlagCode, ...] = ()
    needs_review: bool = False
    error_code: str | None = None
    error_message: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None


class AnswerRow(Value):
    """One line of a batch's table: the answer without its text, and what became of it."""

    batch: str
    number: int
    row: int
    column: str | None
    candidate: str | None
    external_id: str | None
    question: str
    duplicate_of: int | None
    similar_to: int | None
    grade: str | None
    result: AnswerResult
