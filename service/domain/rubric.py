"""Rubrics: criteria with anchored levels, and the questions that exercise them.

The file format is these models: `rubrics/schema.json` is generated from them.
Behaviourally anchored levels: Smith and Kendall (1963), Retranslation of expectations, J. Applied Psychology 47(2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from service.domain.base import Slug, Text, Value, compute_hash
from service.errors import UnknownQuestion

LOWEST_LEVEL = 1
HIGHEST_LEVEL = 5
LEVELS = range(LOWEST_LEVEL, HIGHEST_LEVEL + 1)
LEVELS_WITH_EXAMPLE = (1, 3, 5)
FREE_QUESTION_ID = "free-question"
MAX_QUESTION_CHARACTERS = 1_000

LevelNumber = Annotated[int, Field(ge=LOWEST_LEVEL, le=HIGHEST_LEVEL)]
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


class QuestionKind(StrEnum):
    """What a question asks for: a way of working, a story, a what-if, or facts."""

    APPROACH = "approach"
    PAST_BEHAVIOUR = "past_behaviour"
    SITUATIONAL = "situational"
    KNOWLEDGE = "knowledge"


class StoryPart(StrEnum):
    """What a story from the past is asked to contain."""

    SITUATION = "situation"
    ACTION = "action"
    RESULT = "result"
    LEARNING = "learning"


class Definition(Value):
    """What a criterion is, and what it is easily confused with but is not."""

    is_: Text = Field(alias="is")
    is_not: Text


class Level(Value):
    """One level, anchored in observable behaviour; `example` is a sentence a candidate at this level could say."""

    level: LevelNumber
    anchor: Text
    example: Text | None = None


class Indicator(Value):
    """One observable behaviour; `examples` are sentences that show it, `tip` is what a candidate can do to show it."""

    id: Slug
    behaviour: Text
    tip: Text
    examples: tuple[Text, ...] = Field(min_length=2)


class RedFlag(Value):
    """A behaviour that caps the criterion's level, whatever else was shown."""

    id: Slug
    behaviour: Text
    caps_at: LevelNumber
    examples: tuple[Text, ...] = Field(min_length=2)


class Criterion(Value):
    """One thing graded."""

    id: Slug
    name: Text
    definition: Definition
    levels: tuple[Level, ...]
    indicators: tuple[Indicator, ...] = Field(min_length=1)
    red_flags: tuple[RedFlag, ...] = ()

    @field_validator("levels")
    @classmethod
    def _check_levels(cls, levels: tuple[Level, ...]) -> tuple[Level, ...]:
        numbers = [level.level for level in levels]
        if numbers != list(LEVELS):
            raise ValueError(f"expected the levels 1, 2, 3, 4, 5 in this order, found {numbers}")
        missing = [level.level for level in levels if level.level in LEVELS_WITH_EXAMPLE and level.example is None]
        if missing:
            raise ValueError(f"levels 1, 3 and 5 need an example sentence; missing at {missing}")
        return levels

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        refuse_duplicates("indicator", (indicator.id for indicator in self.indicators))
        refuse_duplicates("red flag", (red_flag.id for red_flag in self.red_flags))
        return self

    def get_indicator(self, indicator_id: str) -> Indicator | None:
        return next((indicator for indicator in self.indicators if indicator.id == indicator_id), None)

    def get_red_flag(self, red_flag_id: str) -> RedFlag | None:
        return next((red_flag for red_flag in self.red_flags if red_flag.id == red_flag_id), None)


class Question(Value):
    """One question; `weights` are relative, over the criteria it exercises, and need not sum to one."""

    id: Slug
    text: Text
    kind: QuestionKind
    weights: Mapping[Slug, Weight] = Field(min_length=1)
    key_points: tuple[Text, ...] = ()
    follow_ups: tuple[Text, ...] = ()
    wants: tuple[StoryPart, ...] = ()
    tools: tuple[Text, ...] = Field(
        default=(), description="Product names that count only with what was done with them"
    )
    model_answer: Text | None = Field(default=None, description="Shown in practice mode only")

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        return refuse_all_zero(weights)


class FreeQuestion(Value):
    """How a question text that is not in the rubric is graded."""

    kind: QuestionKind
    weights: Mapping[Slug, Weight] = Field(min_length=1)
    wants: tuple[StoryPart, ...] = ()

    @field_validator("weights")
    @classmethod
    def _check_weights(cls, weights: Mapping[str, float]) -> Mapping[str, float]:
        return refuse_all_zero(weights)


class Band(Value):
    """A named range of the overall score, from `at_least` up to the next band's."""

    at_least: Annotated[float, Field(ge=LOWEST_LEVEL, le=HIGHEST_LEVEL)]
    name: Text
    meaning: Text


class Rubric(Value):
    """A versioned rubric; released versions are new files, never edits."""

    format: Literal[1]
    id: Slug
    version: Annotated[int, Field(ge=1)]
    title: Text
    description: Text
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$", description="ISO 639-1 code of the answers' language")]
    forbidden_evidence: tuple[Text, ...] = Field(min_length=1, description="What must never move a level")
    bands: tuple[Band, ...] = Field(min_length=2)
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    free_question: FreeQuestion | None = None
    questions: tuple[Question, ...] = ()

    @field_validator("bands")
    @classmethod
    def _check_bands(cls, bands: tuple[Band, ...]) -> tuple[Band, ...]:
        starts = [band.at_least for band in bands]
        if starts[0] != LOWEST_LEVEL or any(low >= high for low, high in pairwise(starts)):
            raise ValueError(f"expected bands that start at 1.0 and rise, found {starts}")
        return bands

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        refuse_duplicates("criterion", (criterion.id for criterion in self.criteria))
        refuse_duplicates("question", (question.id for question in self.questions))
        known = {criterion.id for criterion in self.criteria}
        weighted = [(question.id, question.weights) for question in self.questions]
        if self.free_question is not None:
            weighted.append(("free_question", self.free_question.weights))
        for owner, weights in weighted:
            unknown = sorted(set(weights) - known)
            if unknown:
                raise ValueError(f"{owner}: weights name unknown criteria {unknown}; known are {sorted(known)}")
        return self

    @cached_property
    def content_hash(self) -> str:
        return compute_hash(self)

    @property
    def label(self) -> str:
        """`id@v1`, the way a rubric is named in requests and grades."""
        return f"{self.id}@v{self.version}"

    def get_question(self, id_or_text: str) -> Question:
        """The question with this id or this text, or a free question with this text.

        Raises UnknownQuestion when it looks like an id that the rubric does not have, or free text is not allowed.
        """
        text = id_or_text.strip()
        for question in self.questions:
            if question.id == id_or_text or question.text.casefold() == text.casefold():
                return question
        if self.free_question is None or len(text.split()) < 3:  # an id is one word: a typo must not become a question
            known = ", ".join(question.id for question in self.questions) or "none"
            free = "" if self.free_question is None else " Or give the full text of a question (three words or more)."
            raise UnknownQuestion(f"Rubric {self.label} has no such question. Its questions: {known}.{free}")
        if len(text) > MAX_QUESTION_CHARACTERS:
            raise UnknownQuestion(
                f"The question has {len(text):,} characters; at most {MAX_QUESTION_CHARACTERS:,} are taken. Shorten it."
            )
        return Question(
            id=FREE_QUESTION_ID,
            text=text,
            kind=self.free_question.kind,
            weights=self.free_question.weights,
            wants=self.free_question.wants,
        )

    def get_criteria(self, question: Question) -> tuple[Criterion, ...]:
        """The criteria that the question exercises (weight above zero), in the rubric's order."""
        return tuple(criterion for criterion in self.criteria if question.weights.get(criterion.id, 0) > 0)

    def get_band(self, overall: float) -> Band:
        """The band of an overall score (1.0–5.0)."""
        return next(band for band in reversed(self.bands) if overall >= band.at_least)


def refuse_duplicates(kind: str, ids: Iterable[str]) -> None:
    """Raises ValueError naming the ids that occur more than once."""
    twice = sorted(key for key, count in Counter(ids).items() if count > 1)
    if twice:
        raise ValueError(f"each {kind} id may occur once, found again: {twice}")


def refuse_all_zero(weights: Mapping[str, float]) -> Mapping[str, float]:
    """The weights, when at least one is above zero; else ValueError."""
    if not any(weight > 0 for weight in weights.values()):
        raise ValueError("expected at least one weight above zero, found none")
    return weights
