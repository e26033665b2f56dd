"""What a learner is told while an answer is being graded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.grading.job import Progress, Step
from service.practice.feedback import LandedCriterion, build_landed


class EventKind(StrEnum):
    """STEP: what is happening now. CRITERION: one criterion as it lands. DONE and FAILED end the stream."""

    STEP = "step"
    CRITERION = "criterion"
    DONE = "done"
    FAILED = "failed"


STEPS_IN_PLAIN_WORDS = {
    Step.TRANSCRIBING: "Listening to your recording.",
    Step.ACCEPTED: "Your answer arrived.",
    Step.ASKING: "Reading your answer.",
    Step.REPAIRING: "Checking the quotes again.",
    Step.SCORED: "Working out the score.",
    Step.STORED: "Your feedback is ready.",
}


@dataclass(frozen=True, slots=True)
class PracticeEvent:
    """`number` counts from 1 within a grading. `code` is that of the error which ended it, `message` is for people."""

    number: int
    kind: EventKind
    message: str = ""
    criterion: LandedCriterion | None = None
    code: str | None = None

    @property
    def is_last(self) -> bool:
        return self.kind in (EventKind.DONE, EventKind.FAILED)


def describe_progress(number: int, progress: Progress) -> PracticeEvent:
    """The event of one step; each criterion of each sample is one."""
    if progress.finding is not None:
        return PracticeEvent(number, EventKind.CRITERION, criterion=build_landed(progress.finding))
    return PracticeEvent(number, EventKind.STEP, STEPS_IN_PLAIN_WORDS[progress.step])
