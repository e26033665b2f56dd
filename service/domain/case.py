"""Eval sets: cases, the levels that raters gave them, and the reference that a grader is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, StringConstraints, model_validator

from service.domain.answer import AnswerKind
from service.domain.base import Slug, Text, Value
from service.domain.grade import LevelValue
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL, Question
from service.domain.score import compute_overall

CaseId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]*$", max_length=120)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


def _check_number(level: Any) -> Any:
    """One plain sentence for all that is off the scale; `true`, which Python takes for 1, and `"4"` are no numbers."""
    if isinstance(level, bool) or not isinstance(level, int | float) or not LOWEST_LEVEL <= level <= HIGHEST_LEVEL:
        raise ValueError(f"expected a number from {LOWEST_LEVEL} to {HIGHEST_LEVEL}")
    return level


def _check_level(level: Any) -> Any:
    try:
        return level if level == NOT_OBSERVED else _check_number(level)
    except ValueError as error:
        raise ValueError(f"{error}, or {NOT_OBSERVED}") from None


RatedNumber = Annotated[LevelValue, BeforeValidator(_check_number)]


class ReferenceRule(StrEnum):
    """Which of several ratings is the reference: the first one's, or the mean of all."""

    FIRST = "first"
    MEAN = "mean"


class RatedLevel(Value):
    """What a rater says of one criterion, and why. `not_observed`: nothing in the answer bears on it."""

    level: Annotated[LevelValue | Literal["not_observed"], BeforeValidator(_check_level)]
    reason: str = ""


class Rating(Value):
    """One rater's view of one answer: levels per criterion, one overall number, or both."""

    scorer: Label
    levels: Mapping[Slug, RatedLevel] = {}
    overall: RatedNumber | None = None
    red_flags: tuple[Slug, ...] = ()

    @model_validator(mode="after")
    def _check_not_empty(self) -> Self:
        if not self.levels and self.overall is None:
            raise ValueError("a rating has levels, or an overall number, or both")
        return self


class Case(Value):
    """One line of `cases.jsonl`.

    `groups` are columns to compare people by. A case that was made from another one names it (`base`) and says how it
    was made (`family`).
    """

    id: CaseId
    question: Text
    answer: str
    kind: AnswerKind = AnswerKind.TYPED
    groups: Mapping[Label, Label] = {}
    ratings: tuple[Rating, ...] = ()
    base: CaseId | None = None
    family: Slug | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.base is None) != (self.family is None):
            raise ValueError("a case made from another one names both its base and its family")
        if self.base == self.id:
            raise ValueError("base: a case is made from another one, not from itself")
        scorers = [rating.scorer for rating in self.ratings]
        if len(set(scorers)) < len(scorers):
            raise ValueError("a scorer rates a case once")
        return self


class SetFront(Value):
    """`set.yaml`: what a set of cases is. `rubric` is `id@v1`: levels mean something under one rubric version only.

    `rubric_hash`, when given, pins the rubric's text as well. `tuned_on` names the questions whose cases were looked at
    while a grader was improved: its figures count on the others. `caution` is said beside every figure of the set.
    """

    format: Literal[1]
    id: Slug
    title: Text
    description: Text
    rubric: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+@v[1-9][0-9]*$")]
    rubric_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    reference: ReferenceRule = ReferenceRule.FIRST
    tuned_on: tuple[Text, ...] = ()
    caution: Text | None = None


class NoOverall(StrEnum):
    """Why a reference has no overall number: the raters saw nothing to grade, or did not rate all of it."""

    NOTHING_OBSERVED = "nothing_observed"
    NOT_RATED = "not_rated"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a perfect grader would give: levels (1.0–5.0) of the criteria observed, those not observed, the overall."""

    levels: Mapping[str, float]
    not_observed: frozenset[str]
    overall: float | NoOverall


def compute_reference(ratings: Sequence[Rating], question: Question, rule: ReferenceRule) -> Reference:
    """The reference of a case, made the way a grade is made (`compute_score`).

    A criterion is observed when more than half of its raters observed it; its level is the mean of theirs. Overall is
    what the raters said, else the weighted mean of the levels when every weighted criterion was rated.
    """
    chosen = ratings[:1] if rule is ReferenceRule.FIRST else ratings
    levels: dict[str, float] = {}
    absent: set[str] = set()
    for criterion in question.weights:
        given = [rating.levels[criterion].level for rating in chosen if criterion in rating.levels]
        seen = [level for level in given if level != NOT_OBSERVED]
        if 2 * len(seen) > len(given):
            levels[criterion] = fmean(seen)
        elif given:
            absent.add(criterion)
    return Reference(levels, frozenset(absent), _choose_overall(chosen, levels, absent, question))


def _choose_overall(
    ratings: Sequence[Rating], levels: Mapping[str, float], absent: set[str], question: Question
) -> float | NoOverall:
    stated = [rating.overall for rating in ratings if rating.overall is not None]
    if stated:
        return fmean(stated)
    asked = {criterion for criterion, weight in question.weights.items() if weight}
    if not asked <= levels.keys() | absent:
        return NoOverall.NOT_RATED
    if not levels:
        return NoOverall.NOTHING_OBSERVED
    return compute_overall({criterion: levels.get(criterion) for criterion in asked}, question.weights)
