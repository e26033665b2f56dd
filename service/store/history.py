"""How earlier batches went: what an estimate of the next one can go by."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import func, select

from service.domain.batch import AnswerState, BatchSpec
from service.store.batch_tables import BATCH_ANSWERS, BATCHES
from service.store.database import Database
from service.store.tables import GRADES, MICROSECOND

BATCHES_LOOKED_AT = 50  # newest first
GRADES_LOOKED_AT = 5_000  # newest first: 0.02 s to read, and the start and its warming up weigh little
LONGEST_GAP_SECONDS = 60.0  # between two grades; a longer one was a pause or an outage, and no work


@dataclass(frozen=True, slots=True)
class History:
    """An earlier batch with the same prompt, model and number of samples.

    `tokens_out` is the mean of a scored answer, None where the provider did not say. `answers_per_second` leaves out
    gaps of more than a minute; None when fewer than two answers reached the model.
    """

    batch_name: str
    tokens_out: float | None
    answers_per_second: float | None


class HistoryStore:
    """What this database remembers of earlier batches."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, spec: BatchSpec) -> History | None:
        """The newest batch of the same prompt, model, mode and samples that has a scored answer; None without one."""
        statement = select(BATCHES.c.id, BATCHES.c.name, BATCHES.c.spec).order_by(
            BATCHES.c.created_at.desc(), BATCHES.c.id.desc()
        )
        async with self._database.begin_read() as connection:
            rows = (await connection.execute(statement.limit(BATCHES_LOOKED_AT))).all()
        for row in rows:
            if _name_grader(BatchSpec.model_validate_json(row.spec)) == _name_grader(spec):
                found = await self._read(row.id, row.name)
                if found is not None:
                    return found
        return None

    async def _read(self, batch_id: str, name: str) -> History | None:
        table = BATCH_ANSWERS.c
        scored = (table.batch_id == batch_id, table.state == AnswerState.SCORED.value)
        sums = select(func.count(), func.count(table.tokens_out), func.avg(table.tokens_out)).where(*scored)
        times = (
            select(GRADES.c.created_at)
            .join(BATCH_ANSWERS, table.grade_id == GRADES.c.id)
            .where(*scored)
            .order_by(GRADES.c.created_at.desc())
            .limit(GRADES_LOOKED_AT)
        )
        async with self._database.begin_read() as connection:
            graded, told, tokens = (await connection.execute(sums)).one()
            moments = (await connection.execute(times)).scalars().all()
        if not graded:
            return None
        gaps = [(later - earlier) / MICROSECOND / 1e6 for later, earlier in pairwise(moments)]
        working = [gap for gap in gaps if gap <= LONGEST_GAP_SECONDS]
        rate = len(working) / sum(working) if sum(working) > 0 else None
        return History(name, float(tokens) if told == graded else None, rate)


def _name_grader(spec: BatchSpec) -> tuple[str, str, int, str]:
    return spec.prompt.hash, spec.model, spec.samples, spec.mode.value
