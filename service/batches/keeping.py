"""Grades that were paid for are kept until they are stored, however long the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog

from service.domain.batch import AnswerState
from service.domain.grade import Scored, Unscored
from service.errors import (
    AlreadyGraded,
    ShuttingDown,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    UnknownAnswer,
)
from service.store.answers import AnswerStore
from service.store.completion import AnswerKey
from service.store.grades import GradeStore

T = TypeVar("T")

FIRST_WAIT_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 5.0
SLOW_SECONDS = 1.0  # SQLite waits 5 s for a lock of another process before it says so: 1,500 grades at 300 a second
_PASSES = (StoreUnavailable, StoreFull, StoreReadOnly)

log = structlog.stdlib.get_logger(__name__)


class Keeper:
    """Stores results, waiting out a database that restarts or has no space. While one waits, nobody asks a model.

    `clock` is monotonic, in seconds.
    """

    def __init__(self, grades: GradeStore, answers: AnswerStore, clock: Callable[[], float]) -> None:
        self._grades = grades
        self._answers = answers
        self._clock = clock
        self._failing = 0
        self._begun: dict[object, float] = {}  # of each grade that is being stored, the oldest first

    @property
    def is_well(self) -> bool:
        """Whether what is paid for can be stored: nothing failed, and nothing waits for longer than SLOW_SECONDS."""
        oldest = next(iter(self._begun.values()), None)
        return not self._failing and (oldest is None or self._clock() - oldest < SLOW_SECONDS)

    async def keep(self, grade: Scored | Unscored, key: AnswerKey) -> None:
        """Stores a grade once; returns also when another worker was first. Raises StoreError for a row refused."""
        token = object()
        self._begun[token] = self._clock()
        try:
            await self.persist(partial(self._grades.save_answer, grade, key))
        except (AlreadyGraded, ShuttingDown):
            return
        except StoreError:  # after a commit whose acknowledgement was lost, the second try meets its own row
            if await self._waits(key):
                raise
        finally:
            del self._begun[token]

    async def fail(self, key: AnswerKey, code: str, message: str) -> None:
        """Notes that an answer could not be graded."""
        await self.persist(partial(self._answers.fail, key, code, message))

    async def persist(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, tried again for as long as the store is away."""
        wait = FIRST_WAIT_SECONDS
        is_failing = False
        try:
            while True:
                try:
                    return await work()
                except _PASSES as error:
                    if not is_failing:
                        self._begin_failing(error)
                        is_failing = True
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        finally:
            if is_failing:
                self._end_failing()

    def _begin_failing(self, error: StoreError) -> None:
        if not self._failing:
            log.warning("store_away", code=error.code, message=str(error))
        self._failing += 1

    def _end_failing(self) -> None:
        self._failing -= 1
        if not self._failing:
            log.warning("store_back")

    async def _waits(self, key: AnswerKey) -> bool:
        try:
            row = await self.persist(partial(self._answers.get, key))
        except UnknownAnswer:
            return False
        return row.result.state is AnswerState.WAITING
