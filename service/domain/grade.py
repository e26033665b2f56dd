"""A grade: `Scored` or `Unscored(reason)`, with provenance. The JSON of the command line and the API is this."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from service.domain.base import Value
from service.domain.delivery import Delivery
from service.domain.evidence import Evidence
from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL
from service.domain.task import Mode
from service.domain.transcript import Word

LevelValue = Annotated[float, Field(ge=LOWEST_LEVEL, le=HIGHEST_LEVEL, allow_inf_nan=False)]


class ReasonCode(StrEnum):
    """Why an answer has no score."""

    ANSWER_EMPTY = "answer_empty"
    ANSWER_TOO_SHORT = "answer_too_short"
    ANSWER_TOO_LONG = "answer_too_long"
    ANSWER_WRONG_LANGUAGE = "answer_wrong_language"
    TRANSCRIPT_UNRELIABLE = "transcript_unreliable"
    NOTHING_OBSERVED = "nothing_observed"
    INVALID_REPLY = "invalid_reply"
    REPLY_REFUSED = "reply_refused"
    REPLY_TRUNCATED = "reply_truncated"
    REPLY_EMPTY = "reply_empty"


class FlagCode(StrEnum):
    """Why a person should look at a grade."""

    SUSPECTED_INJECTION = "suspected_injection"
    WIDE_SPREAD = "wide_spread"
    RED_FLAG = "red_flag"
    THIN_EVIDENCE = "thin_evidence"
    NOTHING_OBSERVED = "nothing_observed"
    UNRELIABLE_REPLY = "unreliable_reply"
    COPIED_TEXT = "copied_text"
    BASELINE_GRADER = "baseline_grader"


class Reason(Value):
    code: ReasonCode
    message: str


class Flag(Value):
    code: FlagCode
    message: str


class VersionRef(Value):
    id: str
    version: int


class QuestionRef(Value):
    id: str
    text: str


class Overall(Value):
    """Weighted mean of the levels, 1.0–5.0, unrounded; `uncertainty` is its standard deviation over the samples."""

    score: LevelValue
    band: str
    uncertainty: Annotated[float, Field(ge=0)] | None


class Shown(Value):
    indicator: str
    behaviour: str


class Missing(Value):
    indicator: str
    behaviour: str
    tip: str | None


class RedFlagGrade(Value):
    id: str
    behaviour: str
    caps_at: int
    evidence: Evidence


class CriterionScored(Value):
    id: str
    name: str
    weight: float
    status: Literal["scored"] = "scored"
    level: LevelValue
    red_flags: tuple[RedFlagGrade, ...]
    evidence: tuple[Evidence, ...] = Field(min_length=1)
    rationale: str
    advice: str | None
    shown: tuple[Shown, ...]
    missing: tuple[Missing, ...]


class CriterionNotObserved(Value):
    id: str
    name: str
    weight: float
    status: Literal["not_observed"] = "not_observed"
    level: None = None
    red_flags: tuple[()] = ()
    evidence: tuple[()] = ()
    rationale: str
    advice: str | None
    shown: tuple[()] = ()
    missing: tuple[Missing, ...]


CriterionGrade = Annotated[CriterionScored | CriterionNotObserved, Field(discriminator="status")]


class Strength(Value):
    text: str
    quote: str


class Improvement(Value):
    """`criterion` (an id) is what it is about; None in grades from before it was kept."""

    text: str
    example: str
    criterion: str | None = None


class Feedback(Value):
    summary: str
    strengths: tuple[Strength, ...]
    improvements: tuple[Improvement, ...]
    next_step: str | None
    follow_up_question: str | None
    model_answer: str | None


class AssetRef(Value):
    """A prompt or rubric as it was used: `hash` is SHA-256 (hex) of its content."""

    id: str
    version: int
    hash: str


class Tokens(Value):
    """As the provider counted them; 0 where none were used, None where it did not say."""

    input: int | None
    output: int | None


class Provenance(Value):
    """What made this grade, exactly."""

    grader_version: str
    prompt: AssetRef
    rubric: AssetRef
    backend: str
    notice: str | None
    model_requested: str
    models_served: tuple[str, ...]
    parameters: Mapping[str, Any]
    estimator: str
    samples: int
    attempts: int
    tokens: Tokens
    cost_usd: float | None
    raw_replies: tuple[str, ...]


class SpokenAnswer(Value):
    """How a spoken answer became text, and how it was spoken; no part of the score.

    `transcription` is the id of the stored one. With `is_corrected` its speaker has corrected or confirmed the words;
    `doubtful_words` are those of the machine that were perhaps misheard.
    """

    transcription: str | None
    transcriber: str
    language: str
    duration_seconds: float
    is_corrected: bool
    doubtful_words: tuple[Word, ...]
    delivery: Delivery


class _Grade(Value):
    id: str
    mode: Mode
    rubric: VersionRef
    question: QuestionRef
    candidate_ref: str | None
    answer: str
    flags: tuple[Flag, ...]
    needs_review: bool
    provenance: Provenance
    created_at: datetime
    # Left out of a typed answer's grade, whose document is the same as before there was speech.
    spoken: SpokenAnswer | None = Field(default=None, exclude_if=lambda spoken: spoken is None)


class Scored(_Grade):
    status: Literal["scored"] = "scored"
    reason: None = None
    overall: Overall
    criteria: tuple[CriterionGrade, ...] = Field(min_length=1)
    feedback: Feedback


class Unscored(_Grade):
    """No score, and why. `criteria` is empty unless the answer was read and showed none of them."""

    status: Literal["unscored"] = "unscored"
    reason: Reason
    overall: None = None
    criteria: tuple[CriterionNotObserved, ...] = ()
    feedback: Feedback | None = None


Grade = Annotated[Scored | Unscored, Field(discriminator="status")]
GRADE: TypeAdapter[Scored | Unscored] = TypeAdapter(Grade)
