"""Several answers become one person, by hand."""

from __future__ import annotations

import math

import pytest

from service.batches.ranking.lines import PersonLine, describe_person, iterate_people
from service.batches.ranking.people import make_key
from service.batches.ranking.snapshot import Snapshot
from service.domain.batch import AnswerState
from service.domain.grade import FlagCode
from service.store.results import Override
from tests.batches.ranking.making import OTHER, QUESTION, Given, make_snapshot


def describe(snapshot: Snapshot, key: str) -> PersonLine:
    return describe_person(snapshot, snapshot.people.by_key[key])


def test_questions_weigh_the_same_and_criteria_as_the_questions_say() -> None:
    """Overall (3 + 5) / 2. Empathy weighs 2/3 in the first question and 1 in the second: (2/3·4 + 5) / (5/3) = 4.6."""
    snapshot = make_snapshot([Given("ann", 3.0, 4.0, 1.0), Given("ann", 5.0, 5.0, question=OTHER)])
    line = describe(snapshot, "ann")
    assert line.overall == 4.0
    assert line.levels["empathy"] == pytest.approx(4.6)
    assert line.levels["resolution"] == 1.0
    # of two questions: √(2 · 0.1²) / 2
    assert line.standard_error == pytest.approx(0.1 / math.sqrt(2))
    assert line.band == "Capable"


def test_two_answers_to_one_question_are_one_question() -> None:
    given = [Given("ann", 2.0, 2.0, 2.0), Given("ann", 4.0, 4.0, 4.0), Given("ann", 5.0, 5.0, question=OTHER)]
    line = describe(make_snapshot(given), "ann")
    assert (line.overall, line.questions_scored) == (4.0, 2)
    assert line.standard_error == pytest.approx(math.sqrt(0.01 / 2 + 0.01) / 2)


def test_samples_make_a_score_more_certain() -> None:
    given = [Given("ann", 3.0, 3.0, 3.0, uncertainty=0.6)]
    assert describe(make_snapshot(given, samples=9), "ann").standard_error == pytest.approx(math.sqrt(0.04 + 0.01))


def test_an_unobserved_criterion_counts_as_the_lowest_and_one_never_observed_has_no_level() -> None:
    given = [Given("ann", 3.0, None, 5.0), Given("ann", 5.0, 5.0, question=OTHER), Given("bob", 2.0, 3.0, None)]
    snapshot = make_snapshot(given)
    assert describe(snapshot, "ann").levels["empathy"] == pytest.approx((2 / 3 * 1 + 5) / (5 / 3))
    bob = describe(snapshot, "bob")
    assert bob.levels["resolution"] is None
    assert "Not shown: Resolution." in bob.reason


def test_missing_and_unscored_questions_are_said_and_not_imputed() -> None:
    given = [
        Given("ann", 4.0, 4.0, 4.0),
        Given("bob", 4.0, 4.0, 4.0),
        Given("bob", question=OTHER, state=AnswerState.FAILED),
        Given("cem", question=OTHER),
    ]
    snapshot = make_snapshot(given)
    ann, bob, cem = (describe(snapshot, key) for key in ("ann", "bob", "cem"))
    assert (ann.overall, ann.missing, ann.questions_scored, ann.questions) == (4.0, (OTHER,), 1, 2)
    assert "1 of 2 questions answered." in ann.reason
    assert (bob.overall, bob.missing, bob.states[AnswerState.FAILED]) == (4.0, (), 1)
    assert "1 failed" in bob.reason
    assert (cem.rank, cem.tier, cem.overall, cem.band, cem.standard_error) == (None, None, None, None, None)
    assert [line.key for line in iterate_people(snapshot)] == ["ann", "bob", "cem"]


def test_questions_that_were_dealt_out_are_missing_to_nobody() -> None:
    given = [Given(key, 4.0, 4.0, 4.0) for key in ("ann", "bob", "cem")] + [Given("ann", 3.0, 3.0, question=OTHER)]
    ann, bob = (describe(make_snapshot(given), key) for key in ("ann", "bob"))
    assert ((ann.questions, ann.missing), (bob.questions, bob.missing)) == ((2, ()), (1, ()))
    assert "questions answered" not in bob.reason


def test_answers_without_a_reference_are_people_by_row() -> None:
    given = [
        Given(None, 3.0, 3.0, 3.0, row=2),
        Given(None, 5.0, 5.0, row=2, question=OTHER),
        Given(None, 2.0, 2.0, 2.0, row=3),
        Given("row:3", 1.0, 1.0, 1.0, row=4),
    ]
    people = list(iterate_people(make_snapshot(given)))
    assert [(line.key, line.candidate, line.overall) for line in people] == [
        ("row:2", None, 4.0), ("row:3", None, 2.0), ("candidate:row:3", "row:3", 1.0),
    ]  # fmt: skip
    keys = {make_key(None, 5), make_key("row:5", 1), make_key("candidate:row:5", 1), make_key("x", 1)}
    assert len(keys) == 4


def test_a_question_named_by_id_and_by_text_is_one() -> None:
    text = "Tell me about a time you dealt with an angry customer."
    snapshot = make_snapshot([Given("ann", 3.0, 3.0, 3.0), Given("ann", 4.0, 4.0, 4.0, question=text)])
    assert snapshot.questions.ids == (QUESTION,)
    assert describe(snapshot, "ann").questions_scored == 1


def test_an_override_counts_and_the_machine_score_stays_beside() -> None:
    override = Override({"empathy": 5.0, "resolution": None}, 3.7)
    given = [Given("ann", 2.0, 2.0, 2.0, override=override, uncertainty=0.5), Given("bob", 3.0, 3.0, 3.0)]
    snapshot = make_snapshot(given)
    ann = describe(snapshot, "ann")
    assert (ann.rank, ann.overall, ann.machine_overall, ann.is_overridden) == (1, 3.7, 2.0, True)
    assert ann.levels == {"empathy": 5.0, "resolution": None}
    assert ann.standard_error == 0.1  # the samples say nothing of what a person set
    assert (ann.answers[0].overall, ann.answers[0].machine_overall) == (3.7, 2.0)


def test_a_person_can_score_what_the_machine_could_not_and_unscore_what_it_did() -> None:
    given = [
        Given("ann", state=AnswerState.UNSCORED, override=Override({"empathy": 4.0, "resolution": 4.0}, 4.0)),
        Given("bob", 5.0, 5.0, 5.0, override=Override({"empathy": None, "resolution": None}, None)),
    ]
    snapshot = make_snapshot(given)
    ann, bob = describe(snapshot, "ann"), describe(snapshot, "bob")
    assert (ann.rank, ann.overall, ann.machine_overall) == (1, 4.0, None)
    assert (bob.rank, bob.overall, bob.machine_overall) == (None, None, 5.0)


def test_the_reason_names_strengths_weaknesses_and_flags() -> None:
    given = [Given("ann", 4.0, 5.0, 2.0, flags=[FlagCode.RED_FLAG]), Given("bob", 3.0, 3.0, 3.0, duplicate_of=0)]
    snapshot = make_snapshot(given)
    assert describe(snapshot, "ann").reason == "Strongest: Empathy 5.0. Weakest: Resolution 2.0. Flags: red flag."
    assert describe(snapshot, "bob").reason == "All that was shown is at 3.0. An answer resembles an earlier one."


def test_a_batch_without_answers_has_an_empty_ranking() -> None:
    snapshot = make_snapshot([])
    assert list(iterate_people(snapshot)) == []
    assert snapshot.covered.answers == 0
