"""Attempts on both databases; the rest of practising is tested in tests/practice."""

from __future__ import annotations

from typing import Any

import pytest

from service.domain.answer import AnswerKind
from service.domain.grade import Scored
from service.domain.practice import (
    Attempt,
    AttemptState,
)
from service.errors import CursorInvalid, UnknownAttempt, UnknownGrade
from service.store.database import Database
from service.store.disputes import DisputeStore
from service.store.grades import GradeStore
from service.store.practice import AttemptStore
from service.store.practice_deletion import PracticeEraser
from service.store.practice_pages import PageStore
from tests.store.conftest import Clock
from tests.store.grades_factory import build_scored, build_unscored
from tests.store.practice_factory import ADA, BOB, make_attempt, make_dispute


@pytest.fixture
def attempts(database: Database) -> AttemptStore:
    return AttemptStore(database)


async def add_graded(attempts: AttemptStore, store: GradeStore, new: Attempt, **grade: Any) -> Scored:
    made = build_scored(id=new.grade, **grade)
    await attempts.add(new, "My answer.")
    await store.save(made)
    assert await attempts.complete(new, made)
    return made


async def test_a_waiting_attempt_comes_back_equal(attempts: AttemptStore, clock: Clock) -> None:
    new = make_attempt(clock, transcription="trn_1", kind=AnswerKind.SPOKEN)
    await attempts.add(new, "Mine: 👩🏽‍💻 cafe\u0301")
    assert await attempts.get(ADA, new.id) == new
    assert await attempts.get_answer(new) == "Mine: 👩🏽‍💻 cafe\u0301"
    with pytest.raises(UnknownAttempt):
        await attempts.get(BOB, new.id)


async def test_a_graded_attempt_has_its_levels_and_its_answer_no_more(
    attempts: AttemptStore, store: GradeStore, clock: Clock
) -> None:
    new = make_attempt(clock)
    await attempts.add(new, "My answer.")
    await attempts.note_problem(new, "backend-timeout", "No reply in time.")
    assert (await attempts.get(ADA, new.id)).problem == "No reply in time."
    made = build_scored(id=new.grade)
    await store.save(made)
    assert await attempts.complete(new, made)
    found = await attempts.get(ADA, new.id)
    assert (found.state, found.overall, found.problem) == (AttemptState.SCORED, made.overall.score, None)
    assert found.levels == {one.id: one.level for one in made.criteria}
    assert await attempts.get_answer(new) == ""
    await attempts.note_problem(new, "late", "Too late to matter.")
    assert (await attempts.get(ADA, new.id)) == found


async def test_completing_twice_is_completing_once(attempts: AttemptStore, store: GradeStore, clock: Clock) -> None:
    new = make_attempt(clock)
    made = await add_graded(attempts, store, new)
    assert await attempts.complete(new, made)
    assert await store.get(made.id) == made


async def test_the_grade_of_a_deleted_attempt_is_deleted(
    attempts: AttemptStore, store: GradeStore, clock: Clock
) -> None:
    made = build_unscored()
    await store.save(made)
    assert not await attempts.complete(make_attempt(clock, grade=made.id), made)
    with pytest.raises(UnknownGrade):
        await store.get(made.id)


async def test_pages_are_newest_first_and_each_learners_own(attempts: AttemptStore, clock: Clock) -> None:
    mine = [make_attempt(clock) for _ in range(5)]
    for one in [*mine, make_attempt(clock, BOB), make_attempt(clock, question_key="else")]:
        await attempts.add(one, "Mine.")
    first = await attempts.list_page(ADA, limit=3, rubric="small", question_key="why")
    second = await attempts.list_page(ADA, limit=3, rubric="small", question_key="why", cursor=first.next_cursor)
    assert [*first.attempts, *second.attempts] == mine[::-1]
    assert second.next_cursor is None
    with pytest.raises(CursorInvalid):
        await attempts.list_page(ADA, limit=3, cursor="nonsense")


async def test_when_a_question_was_tried_last(attempts: AttemptStore, clock: Clock) -> None:
    for key in ("why", "else", "why"):
        await attempts.add(last := make_attempt(clock, question_key=key), "Mine.")
    tried = await attempts.list_last_tried(ADA)
    assert tried["small", "why"] == last.created_at
    assert set(tried) == {("small", "why"), ("small", "else")}
    assert await attempts.list_last_tried(BOB) == {}


async def test_one_of_a_question_is_kept(attempts: AttemptStore, clock: Clock) -> None:
    first, second, other = make_attempt(clock), make_attempt(clock), make_attempt(clock, question_key="else")
    for one in (first, second, other):
        await attempts.add(one, "Mine.")
        await attempts.keep(one, True)
    kept = await attempts.get_several(ADA, [first.id, second.id, other.id, "none"])
    assert [kept[one.id].is_kept for one in (first, second, other)] == [False, True, True]
    await attempts.keep(second, False)
    assert not (await attempts.get(ADA, second.id)).is_kept


async def test_a_page_has_what_is_near_the_attempt(
    database: Database, attempts: AttemptStore, store: GradeStore, clock: Clock
) -> None:
    root, pages = make_attempt(clock), PageStore(database)
    follow_up = make_attempt(clock, parent=root.id, question_key="why.follow-up-1")
    second = make_attempt(clock, parent=follow_up.id, question_key="why.follow-up-2")
    again = make_attempt(clock)
    grade = await add_graded(attempts, store, root)
    for one in (follow_up, second, again):
        await attempts.add(one, "Mine.")
    await DisputeStore(database).add(dispute := make_dispute(clock, root.grade))
    page = await pages.load(ADA, root.id)
    assert ([one.id for one in page.outlines], page.parent) == ([again.id, root.id], None)
    assert (page.follow_ups, page.grade, page.answer) == ((follow_up,), grade, grade.answer)
    assert page.disputes == (dispute,)
    page = await pages.load(ADA, follow_up.id)
    assert (page.parent, page.follow_ups) == (await attempts.get(ADA, root.id), (second,))
    assert (page.grade, page.answer, page.disputes) == (None, "Mine.", ())
    with pytest.raises(UnknownAttempt):
        await pages.load(BOB, root.id)


async def test_deleting_a_learner_leaves_the_others(
    database: Database, attempts: AttemptStore, store: GradeStore, clock: Clock
) -> None:
    mine, parted, theirs = make_attempt(clock), make_attempt(clock), make_attempt(clock, BOB)
    await add_graded(attempts, store, mine)
    disputes = DisputeStore(database)
    await disputes.add(make_dispute(clock, mine.grade))
    await attempts.add(parted, "A crash came between.")
    await store.save(build_scored(id=parted.grade))
    kept = await add_graded(attempts, store, theirs)
    assert await PracticeEraser(database).delete_learner(ADA) == (2, 0, 0)
    assert await store.get(kept.id) == kept
    for gone in (mine, parted):
        with pytest.raises(UnknownGrade):
            await store.get(gone.grade)
    assert (await attempts.list_page(ADA, limit=9)).attempts == ()
    assert len((await attempts.list_page(BOB, limit=9)).attempts) == 1
    assert (await disputes.list_page(limit=9)).disputes == ()


async def test_old_attempts_are_swept_in_blocks(
    database: Database, attempts: AttemptStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.practice_deletion.BLOCK", 2)
    for _ in range(5):
        await attempts.add(make_attempt(clock), "Old.")
    await attempts.add(young := make_attempt(clock), "Young.")
    eraser = PracticeEraser(database)
    assert await eraser.sweep(young.created_at) == 5
    assert (await attempts.list_page(ADA, limit=9)).attempts == (young,)
    assert await eraser.sweep(young.created_at) == 0
