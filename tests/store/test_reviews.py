"""Reviews and decisions are stored with their audit entries, which name nobody."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import UnknownAnswer
from service.store.audit import AuditTrail
from service.store.batches import BatchStore
from service.store.completion import AnswerKey
from service.store.database import Database
from service.store.decisions import DecisionKind, DecisionStore
from service.store.reviews import ReviewStore
from tests.store.batch_factory import make_answers
from tests.store.conftest import Clock
from tests.store.grades_factory import START
from tests.store.results_factory import fill_batch
from tests.store.test_results import make_review


async def test_a_review_is_stored_with_its_entry(database: Database, clock: Clock) -> None:
    await fill_batch(database, make_answers(3))
    store, trail = ReviewStore(database, clock), AuditTrail(database, clock)
    await store.add(make_review(1, 2.0))
    await store.add(make_review(1, None, second=3, is_override=False))
    first, second = await store.list_of_answer(AnswerKey("bat_1", 1))
    assert (first, second) == (make_review(1, 2.0), make_review(1, None, second=3, is_override=False))
    assert await store.list_numbers("bat_1", "ann") == {1}
    assert await store.list_numbers("bat_1", "bob") == frozenset()
    entries = await trail.list_page(subject="bat_1/1")
    assert [entry.action for entry in entries] == ["review.created", "override.created"]
    assert entries[1].details == {"review": "rev_1_0"}  # no numbers: they would tell a blind reviewer the others'


async def test_a_review_of_nothing_is_refused(database: Database, clock: Clock) -> None:
    await fill_batch(database, make_answers(1))
    with pytest.raises(UnknownAnswer):
        await ReviewStore(database, clock).add(make_review(7, 2.0))
    assert await AuditTrail(database, clock).get_head() is None


async def test_reviewed_answers_come_with_texts_and_groups(database: Database, clock: Clock) -> None:
    await fill_batch(database, make_answers(5))
    store = ReviewStore(database, clock)
    for number in (3, 1):
        await store.add(make_review(number, 2.0))
    found = [one async for one in store.iterate_reviewed("bat_1")]
    assert [(one.number, one.text, one.groups) for one in found] == [
        (1, "Answer 1.", {"site": "north"}),
        (3, "Answer 3.", {"site": "north"}),
    ]


async def test_a_changed_decision_leaves_its_history(database: Database, clock: Clock) -> None:
    await fill_batch(database, make_answers(2))
    store, trail = DecisionStore(database, clock), AuditTrail(database, clock)
    first = await store.set("bat_1", "c1", 1, DecisionKind.ADVANCE, "ann", "Calm.")
    latest = await store.set("bat_1", "c1", 1, DecisionKind.HOLD, "bob", "Second look.")
    assert await store.list_of_batch("bat_1") == {"c1": latest}
    assert await store.list_of_batch("bat_1", ["c0"]) == {}
    assert await store.list_of_person("bat_1", "c1") == (first, latest)
    assert [(one.reason, one.place) for one in (first, latest)] == [("Calm.", 1), ("Second look.", 2)]
    assert await store.list_of_person("bat_1", "c0") == ()
    entries = await trail.list_page()
    assert [(entry.actor, entry.subject, entry.details) for entry in entries] == [
        ("bob", "bat_1/1", {"decision": "hold", "previous": "advance", "place": 2}),
        ("ann", "bat_1/1", {"decision": "advance", "previous": None, "place": 1}),
    ]


async def test_the_newest_decision_counts_when_the_clock_is_set_back(database: Database) -> None:
    await fill_batch(database, make_answers(1))
    moments = iter([START.replace(hour=12), START.replace(hour=11)])
    store = DecisionStore(database, lambda: next(moments))
    await store.set("bat_1", "c0", 0, DecisionKind.ADVANCE, "ann", "r")
    latest = await store.set("bat_1", "c0", 0, DecisionKind.REJECT, "ann", "r")
    assert await store.list_of_batch("bat_1") == {"c0": latest}


async def test_first_decisions_at_once_follow_each_other(url: str, database: Database, clock: Clock) -> None:
    await fill_batch(database, make_answers(1))
    other = await Database.open(url)
    stores = [DecisionStore(database, clock), DecisionStore(other, clock)]
    kinds = (DecisionKind.ADVANCE, DecisionKind.REJECT)
    await asyncio.gather(
        *(store.set("bat_1", "c0", 0, kind, "a", "r") for store, kind in zip(stores, kinds, strict=True))
    )
    await other.aclose()
    second, first = await AuditTrail(database, clock).list_page()
    assert second.details["previous"] == first.details["decision"]


async def test_a_deleted_batch_leaves_the_trail_whole(database: Database, clock: Clock) -> None:
    await fill_batch(database, make_answers(1))
    await ReviewStore(database, clock).add(make_review(0, 2.0))
    await DecisionStore(database, clock).set("bat_1", "c0", 0, DecisionKind.HOLD, "ann", "r")
    await BatchStore(database).delete("bat_1")
    assert await DecisionStore(database, clock).list_of_batch("bat_1") == {}
    assert await ReviewStore(database, clock).list_of_batch("bat_1") == ()
    report = await AuditTrail(database, clock).verify()
    assert (report.entries, report.is_intact) == (2, True)
