"""A judgement: what a backend claims. Nothing here is believed until it was checked against the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from service.domain.base import Value
from service.domain.rubric import LevelNumber

NOT_OBSERVED: Literal["not_observed"] = "not_observed"

Prose = Annotated[str, Field(max_length=4_000)]
Quote = Annotated[str, Field(max_length=4_000)]


class RedFlagClaim(Value):
    red_flag: str
    quote: Quote


class CriterionJudgement(Value):
    """Quotes come first and the level after the rationale: a model that has to point before it rates rates better."""

    quotes: tuple[Quote, ...] = Field(max_length=12)
    indicators_shown: tuple[str, ...] = Field(max_length=24)
    red_flags: tuple[RedFlagClaim, ...] = Field(default=(), max_length=12)
    rationale: Prose
    level: LevelNumber | Literal["not_observed"]
    advice: Prose = ""


class StrengthClaim(Value):
    text: Prose
    quote: Quote


class ImprovementClaim(Value):
    """What is missing (`indicator`, an id of `criterion`), and how a better sentence could sound."""

    criterion: str
    indicator: str
    text: Prose
    example: Prose


class FeedbackJudgement(Value):
    summary: Prose
    strengths: tuple[StrengthClaim, ...] = Field(default=(), max_length=12)
    improvements: tuple[ImprovementClaim, ...] = Field(default=(), max_length=12)
    next_step: Prose = ""
    follow_up_question: Prose = ""


class Judgement(Value):
    """The reply format: one entry per criterion asked about, then feedback on the whole."""

    criteria: Mapping[str, CriterionJudgement]
    feedback: FeedbackJudgement
