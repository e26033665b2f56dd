"""Answers with results that no grading made, for tests of what is done with results."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import update

from service.domain.batch import AnswerState, Batch, NewAnswer
from service.domain.rubric import Rubric
from service.store.batch_tables import BATCH_ANSWERS
from service.store.batches import BatchStore
from service.store.database import Database
from tests.store.batch_factory import make_batch


async def fill_batch(database: Database, answers: list[NewAnswer], **changes: Any) -> Batch:
    """A running batch of these answers, all of which wait."""
    store = BatchStore(database)
    batch = make_batch(**changes)
    await store.create(batch, ["answer"])
    await store.add_rows(batch.id, answers)
    return await store.start(batch.id, len(answers), 0)


async def set_result(database: Database, number: int, batch_id: str = "bat_1", **values: Any) -> None:
    """Gives an answer a result; `levels` and `flags` as a grade has them."""
    columns: dict[str, Any] = {"state": AnswerState.SCORED.value, **values}
    columns["levels"] = json.dumps(columns.get("levels", {}))
    columns["flags"] = " ".join(columns.get("flags", ()))
    statement = update(BATCH_ANSWERS).where(BATCH_ANSWERS.c.batch_id == batch_id, BATCH_ANSWERS.c.number == number)
    async with database.begin_write() as connection:
        await connection.execute(statement.values(columns))


def make_spec(rubric: Rubric, **changes: Any) -> Any:
    """The spec of a batch under this rubric."""
    pinned = {"id": rubric.id, "version": rubric.version, "hash": rubric.content_hash}
    return make_batch().spec.model_copy(update={"rubric": type(make_batch().spec.rubric)(**pinned), **changes})
