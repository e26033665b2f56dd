"""Findings and whole grades for tests, made by the code that makes real ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from service.assets.prompts import Prompt, PromptLibrary
from service.domain.answer import Answer
from service.domain.evidence import Evidence
from service.domain.finding import Finding, Findings, NotObserved, Observed, RedFlagFinding
from service.domain.grade import Scored, Unscored
from service.domain.judgement import FeedbackJudgement
from service.domain.rubric import Criterion, RedFlag, Rubric
from service.domain.task import Mode
from service.grading.build import Stamp
from service.grading.call import Caller, CallPolicy
from service.grading.job import Job
from service.grading.pipeline import Grader
from service.llm.base import Backend
from tests.factories import ANSWER_TEXT, make_rubric

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = PromptLibrary(ROOT / "prompts")
STAMP = Stamp(id="grade-1", created_at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC))
QUOTE = Evidence(quote="I let her finish without interrupting", start=0, end=37)
FEEDBACK = FeedbackJudgement(summary="A summary.")


def make_red_flag(caps_at: int, flag_id: str = "a-flag") -> RedFlag:
    return RedFlag(id=flag_id, behaviour=f"Behaviour of {flag_id}.", caps_at=caps_at, examples=("One.", "Two."))


def observe(criterion: Criterion, level: float, *, caps: Sequence[int] = (), shown: Sequence[str] = ()) -> Observed:
    """An observed finding; `caps` gives it one red flag for each number."""
    return Observed(
        criterion=criterion,
        level=level,
        evidence=(QUOTE,),
        red_flags=tuple(RedFlagFinding(make_red_flag(cap, f"flag-{cap}"), QUOTE) for cap in caps),
        indicators_shown=tuple(shown),
        rationale=f"Level {level}.",
        advice="Some advice.",
    )


def miss(criterion: Criterion) -> NotObserved:
    return NotObserved(criterion=criterion, rationale="Nothing on it.", advice="Some advice.")


def make_sample(*findings: Finding, summary: str = "A summary.") -> Findings:
    return Findings(criteria=findings, feedback=FeedbackJudgement(summary=summary))


def get_prompt(reference: str = "grade@v1") -> Prompt:
    return PROMPTS.get(reference)


def make_job(
    answer: str = ANSWER_TEXT,
    *,
    question: str = "angry-customer",
    mode: Mode = Mode.PRACTICE,
    prompt: str = "grade@v1",
    samples: int = 1,
    rubric: Rubric | None = None,
    candidate_ref: str | None = None,
) -> Job:
    rubric = rubric or make_rubric()
    return Job(
        rubric=rubric,
        question=rubric.get_question(question),
        answer=Answer(text=answer),
        mode=mode,
        prompt=get_prompt(prompt),
        samples=samples,
        candidate_ref=candidate_ref,
    )


class Shelf:
    """Keeps what is saved; raises `failure` instead when it has one."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.grades: list[Scored | Unscored] = []
        self._failure = failure

    async def save(self, grade: Scored | Unscored) -> None:
        if self._failure is not None:
            raise self._failure
        self.grades.append(grade)


async def wait_for_nothing(seconds: float) -> None:
    """Sleeping, without the waiting."""


def make_grader(backend: Backend, shelf: Shelf | None = None, policy: CallPolicy | None = None) -> Grader:
    caller = Caller(backend, policy or CallPolicy(), max_concurrent=4, draw_jitter=lambda: 1.0, sleep=wait_for_nothing)
    return Grader(caller=caller, save=(shelf or Shelf()).save, draw_stamp=lambda: STAMP)
