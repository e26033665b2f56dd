"""Very many learners, and one with very many attempts."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from service.domain.practice import (
    Learner,
)
from service.store.database import Database
from service.store.practice import AttemptStore
from service.store.practice_deletion import PracticeEraser
from service.store.practice_tables import PRACTICE_ATTEMPTS
from tests.store.conftest import Clock


def build_many(clock: Clock, learners: int, each: int) -> Iterator[dict[str, Any]]:
    for learner in range(learners):
        for number in range(each):
            yield {
                "id": f"att_{learner}_{number}_{each}", "learner": f"{learner:064x}",
                "created_at": clock.time + timedelta(seconds=number), "rubric_id": "small", "rubric_version": 1,
                "question_id": "why", "question_key": f"why-{number % 7}", "question_text": "Why?", "kind": "typed",
                "drawn_grade": f"grd_{learner}_{number}", "state": "waiting", "levels": "{}", "is_kept": False,
                "answer": "Mine.",
            }  # fmt: skip


PLANNED = {
    "a page": "SELECT id FROM practice_attempts WHERE learner = :l ORDER BY created_at DESC, id DESC LIMIT 21",
    "a question": "SELECT id FROM practice_attempts WHERE learner = :l AND rubric_id = 'small' AND question_key = 'w' "
    "ORDER BY created_at DESC, id DESC LIMIT 21",
    "follow-ups": "SELECT id FROM practice_attempts WHERE parent_id = :l",
    "an interview": "SELECT id FROM practice_attempts WHERE interview_id = :l",
    "a deletion": "DELETE FROM practice_attempts WHERE learner = :l",
    "a grade's deletion": "DELETE FROM practice_attempts WHERE grade_id = :l",
    "a sweep": "SELECT id FROM practice_attempts WHERE created_at < 5 LIMIT 200",
    "interviews": "SELECT id FROM practice_interviews WHERE learner = :l ORDER BY created_at DESC, id DESC LIMIT 5",
    "open disputes": "SELECT id FROM disputes WHERE resolved_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 51",
    "disputes of a grade": "SELECT id FROM disputes WHERE grade_id = :l",
    "disputes of a learner": "DELETE FROM disputes WHERE learner = :l",
}


@pytest.mark.parametrize("what", PLANNED)
async def test_nothing_reads_a_whole_table_nor_sorts(sqlite_url: str, what: str) -> None:
    database = await Database.open(sqlite_url)
    async with database.begin_read() as connection:
        plan = await connection.execute(text(f"EXPLAIN QUERY PLAN {PLANNED[what]}"), {"l": "x"})
        steps = [row.detail for row in plan]
    await database.aclose()
    assert steps
    assert all(step.startswith("SEARCH") and "INDEX" in step for step in steps), steps


async def measure(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


@pytest.mark.slow
async def test_a_hundred_thousand_learners_and_one_with_two_thousand_attempts(database: Database, clock: Clock) -> None:
    """A page costs as much as with ten learners; the bounds are ten times what was measured on an idle machine."""

    def fill(connection: Any) -> None:
        for rows in (build_many(clock, 100_000, 1), build_many(clock, 1, 2_000)):
            listed = list(rows)
            for start in range(0, len(listed), 10_000):
                connection.execute(insert(PRACTICE_ATTEMPTS), listed[start : start + 10_000])

    attempts = AttemptStore(database)
    await database.run_write(fill)
    learner = Learner(id=f"{0:064x}")
    timings = {
        "page": await measure(attempts.list_page(learner, limit=20)),
        "other": await measure(attempts.list_page(Learner(id=f"{77_777:064x}"), limit=20)),
        "outlines": await measure(attempts.list_outlines(learner)),
        "tried": await measure(attempts.list_last_tried(learner)),
    }
    print(timings)
    assert timings["page"] < 0.1, timings
    assert timings["other"] < 0.1, timings
    assert timings["outlines"] < 0.5, timings
    assert timings["tried"] < 0.5, timings
    started = time.perf_counter()
    assert (await PracticeEraser(database).delete_learner(learner))[0] == 2_001
    assert time.perf_counter() - started < 5
