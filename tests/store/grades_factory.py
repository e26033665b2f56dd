"""Valid grades, as long as real ones (about 6 kB of JSON), for tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from service.domain.evidence import Evidence
from service.domain.grade import (
    AssetRef,
    CriterionNotObserved,
    CriterionScored,
    Feedback,
    Flag,
    FlagCode,
    Improvement,
    Missing,
    Overall,
    Provenance,
    QuestionRef,
    Reason,
    ReasonCode,
    RedFlagGrade,
    Scored,
    Shown,
    Strength,
    Tokens,
    Unscored,
    VersionRef,
)
from service.domain.task import Mode

ANSWER = (
    "I let the customer finish, I repeated the problem in my own words and I said that I was sorry for the delay. "
    "Then I offered two ways out and told them by when I would call back. 👩🏽‍💻 naïve, cafe\u0301, 𝔘𝔫𝔦"
)
START = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)

_numbers = count()


def build_scored(**changes: Any) -> Scored:
    """A scored grade; each has another id and is a second newer than the one before."""
    fields: dict[str, Any] = {
        **_build_common(),
        "overall": Overall(score=3.4285714285714284, band="solid", uncertainty=0.25),
        "criteria": (*(_build_criterion(number) for number in range(4)), _build_not_observed()),
        "feedback": _build_feedback(),
    }
    return Scored(**{**fields, **changes})


def build_unscored(**changes: Any) -> Unscored:
    """An unscored grade, numbered and dated like the scored ones."""
    reason = Reason(code=ReasonCode.ANSWER_TOO_SHORT, message="The answer has 3 words; 20 are needed.")
    fields: dict[str, Any] = {**_build_common(), "reason": reason}
    return Unscored(**{**fields, **changes})


def _build_common() -> dict[str, Any]:
    number = next(_numbers)
    return {
        "id": f"grade-{number:08d}",
        "mode": Mode.PRACTICE,
        "rubric": VersionRef(id="difficult-customers", version=1),
        "question": QuestionRef(id="angry-customer", text="Tell me about an angry customer."),
        "candidate_ref": f"candidate-{number % 10}",
        "answer": ANSWER,
        "flags": (Flag(code=FlagCode.THIN_EVIDENCE, message="Two criteria rest on one sentence."),),
        "needs_review": False,
        "provenance": _build_provenance(),
        "created_at": START + timedelta(seconds=number),
    }


def _build_provenance() -> Provenance:
    asset = AssetRef(id="grade", version=1, hash="0f" * 32)
    return Provenance(
        grader_version="0.1.0",
        prompt=asset,
        rubric=asset,
        backend="openai",
        notice=None,
        model_requested="some-model",
        models_served=("some-model-2026",),
        parameters={"temperature": 0.2, "max_tokens": 2000, "seed": 7},
        estimator="reported",
        samples=1,
        attempts=1,
        tokens=Tokens(input=1200, output=640),
        cost_usd=0.0031,
        raw_replies=('{"criteria": {}, "odd": "\u0000 \U0001f600"}' + " reply" * 300,),
    )


def _build_criterion(number: int) -> CriterionScored:
    evidence = Evidence(quote=ANSWER[:28], start=0, end=28)
    return CriterionScored(
        id=f"criterion-{number}",
        name="Listening",
        weight=0.2,
        level=3.5,
        red_flags=(RedFlagGrade(id="blames", behaviour="Blames the customer.", caps_at=2, evidence=evidence),),
        evidence=(evidence,),
        rationale="The answer says what was done and in which order. " * 3,
        advice="Say what you heard before you answer. " * 2,
        shown=(Shown(indicator="lets-finish", behaviour="Lets the customer finish."),),
        missing=(Missing(indicator="asks", behaviour="Asks a question.", tip="Ask an open question."),),
    )


def _build_not_observed() -> CriterionNotObserved:
    return CriterionNotObserved(
        id="criterion-9", name="Follow-up", weight=0.2, rationale="Nothing said.", advice=None, missing=()
    )


def _build_feedback() -> Feedback:
    return Feedback(
        summary="A calm and complete answer. " * 4,
        strengths=(Strength(text="You listened.", quote=ANSWER[:28]),),
        improvements=(Improvement(text="Name the result.", example="In the end she stayed with us."),),
        next_step="Practise the end of your story.",
        follow_up_question="What did you change afterwards?",
        model_answer=None,
    )
