"""A person says that a quote, a level or the transcript is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.domain.practice import DisputeTarget, NewDispute
from service.errors import AttemptWaiting, PracticeInvalid, UnknownAttempt
from service.wiring_practice import Practice
from tests.api.gate import Gate
from tests.practice.rig import ADA, BOB, attempt, make_new, run_practice

LEVEL, QUOTE, TRANSCRIPT = DisputeTarget.LEVEL, DisputeTarget.QUOTE, DisputeTarget.TRANSCRIPT
CRITERION = "de-escalation"


def make_dispute(**changes: Any) -> NewDispute:
    return NewDispute(**{"target": LEVEL, "criterion": CRITERION, "comment": " I did more. ", **changes})


async def test_a_dispute_is_stored_with_the_grade(practice: Practice) -> None:
    graded = await attempt(practice)
    made = await practice.dispute(ADA, graded.id, make_dispute(level=5))
    assert (made.grade, made.learner, made.comment, made.level) == (graded.grade, ADA.id, "I did more.", 5)
    assert (await practice.get_feedback(ADA, graded.id)).disputes == (made,)
    assert (await practice.disputes.list_page(limit=5)).disputes == (made,)


async def test_a_quote_must_be_one_that_is_shown(practice: Practice) -> None:
    graded = await attempt(practice)
    view = (await practice.get_feedback(ADA, graded.id)).view
    assert view is not None
    quote = next(one for one in view.criteria if one.id == CRITERION).quotes[0]
    made = await practice.dispute(ADA, graded.id, make_dispute(target=QUOTE, quote=quote))
    assert made.quote == quote
    with pytest.raises(PracticeInvalid, match="quote: "):
        await practice.dispute(ADA, graded.id, make_dispute(target=QUOTE, quote="never said"))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"comment": "  "}, "comment"),
        ({"comment": "x" * 2_001}, "comment"),
        ({"comment": "a\x00b"}, "comment"),
        ({"criterion": None}, "criterion"),
        ({"criterion": "none"}, "criterion"),
        ({"target": TRANSCRIPT, "criterion": None}, "target"),  # it was typed
    ],
)
async def test_a_dispute_that_lacks_something_is_refused(
    practice: Practice, changes: dict[str, Any], field: str
) -> None:
    graded = await attempt(practice)
    with pytest.raises(PracticeInvalid, match=f"^{field}: "):
        await practice.dispute(ADA, graded.id, make_dispute(**changes))
    assert (await practice.disputes.list_page(limit=5)).disputes == ()


async def test_an_unscored_answer_has_no_level_to_dispute(practice: Practice) -> None:
    unscored = await attempt(practice, answer="Too short.")
    with pytest.raises(PracticeInvalid, match=r"^criterion: "):
        await practice.dispute(ADA, unscored.id, make_dispute())


async def test_only_ones_own_graded_attempts_can_be_disputed(tmp_path: Path) -> None:
    gate = Gate()
    async with run_practice(tmp_path, gate) as practice:
        started = await practice.start(ADA, make_new())
        with pytest.raises(AttemptWaiting):
            await practice.dispute(ADA, started.id, make_dispute())
        gate.opened.set()
        await practice.wait(ADA, started.id)
        with pytest.raises(UnknownAttempt):
            await practice.dispute(BOB, started.id, make_dispute())


async def test_disputes_go_with_their_grade(practice: Practice) -> None:
    graded = await attempt(practice)
    await practice.dispute(ADA, graded.id, make_dispute())
    await practice.history.grades.delete(graded.grade)
    assert (await practice.disputes.list_page(limit=5)).disputes == ()
