"""What is to be judged in one call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.domain.answer import Answer
from service.domain.rubric import Criterion, Question, Rubric


class Mode(StrEnum):
    """`practice`: coaching and the model answer are shown. `screening`: neither, in any field."""

    PRACTICE = "practice"
    SCREENING = "screening"


@dataclass(frozen=True, slots=True)
class GradingTask:
    """One answer to one question, and the criteria that this call is about."""

    rubric: Rubric
    question: Question
    criteria: tuple[Criterion, ...]
    answer: Answer
    mode: Mode
