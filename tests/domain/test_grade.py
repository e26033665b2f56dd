"""The JSON of a grade: exactly these keys, and what is written can be read back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from service.domain.grade import GRADE, Scored, Unscored
from service.domain.task import Mode
from service.grading.pipeline import grade_answer
from service.llm.scripted import ScriptedBackend
from tests.factories import ANSWER_TEXT, make_judgement, make_reply_text, make_task
from tests.grades import make_grader, make_job

GRADE_KEYS = {
    *("id", "status", "reason", "mode", "rubric", "question", "candidate_ref", "answer", "overall", "criteria"),
    *("feedback", "flags", "needs_review", "provenance", "created_at"),
}
CRITERION_KEYS = {
    *("id", "name", "weight", "status", "level", "red_flags", "evidence", "rationale", "advice", "shown", "missing"),
}
FEEDBACK_KEYS = {"summary", "strengths", "improvements", "next_step", "follow_up_question", "model_answer"}
PROVENANCE_KEYS = {
    *("grader_version", "prompt", "rubric", "backend", "notice", "model_requested", "models_served", "parameters"),
    *("estimator", "samples", "attempts", "tokens", "cost_usd", "raw_replies"),
}


def make_mixed_reply() -> str:
    """Empathy at 4 with a red flag, resolution not observed."""
    plain = make_judgement(make_task()).model_dump(mode="json")
    quote = plain["criteria"]["empathy"]["quotes"][0]
    plain["criteria"]["empathy"]["red_flags"] = [{"red_flag": "blames-customer", "quote": quote}]
    plain["criteria"]["resolution"] |= {"level": "not_observed", "quotes": [], "indicators_shown": []}
    return json.dumps(plain)


def make_silent_reply() -> str:
    """Nothing observed at all."""
    plain = make_judgement(make_task()).model_dump(mode="json")
    for claim in plain["criteria"].values():
        claim |= {"level": "not_observed", "quotes": [], "indicators_shown": []}
    return json.dumps(plain)


async def grade(reply: str, answer: str = ANSWER_TEXT, mode: Mode = Mode.PRACTICE) -> Scored | Unscored:
    job = make_job(answer, mode=mode, candidate_ref="candidate 7")
    return await grade_answer(job, make_grader(ScriptedBackend([reply, reply])))


def dump(graded: Scored | Unscored) -> dict[str, Any]:
    plain = json.loads(graded.model_dump_json())
    assert isinstance(plain, dict)
    return plain


async def test_a_scored_grade_has_exactly_the_agreed_keys() -> None:
    plain = dump(await grade(make_mixed_reply()))
    assert set(plain) == GRADE_KEYS
    assert (plain["status"], plain["reason"], plain["mode"]) == ("scored", None, "practice")
    assert plain["rubric"] == {"id": "small", "version": 1}
    assert set(plain["question"]) == {"id", "text"}
    assert set(plain["overall"]) == {"score", "band", "uncertainty"}
    assert [set(criterion) for criterion in plain["criteria"]] == [CRITERION_KEYS, CRITERION_KEYS]
    assert set(plain["feedback"]) == FEEDBACK_KEYS
    assert set(plain["provenance"]) == PROVENANCE_KEYS
    assert [set(flag) for flag in plain["flags"]] == [{"code", "message"}] * len(plain["flags"])
    assert plain["needs_review"] is True


async def test_the_parts_of_a_criterion_have_exactly_the_agreed_keys() -> None:
    observed, absent = dump(await grade(make_mixed_reply()))["criteria"]
    assert (observed["status"], observed["level"]) == ("scored", 2.0)
    assert set(observed["evidence"][0]) == {"quote", "start", "end"}
    assert set(observed["red_flags"][0]) == {"id", "behaviour", "caps_at", "evidence"}
    assert set(observed["shown"][0]) == {"indicator", "behaviour"}
    assert set(observed["missing"][0]) == {"indicator", "behaviour", "tip"}
    assert (absent["status"], absent["level"], absent["evidence"], absent["red_flags"]) == (
        "not_observed",
        None,
        [],
        [],
    )


async def test_the_parts_of_feedback_have_exactly_the_agreed_keys() -> None:
    feedback = dump(await grade(make_mixed_reply()))["feedback"]
    assert set(feedback["strengths"][0]) == {"text", "quote"}
    assert set(feedback["improvements"][0]) == {"text", "example", "criterion"}


async def test_an_unscored_grade_has_the_same_keys_and_no_score() -> None:
    plain = dump(await grade(make_mixed_reply(), "Too short."))
    assert set(plain) == GRADE_KEYS
    assert (plain["status"], plain["overall"], plain["criteria"], plain["feedback"]) == ("unscored", None, [], None)
    assert set(plain["reason"]) == {"code", "message"}
    assert plain["provenance"]["attempts"] == 0


async def test_an_answer_that_shows_nothing_is_unscored_with_its_criteria() -> None:
    plain = dump(await grade(make_silent_reply()))
    assert (plain["status"], plain["reason"]["code"], plain["overall"]) == ("unscored", "nothing_observed", None)
    assert [criterion["status"] for criterion in plain["criteria"]] == ["not_observed", "not_observed"]
    assert set(plain["feedback"]) == FEEDBACK_KEYS


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (make_reply_text(), ANSWER_TEXT),
        (make_mixed_reply(), ANSWER_TEXT),
        (make_silent_reply(), ANSWER_TEXT),
        ("no JSON, but 😀 \u2028 and a \x00", ANSWER_TEXT),
        (make_reply_text(), ""),
    ],
)
async def test_what_is_written_can_be_read_back(reply: str, answer: str, mode: Mode) -> None:
    graded = await grade(reply, answer, mode)
    assert GRADE.validate_json(graded.model_dump_json()) == graded
    assert GRADE.validate_python(graded.model_dump(mode="json")) == graded


async def test_the_time_is_written_with_its_zone() -> None:
    assert dump(await grade(make_reply_text()))["created_at"] == "2026-11-21T09:30:00Z"


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "maybe"},
        {"overall": None},
        {"overall": {"score": 0, "band": "x", "uncertainty": None}},
        {"overall": {"score": 5.1, "band": "x", "uncertainty": None}},
        {"overall": {"score": float("nan"), "band": "x", "uncertainty": None}},
        {"overall": {"score": 4, "band": "x", "uncertainty": -1}},
        {"criteria": []},
        {"surprise": 1},
        {"status": "unscored"},
    ],
)
async def test_nothing_stands_in_for_a_score(broken: dict[str, Any]) -> None:
    plain = (await grade(make_reply_text())).model_dump(mode="json")
    with pytest.raises(ValidationError):
        GRADE.validate_python({**plain, **broken})


async def test_a_scored_criterion_has_evidence() -> None:
    plain = (await grade(make_reply_text())).model_dump(mode="json")
    plain["criteria"][0]["evidence"] = []
    with pytest.raises(ValidationError, match="evidence"):
        GRADE.validate_python(plain)
