"""Answers read for exports: all of them, in order, with grades and reviews."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from service.store.answers import AnswerStore
from service.store.batch_tables import REVIEWS
from service.store.batches import BatchStore
from service.store.completion import AnswerKey
from service.store.database import Database
from service.store.grades import GradeStore
from service.store.history import HistoryStore
from service.store.results_export import ExportStore
from tests.store.batch_factory import make_answers, make_batch
from tests.store.grades_factory import START, build_scored


@pytest.fixture
async def exports(database: Database) -> ExportStore:
    """Five answers; 1 and 3 scored, 2 failed."""
    batches, grades = BatchStore(database), GradeStore(database)
    await batches.create(make_batch(), [])
    await batches.add_rows("bat_1", make_answers(5))
    for number in (3, 1):
        key = AnswerKey("bat_1", number)
        moment = START + timedelta(seconds=number)
        await grades.save_answer(build_scored(id=key.grade_id, created_at=moment), key)
    await AnswerStore(database).fail(AnswerKey("bat_1", 2), "backend-timeout", "No reply.")
    await grades.aclose()
    return ExportStore(database)


async def review(database: Database, *numbers: int) -> None:
    async with database.begin_write() as connection:
        for place, number in enumerate(numbers):
            values = {
                "id": f"rev_{place}", "created_at": START + timedelta(seconds=place), "batch_id": "bat_1",
                "number": number, "reviewer": f"r{place}", "levels": '{"a": 2.0, "b": null}', "overall": 2.0,
                "machine_overall": 3.4, "is_override": place == 0, "reason": "Why.",
            }  # fmt: skip
            await connection.execute(insert(REVIEWS), values)


@pytest.mark.parametrize("size", [2, 5])
async def test_blocks_hold_every_answer_once(exports: ExportStore, database: Database, size: int) -> None:
    await review(database, 3, 3, 4)
    blocks = [block async for block in exports.iterate_blocks("bat_1", size)]
    rows = [row for block in blocks for row in block]
    assert [row.answer.number for row in rows] == [0, 1, 2, 3, 4]
    assert [row.grade is not None for row in rows] == [False, True, False, True, False]
    assert all(row.grade is None or row.grade.id == AnswerKey("bat_1", row.answer.number).grade_id for row in rows)
    assert [row.text for row in rows] == [f"Answer {number}." for number in range(5)]
    assert [len(row.reviews) for row in rows] == [0, 0, 0, 2, 1]
    assert (rows[3].human, rows[3].final) == (rows[3].reviews[0], 2.0)  # the override, though another came later
    assert (rows[4].human, rows[4].final) == (rows[4].reviews[0], None)


@pytest.mark.parametrize("size", [1])
async def test_reviews_come_in_order(exports: ExportStore, database: Database, size: int) -> None:
    await review(database, 3, 1, 3)
    found = [one async for block in exports.iterate_reviews("bat_1", size) for one in block]
    assert [(one.number, one.reviewer) for one in found] == [(1, "r1"), (3, "r0"), (3, "r2")]
    assert (found[0].candidate, found[0].row, found[0].levels) == ("c1", 3, {"a": 2.0, "b": None})


async def test_questions_are_counted(exports: ExportStore) -> None:
    (found,) = await exports.list_questions("bat_1")
    assert (found.question, found.answers, found.scored, found.failed, found.waiting) == ("q", 5, 2, 1, 2)
    assert found.mean == pytest.approx(3.4285714285714284)
    assert await exports.list_questions("bat_none") == ()


async def test_history_is_of_the_same_grader(exports: ExportStore, database: Database) -> None:
    spec = make_batch().spec
    found = await HistoryStore(database).find(spec)
    assert found is not None
    assert (found.batch_name, found.tokens_out, found.answers_per_second) == ("Autumn", 640, 0.5)
    assert await HistoryStore(database).find(spec.model_copy(update={"model": "other"})) is None
