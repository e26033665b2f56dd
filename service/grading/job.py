"""What one grading is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from service.assets.prompts import Prompt
from service.domain.answer import Answer
from service.domain.finding import Finding
from service.domain.rubric import Question, Rubric
from service.domain.task import Mode

MAX_SAMPLES = 9


@dataclass(frozen=True, slots=True)
class Job:
    """One answer to grade. `samples` (1–9) is how often the model is asked; `candidate_ref` never reaches it.

    `transcription` is the id of a spoken answer's, where it was transcribed here.

    `first_sample` numbers the samples: a repeat of a grading asks with other numbers, and so with other seeds.
    """

    rubric: Rubric
    question: Question
    answer: Answer
    mode: Mode
    prompt: Prompt
    samples: int = 1
    candidate_ref: str | None = None
    first_sample: int = 0
    transcription: str | None = None


class Step(StrEnum):
    """Where a grading is, in order; CRITERION comes once for each criterion as it is checked.

    TRANSCRIBING comes only where the words of a spoken answer are waited for.
    """

    TRANSCRIBING = "transcribing"
    ACCEPTED = "accepted"
    ASKING = "asking"
    REPAIRING = "repairing"
    CRITERION = "criterion"
    SCORED = "scored"
    STORED = "stored"


@dataclass(frozen=True, slots=True)
class Progress:
    """One event of a grading. `sample` counts from 1; `criteria` are the ids it is about.

    `finding` is what came of a CRITERION. It quotes the answer, so it is in no repr and thereby in no log.
    """

    step: Step
    sample: int = 0
    criteria: tuple[str, ...] = ()
    finding: Finding | None = field(default=None, repr=False, compare=False)


Listener = Callable[[Progress], Awaitable[None]]


async def ignore_progress(progress: Progress) -> None:
    """The listener of a caller that only wants the grade."""
