"""The desk at which people review and decide, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest

from service.batches.ranking.cache import Rankings
from service.batches.ranking.error import UNMEASURED
from service.batches.ranking.snapshot import Basis
from service.batches.review import ReviewDesk, ReviewDraft, score_levels
from service.domain.batch import Batch
from service.errors import AnswerInvalid, ReviewInvalid, UnknownAnswer
from service.store.answers import AnswerStore
from service.store.audit import AuditTrail
from service.store.database import Database
from service.store.decisions import DecisionKind, DecisionStore
from service.store.results import ResultReader
from service.store.reviews import ReviewStore
from tests.factories import make_rubric
from tests.store.batch_factory import make_answers
from tests.store.conftest import Clock
from tests.store.results_factory import fill_batch, make_spec, set_result

LEVELS = {"empathy": 5.0, "resolution": None}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/grader.db")
    yield database
    await database.aclose()


@pytest.fixture
async def batch(database: Database) -> Batch:
    answers = [one.model_copy(update={"question": "angry-customer"}) for one in make_answers(3)]
    batch = await fill_batch(database, answers, spec=make_spec(make_rubric(), sample_share=1.0, blind_reviews=True))
    for number in range(3):
        await set_result(database, number, overall=2.0, levels={"empathy": 2.0, "resolution": 2.0})
    return batch


@pytest.fixture
async def desk(tmp_path: Path, database: Database) -> AsyncIterator[ReviewDesk]:
    clock, numbers = Clock(), count()
    reader = ResultReader.open(f"sqlite:///{tmp_path}/grader.db")
    rankings = Rankings(reader, lambda _: Basis(make_rubric(), 1, UNMEASURED), clock)
    yield ReviewDesk(
        AnswerStore(database),
        ReviewStore(database, clock),
        DecisionStore(database, clock),
        rankings,
        lambda _: make_rubric(),
        clock,
        lambda: f"rev_{next(numbers)}",
    )
    await rankings.aclose()
    await reader.aclose()


async def test_a_blind_reviewer_sees_nothing_until_after_the_own_review(desk: ReviewDesk, batch: Batch) -> None:
    await desk.submit(batch, 0, "bob", ReviewDraft(levels=LEVELS))
    hidden = await desk.view(batch, 0, "ann")
    assert (hidden.is_hidden, hidden.machine, hidden.reviews, hidden.final_overall) == (True, None, (), None)
    await desk.submit(batch, 0, "ann", ReviewDraft(levels={"empathy": 3, "resolution": 3}))
    seen = await desk.view(batch, 0, "ann")
    assert [review.reviewer for review in seen.reviews] == ["bob", "ann"]
    assert (seen.is_hidden, seen.machine and seen.machine.overall, seen.final_overall) == (False, 2.0, 2.0)


async def test_an_open_batch_hides_nothing(desk: ReviewDesk, batch: Batch) -> None:
    open_batch = batch.model_copy(update={"spec": batch.spec.model_copy(update={"blind_reviews": False})})
    assert not (await desk.view(open_batch, 0, "ann")).is_hidden


async def test_an_override_moves_the_person_and_keeps_the_machine_score(desk: ReviewDesk, batch: Batch) -> None:
    assert (await desk.rankings.get_person(batch, "c1")).rank == 1
    draft = ReviewDraft(levels=LEVELS, reason="Follows up in the second part.", is_override=True)
    review = await desk.submit(batch, 1, "ann", draft)
    # (2 · 5 + 1 · 1) / 3: what was not observed counts as the lowest level
    assert review.overall == pytest.approx(11 / 3)
    assert review.machine_overall == 2.0
    person = await desk.rankings.get_person(batch, "c1", newest=True)
    assert person.overall == pytest.approx(11 / 3)
    assert person.machine_overall == 2.0
    assert (await desk.view(batch, 1, "ann")).final_overall == pytest.approx(11 / 3)
    assert (await desk.rankings.get_person(batch, "c0")).rank == 2


async def test_the_queue_shrinks_for_who_reviewed(desk: ReviewDesk, batch: Batch) -> None:
    await desk.submit(batch, 1, " ann ", ReviewDraft(levels=LEVELS))
    assert {item.number for item in (await desk.list_queue(batch, "ann")).items} == {0, 2}
    assert (await desk.list_queue(batch, "bob")).remaining == 3


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        ({"levels": LEVELS, "is_override": True, "reason": "  "}, "an override needs one"),
        ({"levels": {"empathy": 3.0}}, "'resolution' is missing"),
        ({"levels": LEVELS | {"charm": 3.0}}, "does not ask for 'charm'"),
        ({"levels": {"empathy": 6.0, "resolution": 1.0}}, "levels, empathy: expected a number from 1 to 5"),
        ({"levels": {"empathy": 0.5, "resolution": 1.0}}, "expected a number from 1 to 5"),
        ({"levels": LEVELS, "reason": "x" * 4001}, "4,001 characters"),
    ],
)
async def test_a_review_that_cannot_be_stored(
    desk: ReviewDesk, batch: Batch, draft: dict[str, object], words: str
) -> None:
    with pytest.raises(ReviewInvalid, match=words):
        await desk.submit(batch, 0, "ann", ReviewDraft.model_validate(draft))
    assert await desk.reviews.list_of_batch(batch.id) == ()


async def test_names_and_reasons_are_storable_text(desk: ReviewDesk, batch: Batch) -> None:
    with pytest.raises(ReviewInvalid, match="reviewer"):
        await desk.submit(batch, 0, " ", ReviewDraft(levels=LEVELS))
    with pytest.raises(AnswerInvalid, match="reason"):
        await desk.submit(batch, 0, "ann", ReviewDraft(levels=LEVELS, reason="a\x00"))


async def test_a_decision_needs_a_person_and_a_reason(desk: ReviewDesk, database: Database, batch: Batch) -> None:
    with pytest.raises(ReviewInvalid, match="a decision needs one"):
        await desk.decide(batch, "c1", DecisionKind.REJECT, "ann", "")
    with pytest.raises(UnknownAnswer, match="nobody"):
        await desk.decide(batch, "zoe", DecisionKind.REJECT, "ann", "r")
    decision = await desk.decide(batch, "c1", DecisionKind.HOLD, "ann", "Second talk.")
    assert (await desk.decisions.list_of_batch(batch.id))["c1"] == decision
    [entry] = await AuditTrail(database, Clock()).list_page()
    assert (entry.subject, entry.details) == ("bat_1/1", {"decision": "hold", "previous": None, "place": 1})


async def test_agreement_and_cases_come_from_what_is_stored(desk: ReviewDesk, batch: Batch) -> None:
    await desk.submit(batch, 2, "ann", ReviewDraft(levels=LEVELS))
    agreement = await desk.measure_agreement(batch)
    assert (agreement.sampled, agreement.sample_reviewed, agreement.human_machine_sample.overall.n) == (3, 1, 1)
    [case] = [case async for case in desk.iterate_cases(batch)]
    assert (case.answer, case.ratings[0].scorer) == ("Answer 2.", "ann")


def test_nothing_observed_has_no_overall() -> None:
    assert score_levels({"empathy": None, "resolution": None}, {"empathy": 2, "resolution": 1, "other": 0}) is None
