"""Batches on both databases: nothing graded twice, nothing lost, counts that are true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from service.domain.batch import ANSWERS_IN_CHUNK, AnswerState, BatchState, Counts, NewAnswer, Rejected
from service.errors import AlreadyGraded, BatchStateConflict, IdempotencyConflict, StoreError, UnknownBatch
from service.store.answers import AnswerStore
from service.store.batches import BatchKey, BatchStore
from service.store.completion import AnswerKey
from service.store.database import Database
from service.store.grades import GradeStore
from tests.store.batch_factory import make_answers, make_batch
from tests.store.grades_factory import START, build_scored, build_unscored


@pytest.fixture
async def grades(database: Database) -> AsyncIterator[GradeStore]:
    store = GradeStore(database)
    yield store
    await store.aclose()


async def fill(store: BatchStore, count: int = 3) -> None:
    await store.create(make_batch(), ["id", "answer"])
    await store.add_rows("bat_1", make_answers(count))
    await store.start("bat_1", count, 0)


async def test_a_batch_is_stored_as_it_was_made(database: Database) -> None:
    store = BatchStore(database)
    assert await store.create(make_batch(), ["answer"]) == await store.get("bat_1") == make_batch()


async def test_the_same_key_is_the_same_batch(database: Database) -> None:
    store = BatchStore(database)
    key = BatchKey("me", "k", "aa")
    first = await store.create(make_batch(), [], key)
    assert await store.create(make_batch(id="bat_2"), [], key) == first
    twice = await asyncio.gather(
        *(store.create(make_batch(id=f"x{n}"), [], BatchKey("me", "new", "aa")) for n in (1, 2))
    )
    assert twice[0] == twice[1]
    with pytest.raises(IdempotencyConflict, match="another file"):
        await store.create(make_batch(id="bat_3"), [], BatchKey("me", "k", "bb"))


async def test_a_chunk_is_what_waits_in_it(database: Database, grades: GradeStore) -> None:
    store, answers = BatchStore(database), AnswerStore(database)
    size = ANSWERS_IN_CHUNK
    await fill(store, size + 10)
    assert [len(await answers.load_chunk("bat_1", chunk)) for chunk in range(3)] == [size, 10, 0]
    key = AnswerKey("bat_1", size + 1)
    await grades.save_answer(build_scored(id=key.grade_id), key)
    assert [one.key.number for one in await answers.load_chunk("bat_1", 1)] == [size, *range(size + 2, size + 10)]
    assert await store.list_waiting_chunks("bat_1") == (0, 1)


async def test_an_answer_is_graded_once_however_many_try(database: Database, grades: GradeStore) -> None:
    store = BatchStore(database)
    await fill(store)
    key = AnswerKey("bat_1", 0)
    tries = [grades.save_answer(build_scored(id=key.grade_id), key) for _ in range(8)]
    others = [
        grades.save_answer(build_scored(id=AnswerKey("bat_1", n).grade_id), AnswerKey("bat_1", n)) for n in (1, 2)
    ]
    failures = [one for one in await asyncio.gather(*tries, *others, return_exceptions=True) if one is not None]
    assert [isinstance(one, AlreadyGraded | StoreError) for one in failures] == [True] * 7
    assert (await store.count("bat_1")).scored == 3
    assert len((await grades.list_page(limit=10)).grades) == 3


async def test_a_late_worker_with_another_id_stores_nothing(database: Database, grades: GradeStore) -> None:
    await fill(BatchStore(database))
    key = AnswerKey("bat_1", 0)
    await grades.save_answer(build_scored(id=key.grade_id), key)
    with pytest.raises(AlreadyGraded):
        await grades.save_answer(build_scored(id="grd_other"), key)
    assert len((await grades.list_page(limit=10)).grades) == 1


async def test_counts_are_of_every_state(database: Database, grades: GradeStore) -> None:
    store, answers = BatchStore(database), AnswerStore(database)
    await fill(store, 4)
    one, two = AnswerKey("bat_1", 0), AnswerKey("bat_1", 1)
    scored, unscored = build_scored(id=one.grade_id), build_unscored(id=two.grade_id)
    await grades.save_answer(scored, one)
    await grades.save_answer(unscored, two)
    await answers.fail(AnswerKey("bat_1", 2), "backend-timeout", "No reply.")
    counts = await store.count("bat_1")
    assert counts.model_dump(include={"waiting", "scored", "unscored", "failed"}) == {
        "waiting": 1, "scored": 1, "unscored": 1, "failed": 1,
    }  # fmt: skip
    assert counts.tokens_in == _add(scored.provenance.tokens.input, unscored.provenance.tokens.input)
    assert await store.count("bat_none") == Counts()


def _add(*parts: int | None) -> int | None:
    return None if None in parts else sum(part or 0 for part in parts)


async def test_a_row_tells_what_the_grade_says(database: Database, grades: GradeStore) -> None:
    await fill(BatchStore(database))
    answers, key = AnswerStore(database), AnswerKey("bat_1", 1)
    grade = build_scored(id=key.grade_id)
    await grades.save_answer(grade, key)
    row = await answers.get(key)
    assert (row.grade, row.result.overall, row.result.band) == (grade.id, grade.overall.score, grade.overall.band)
    assert row.result.levels == {criterion.id: criterion.level for criterion in grade.criteria}
    assert row.result.flags == tuple(flag.code for flag in grade.flags)


async def test_only_the_last_answer_finishes_a_batch_and_only_once(database: Database, grades: GradeStore) -> None:
    store = BatchStore(database)
    await fill(store, 1)
    assert not await store.finish_if_done("bat_1", START)
    key = AnswerKey("bat_1", 0)
    await grades.save_answer(build_scored(id=key.grade_id), key)
    assert sorted(await asyncio.gather(*(store.finish_if_done("bat_1", START) for _ in range(4)))) == [False] * 3 + [
        True
    ]
    assert (await store.get("bat_1")).state is BatchState.FINISHED


async def test_failed_answers_wait_again_in_another_round(database: Database) -> None:
    store, answers = BatchStore(database), AnswerStore(database)
    await fill(store, 60)
    await answers.fail(AnswerKey("bat_1", 55), "backend-timeout", "No reply.")
    batch = await store.retry_failed("bat_1")
    assert (batch.round, batch.state) == (1, BatchState.RUNNING)
    assert (await answers.get(AnswerKey("bat_1", 55))).result.state is AnswerState.WAITING


async def test_a_retry_that_a_crash_cuts_off_has_not_begun(database: Database) -> None:
    store, answers = BatchStore(database), AnswerStore(database)
    await fill(store, 60)
    await answers.fail(AnswerKey("bat_1", 55), "backend-timeout", "No reply.")

    def crash(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await store.retry_failed("bat_1", crash)
    assert (await store.get("bat_1")).round == 0
    assert (await answers.get(AnswerKey("bat_1", 55))).result.state is AnswerState.FAILED


async def test_a_state_changes_only_from_what_is_expected(database: Database) -> None:
    store = BatchStore(database)
    await fill(store)
    await store.change_state("bat_1", [BatchState.RUNNING], BatchState.CANCELLED)
    with pytest.raises(BatchStateConflict, match="The batch is cancelled"):
        await store.change_state("bat_1", [BatchState.RUNNING], BatchState.PAUSED)
    with pytest.raises(UnknownBatch):
        await store.change_state("bat_2", [BatchState.RUNNING], BatchState.PAUSED)


async def test_pages_are_whole_and_newest_first(database: Database) -> None:
    store = BatchStore(database)
    for number in range(5):
        await store.create(make_batch(id=f"bat_{number}", created_at=START + timedelta(seconds=number // 2)), [])
    first = await store.list_page(limit=3)
    second = await store.list_page(limit=3, cursor=first.next_cursor)
    assert [one.id for one in (*first.batches, *second.batches)] == ["bat_4", "bat_3", "bat_2", "bat_1", "bat_0"]
    assert second.next_cursor is None


async def test_a_deleted_batch_leaves_nothing(database: Database, grades: GradeStore) -> None:
    store, answers = BatchStore(database), AnswerStore(database)
    await fill(store)
    await store.add_rows("bat_1", [], [Rejected(row=9, field="answer", excerpt=None, reason="Empty.", cells=("", ""))])
    key = AnswerKey("bat_1", 0)
    await grades.save_answer(build_scored(id=key.grade_id), key)
    await store.delete("bat_1")
    assert [row async for row in answers.iterate("bat_1")] == []
    assert (await answers.list_rejected("bat_1"), await answers.load_groups("bat_1", -1, 9)) == ((), {})
    assert (await grades.list_page(limit=10)).grades == ()
    with pytest.raises(UnknownBatch):
        await store.delete("bat_1")


async def test_reading_in_blocks_misses_nothing(database: Database) -> None:
    await fill(BatchStore(database), 120)
    answers = AnswerStore(database)
    assert [row.number async for row in answers.iterate("bat_1", after=9, limit=100)] == list(range(10, 110))
    assert await answers.load_groups("bat_1", 0, 1) == {1: {"site": "north"}}


async def test_rows_of_a_block_are_stored_whole_or_not_at_all(database: Database) -> None:
    store = BatchStore(database)
    await store.create(make_batch(), [])
    twice = [*make_answers(3), *make_answers(1)]
    with pytest.raises(StoreError):
        await store.add_rows("bat_1", twice)
    assert (await store.count("bat_1")).total == 0
    assert isinstance(twice[0], NewAnswer)
