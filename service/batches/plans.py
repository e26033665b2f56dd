"""How a batch's answers are graded: its pinned rubric, prompt and model, found again and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from service.assets.prompts import Prompt, PromptLibrary
from service.assets.rubrics import RubricLibrary
from service.domain.answer import Answer
from service.domain.batch import BatchSpec, PauseReason
from service.domain.grade import AssetRef
from service.domain.rubric import Rubric
from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendModelMissing,
    BackendNoCredit,
    BackendNotInstalled,
    ConfigInvalid,
    GraderError,
    InputError,
    LiveCallRefused,
    UnknownModel,
)
from service.grading.call import Caller
from service.grading.job import Job
from service.store.answers import WaitingAnswer

_UNUSABLE = (BackendModelMissing, BackendNoCredit, BackendNotInstalled, LiveCallRefused, UnknownModel, ConfigInvalid)


class Halted(Exception):
    """The batch cannot go on until a person has mended something: `reason`, and a sentence for them."""

    def __init__(self, reason: PauseReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Plan:
    """The looked-up spec of a batch."""

    rubric: Rubric
    prompt: Prompt
    caller: Caller
    spec: BatchSpec

    def build_job(self, answer: WaitingAnswer) -> Job:
        """The grading of one answer; raises UnknownQuestion."""
        return Job(
            rubric=self.rubric,
            question=self.rubric.get_question(answer.question),
            answer=Answer(text=answer.text, kind=answer.kind),
            mode=self.spec.mode,
            prompt=self.prompt,
            samples=self.spec.samples,
            candidate_ref=answer.candidate,
        )


@dataclass(frozen=True, slots=True)
class Planner:
    """Looks up what specs name."""

    rubrics: RubricLibrary
    prompts: PromptLibrary
    get_caller: Callable[[str], Caller]

    def plan(self, spec: BatchSpec) -> Plan:
        """Raises Halted when the assets changed since the batch was submitted, or the model may not be asked."""
        try:
            rubric = self.rubrics.get(_label(spec.rubric))
            prompt = self.prompts.get(_label(spec.prompt))
        except InputError as error:
            raise Halted(PauseReason.ASSETS_CHANGED, f"{error} Put it back and resume the batch.") from None
        for what, ref, now in (
            ("rubric", spec.rubric, rubric.content_hash),
            ("prompt", spec.prompt, prompt.content_hash),
        ):
            if now != ref.hash:
                raise Halted(
                    PauseReason.ASSETS_CHANGED,
                    f"The {what} {_label(ref)} was edited since this batch was submitted, and all its answers must be "
                    "graded alike. Put the old text back and resume, or submit a new batch.",
                )
        try:
            return Plan(rubric, prompt, self.get_caller(spec.model), spec)
        except GraderError as error:
            raise explain_halt(error) or error from None


def explain_halt(error: GraderError) -> Halted | None:
    """The halt that an error means for the whole batch; None when it is of one answer alone, or passes."""
    if isinstance(error, BackendKeyRejected):
        return Halted(PauseReason.KEY_REJECTED, str(error))
    return Halted(PauseReason.MODEL_UNUSABLE, str(error)) if isinstance(error, _UNUSABLE) else None


def passes(error: GraderError) -> bool:
    """Whether the same answer may be asked about again later."""
    return isinstance(error, BackendError) and error.retryable


def _label(ref: AssetRef) -> str:
    return f"{ref.id}@v{ref.version}"
