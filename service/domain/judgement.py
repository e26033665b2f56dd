"""A judgement: what a backend claims. Nothing here is believed until it was checked against the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from service.domain.answer import check_storable
from service.domain.base import Value
from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL
from service.errors import AnswerInvalid

NOT_OBSERVED: Literal["not_observed"] = "not_observed"


def _read_number(level: Any) -> Any:
    """`"4"` and `4.0` mean 4, as small models write them; `true`, which Python takes for 1, means nothing."""
    if isinstance(level, str) and len(level) == 1 and level.isdecimal():
        return int(level)
    if isinstance(level, bool):
        raise ValueError("expected a level, found a truth value")  # noqa: TRY004 -- pydantic reports ValueErrors
    return level


ClaimedLevel = Annotated[
    Annotated[int, Field(ge=LOWEST_LEVEL, le=HIGHEST_LEVEL)] | Literal["not_observed"], BeforeValidator(_read_number)
]


def _refuse_controls(text: str) -> str:
    """A model's words end in terminals and pages: escape sequences and NUL have no business in them."""
    try:
        return check_storable(text)
    except AnswerInvalid:
        raise ValueError("control characters; write plain text") from None


Prose = Annotated[str, Field(max_length=4_000), AfterValidator(_refuse_controls)]
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
    level: ClaimedLevel
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

    criteria: Annotated[Mapping[str, CriterionJudgement], Field(max_length=64)]
    feedback: FeedbackJudgement
