"""Attempts that are refused: somebody else's, and what cannot be graded."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import (
    AnswerInvalid,
    PracticeInvalid,
    SpeechNotInstalled,
    UnknownAttempt,
    UnknownInterview,
    UnknownQuestion,
    UnknownRubric,
)
from service.wiring_practice import Practice
from tests.api.gate import Gate
from tests.practice.rig import ADA, BOB, attempt, make_new, run_practice


async def test_nobody_sees_the_attempts_of_another(practice: Practice) -> None:
    of_ada = await attempt(practice)
    with pytest.raises(UnknownAttempt):
        await practice.get_feedback(BOB, of_ada.id)
    with pytest.raises(UnknownAttempt):
        await practice.wait(BOB, of_ada.id)
    for act in (practice.retry, practice.delete_attempt, practice.keep_best):
        with pytest.raises(UnknownAttempt):
            await act(BOB, of_ada.id)
    with pytest.raises(UnknownAttempt):
        await practice.start(BOB, make_new(parent=of_ada.id))
    with pytest.raises(UnknownAttempt):
        await practice.compare(BOB, of_ada.id, of_ada.id)
    assert (await practice.list_attempts(BOB)).attempts == ()


async def test_nobody_watches_a_running_grading_of_another(tmp_path: Path) -> None:
    gate = Gate()
    async with run_practice(tmp_path, gate) as practice:
        started = await practice.start(ADA, make_new())
        with pytest.raises(UnknownAttempt):
            await practice.wait(BOB, started.id)
        gate.opened.set()
        await practice.wait(ADA, started.id)


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"answer": " \n"}, PracticeInvalid, "answer"),
        ({"answer": "a\x00b"}, AnswerInvalid, "answer"),
        ({"rubric": "none"}, UnknownRubric, "none"),
        ({"question": "none"}, UnknownQuestion, "no such question"),
        ({"parent": "att_none"}, UnknownAttempt, "no attempt"),
        ({"interview": "int_none", "place": 0}, UnknownInterview, "no interview"),
        ({"transcription": "trn_none"}, SpeechNotInstalled, "Type your answer"),
    ],
)
async def test_what_cannot_be_graded_is_refused_and_not_stored(
    practice: Practice, changes: dict[str, str], error: type[Exception], field: str
) -> None:
    with pytest.raises(error, match=field):
        await practice.start(ADA, make_new(**changes))
    assert (await practice.list_attempts(ADA)).attempts == ()
