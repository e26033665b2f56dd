"""Disputes on both databases."""

from __future__ import annotations

import pytest

from service.errors import UnknownDispute, UnknownGrade
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
