"""Disputes on both databases."""

from __future__ import annotations

import pytest

from service.errors import UnknownDispute, UnknownGrade
from service.store.audit import AuditTrail
from service.store.database import Database
from service.store.disputes import DisputeStore
from service.store.grades import GradeStore
from tests.store.conftest import Clock
from tests.store.grades_factory import build_scored
from tests.store.practice_factory import make_dispute


@pytest.fixture
def disputes(database: Database) -> DisputeStore:
    return DisputeStore(database)


async def test_open_disputes_in_pages_until_they_are_resolved(
    disputes: DisputeStore, store: GradeStore, clock: Clock
) -> None:
    await store.save(grade := build_scored())
    made = [make_dispute(clock, grade.id) for _ in range(3)]
    for one in made:
        await disputes.add(one)
    first = await disputes.list_page(limit=2)
    second = await disputes.list_page(limit=2, cursor=first.next_cursor)
    assert [*first.disputes, *second.disputes] == made[::-1]
    assert await disputes.list_of_grade(grade.id) == tuple(made)
    resolved = await disputes.resolve(made[1].id, clock.time, "Eva", "The quote is right.")
    assert (resolved.resolved_at, resolved.resolved_by) == (clock.time, "Eva")
    assert (await disputes.resolve(made[1].id, clock.time, "Max", "Twice.")) == resolved  # the first one stands
    assert (await disputes.list_page(limit=9)).disputes == (made[2], made[0])
    assert (await disputes.list_page(limit=9, is_open=False)).disputes == (resolved,)
    with pytest.raises(UnknownDispute):
        await disputes.resolve("dsp_none", clock.time, "Eva", "Gone.")


async def test_a_dispute_of_no_grade_is_refused(disputes: DisputeStore, clock: Clock) -> None:
    with pytest.raises(UnknownGrade):
        await disputes.add(make_dispute(clock, "grd_none"))


async def test_the_audit_trail_keeps_who_filed_and_resolved_but_no_words(
    disputes: DisputeStore, store: GradeStore, database: Database, clock: Clock
) -> None:
    await store.save(grade := build_scored())
    await disputes.add(learners := make_dispute(clock, grade.id))
    await disputes.add(keys := make_dispute(clock, grade.id), by="portal (key_1)")
    await disputes.resolve(learners.id, clock.time, "Eva", "She said it in the second sentence.")
    await disputes.resolve(learners.id, clock.time, "Max", "Twice.")  # changes nothing, so it is no entry
    with pytest.raises(UnknownGrade):
        await disputes.add(make_dispute(clock, "grd_none"))
    trail = AuditTrail(database, clock)
    entries = (await trail.list_page(subject=grade.id))[::-1]
    assert [(one.actor, one.action) for one in entries] == [
        ("a learner", "dispute.filed"), ("portal (key_1)", "dispute.filed"), ("Eva", "dispute.resolved"),
    ]  # fmt: skip
    assert [one.details["dispute"] for one in entries] == [learners.id, keys.id, learners.id]
    assert (await trail.verify()).is_intact
    written = str(entries)
    assert not any(word in written for word in (learners.comment, "second sentence", str(learners.learner)))
