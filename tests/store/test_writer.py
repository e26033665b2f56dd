from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import event

from service.errors import ShuttingDown, StoreError, StoreUnavailable, UnknownGrade
from service.store.database import Database
from service.store.grades import GradeStore
from tests.store.grades_factory import build_scored


def _count_commits(database: Database) -> list[object]:
    commits: list[object] = []
    event.listen(database._engine.sync_engine, "commit", commits.append)
    return commits


async def test_thousand_concurrent_saves_are_all_stored_in_few_transactions(
    store: GradeStore, database: Database
) -> None:
    commits = _count_commits(database)
    grades = [build_scored() for _ in range(1000)]
    await asyncio.gather(*(store.save(grade) for grade in grades))
    page = await store.list_page(limit=1001)
    assert list(page.grades) == grades[::-1]
    assert len(commits) < 20


async def test_saved_grade_is_seen_by_other_connections_at_once(store: GradeStore, url: str) -> None:
    other = await Database.open(url)
    for _ in range(3):
        grade = build_scored()
        await store.save(grade)
        assert await GradeStore(other).get(grade.id) == grade
    await other.aclose()


async def test_one_bad_row_fails_alone(store: GradeStore) -> None:
    taken = build_scored()
    await store.save(taken)
    grades = [build_scored() for _ in range(20)]
    grades[7] = build_scored(id=taken.id)
    results = await asyncio.gather(*(store.save(grade) for grade in grades), return_exceptions=True)
    assert [index for index, result in enumerate(results) if result is not None] == [7]
    assert isinstance(results[7], StoreError)
    assert len((await store.list_page(limit=50)).grades) == 20


async def test_failed_commit_reaches_its_callers_each_with_its_own_error(
    impatient_store: GradeStore, lock_grades: Callable[[], Callable[[], None]]
) -> None:
    unlock = lock_grades()
    grades = [build_scored() for _ in range(5)]
    results = await asyncio.gather(*(impatient_store.save(grade) for grade in grades), return_exceptions=True)
    unlock()
    assert {type(result) for result in results} == {StoreUnavailable}
    assert len({id(result) for result in results}) == 5
    assert (await impatient_store.list_page(limit=5)).grades == ()
    await impatient_store.save(grades[0])
    assert await impatient_store.get(grades[0].id) == grades[0]


async def test_cancelled_caller_loses_neither_its_grade_nor_others(store: GradeStore) -> None:
    grades = [build_scored() for _ in range(10)]
    tasks = [asyncio.create_task(store.save(grade)) for grade in grades]
    await asyncio.sleep(0)  # the rows are handed over
    tasks[3].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [index for index, result in enumerate(results) if result is not None] == [3]
    await store.aclose()
    assert [await store.get(grade.id) for grade in grades] == grades


async def test_caller_cancelled_before_it_began_stores_nothing(store: GradeStore) -> None:
    grade = build_scored()
    task = asyncio.create_task(store.save(grade))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    with pytest.raises(UnknownGrade):
        await store.get(grade.id)


async def test_close_waits_for_what_was_handed_over_and_refuses_more(store: GradeStore) -> None:
    grades = [build_scored() for _ in range(10)]
    tasks = [asyncio.create_task(store.save(grade)) for grade in grades]
    await asyncio.sleep(0)
    await store.aclose()
    assert [await store.get(grade.id) for grade in grades] == grades
    await asyncio.gather(*tasks)
    with pytest.raises(ShuttingDown):
        await store.save(build_scored())


async def test_cancelled_writer_leaves_no_caller_waiting(store: GradeStore) -> None:
    task = asyncio.create_task(store.save(build_scored()))
    await asyncio.sleep(0)
    assert store._writer._task is not None
    store._writer._task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    grade = build_scored()
    await store.save(grade)
    assert await store.get(grade.id) == grade


async def test_steady_stream_of_saves_never_stalls(store: GradeStore) -> None:
    """A save that came in the step in which the writer's task ended once waited for ever."""

    async def save_some() -> None:
        for _ in range(15):
            await store.save(build_scored())

    await asyncio.wait_for(asyncio.gather(*(save_some() for _ in range(8))), timeout=20)
    assert len((await store.list_page(limit=200)).grades) == 120
