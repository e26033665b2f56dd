from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from service.domain.grade import QuestionRef, Scored, Unscored, VersionRef
from service.errors import CursorInvalid
from service.store.batches import BatchStore
from service.store.completion import AnswerKey
from service.store.database import Database
from service.store.grades import GradeStore, _build_row
from service.store.tables import GRADES
from tests.store.batch_factory import make_answers, make_batch
from tests.store.grades_factory import START, build_scored, build_unscored
from tests.store.results_factory import fill_batch


async def _walk(store: GradeStore, limit: int, **filters: Any) -> list[str]:
    ids: list[str] = []
    cursor = None
    while True:
        page = await store.list_page(limit=limit, cursor=cursor, **filters)
        assert len(page.grades) <= limit
        ids += [grade.id for grade in page.grades]
        if page.next_cursor is None:
            return ids
        cursor = page.next_cursor


async def test_empty_store_has_an_empty_page(store: GradeStore) -> None:
    page = await store.list_page(limit=10)
    assert (page.grades, page.next_cursor) == ((), None)


@pytest.mark.parametrize("limit", [1, 3, 7, 8])
async def test_pages_hold_every_grade_once_newest_first(store: GradeStore, limit: int) -> None:
    grades = [build_scored() for _ in range(7)]
    for grade in grades:
        await store.save(grade)
    assert await _walk(store, limit) == [grade.id for grade in reversed(grades)]


async def test_grades_of_one_moment_are_ordered_by_the_bytes_of_their_ids(store: GradeStore) -> None:
    ids = ["B", "a", "_", "é", "Z", "10", "9"]
    for grade_id in ids:
        await store.save(build_scored(id=grade_id, created_at=START))
    assert await _walk(store, 2) == sorted(ids, key=str.encode, reverse=True)


async def test_new_and_deleted_grades_do_not_shift_pages(store: GradeStore) -> None:
    grades = [build_scored() for _ in range(6)]
    for grade in grades:
        await store.save(grade)
    first = await store.list_page(limit=2)
    await store.save(build_scored())
    await store.delete(first.grades[-1].id)  # the very grade that the cursor names
    second = await store.list_page(limit=2, cursor=first.next_cursor)
    assert [grade.id for grade in second.grades] == [grades[3].id, grades[2].id]


async def test_filters_combine(store: GradeStore) -> None:
    wanted = build_unscored(
        rubric=VersionRef(id="other", version=2),
        question=QuestionRef(id="why", text="Why?"),
        needs_review=True,
        candidate_ref="me",
    )
    grades: list[Scored | Unscored] = [
        wanted,
        build_unscored(rubric=wanted.rubric),
        build_scored(question=wanted.question),
        build_scored(needs_review=True),
        build_scored(candidate_ref="me"),
        build_scored(candidate_ref=None),
    ]
    for grade in grades:
        await store.save(grade)
    newest_first = [grade.id for grade in reversed(grades)]
    ids = dict(enumerate(grade.id for grade in grades))
    assert await _walk(store, 1) == newest_first
    assert await _walk(store, 1, rubric="other") == [ids[1], ids[0]]
    assert await _walk(store, 1, question="why") == [ids[2], ids[0]]
    assert await _walk(store, 1, needs_review=True) == [ids[3], ids[0]]
    assert await _walk(store, 1, candidate_ref="me") == [ids[4], ids[0]]
    assert await _walk(store, 1, status="unscored") == [ids[1], ids[0]]
    assert await _walk(store, 5, needs_review=False, status="scored") == [ids[5], ids[4], ids[2]]
    everything = {"rubric": "other", "question": "why", "status": "unscored", "needs_review": True}
    assert await _walk(store, 5, candidate_ref="me", **everything) == [wanted.id]


async def test_bad_arguments_are_refused(store: GradeStore) -> None:
    with pytest.raises(CursorInvalid):
        await store.list_page(limit=1, cursor="nonsense")
    with pytest.raises(ValueError, match="at least 1"):
        await store.list_page(limit=0)


@pytest.mark.slow
async def test_pages_of_100_000_grades_are_fast(store: GradeStore, database: Database) -> None:
    total = 100_000
    row = _build_row(build_scored())
    async with database.begin_write() as connection:
        for start in range(0, total, 5_000):
            rows = [
                {**row, "id": f"g{n:07d}", "created_at": START + timedelta(seconds=n), "candidate_ref": f"c{n % 5000}"}
                for n in range(start, start + 5_000)
            ]
            await connection.execute(insert(GRADES), rows)
    async with database.begin_read() as connection:
        await connection.execute(text("ANALYZE"))
    first = await store.list_page(limit=50)
    middle = (await store.list_page(limit=1, candidate_ref="c2500")).next_cursor
    cases: list[dict[str, Any]] = [
        {},
        {"cursor": first.next_cursor},
        {"cursor": middle},
        {"candidate_ref": "c7"},
        {"rubric": "difficult-customers", "question": "angry-customer", "status": "scored"},
        {"needs_review": True},  # matches none: one pass over the index
        {"status": "unscored", "question": "unknown"},
    ]
    for case in cases:
        seconds = min([await _time_page(store, case) for _ in range(5)])
        print(f"{database.dialect} {case}: {seconds * 1000:.1f} ms")
        assert seconds < 0.05, case


async def _time_page(store: GradeStore, case: dict[str, Any]) -> float:
    start = time.perf_counter()
    await store.list_page(limit=50, **case)
    return time.perf_counter() - start


async def test_grades_of_blind_batches_are_in_no_page_and_no_cursor(store: GradeStore, database: Database) -> None:
    await fill_batch(database, make_answers(3))
    batches, spec = BatchStore(database), make_batch().spec.model_copy(update={"blind_reviews": True})
    await batches.set_values("bat_1", spec=spec.model_dump_json())
    shown = [build_scored() for _ in range(3)]
    for number, grade in enumerate(shown):
        await store.save(grade)
        key = AnswerKey("bat_1", number)
        await store.save_answer(build_scored(id=key.grade_id), key)
    ids = [grade.id for grade in reversed(shown)]
    assert await _walk(store, 1) == ids
    page = await store.list_page(limit=3)
    assert ([grade.id for grade in page.grades], page.next_cursor) == (ids, None)
    opened = spec.model_copy(update={"results_opened_at": START})
    await batches.set_values("bat_1", spec=opened.model_dump_json())
    assert len(await _walk(store, 1)) == 6
