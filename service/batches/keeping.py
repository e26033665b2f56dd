"""Grades that were paid for are kept until they are stored, however long the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

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
_PASSES = (StoreUnavailable, StoreFull, StoreReadOnly)


class Keeper:
    """Stores results, waiting out a database that restarts or has no space. While one waits, nobody asks a model."""

    def __init__(self, grades: GradeStore, answers: AnswerStore) -> None:
        self._grades = grades
        self._answers = answers
        self._failing = 0

    @property
    def is_well(self) -> bool:
        return not self._failing

    async def keep(self, grade: Scored | Unscored, key: AnswerKey) -> None:
        """Stores a grade once; returns also when another worker was first. Raises StoreError for a row refused."""
        try:
            await self.persist(partial(self._grades.save_answer, grade, key))
        except (AlreadyGraded, ShuttingDown):
            return
        except StoreError:  # after a commit whose acknowledgement was lost, the second try meets its own row
            if await self._waits(key):
                raise

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
                except _PASSES:
                    self._failing += not is_failing
                    is_failing = True
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        finally:
            self._failing -= is_failing

    async def _waits(self, key: AnswerKey) -> bool:
        try:
            row = await self.persist(partial(self._answers.get, key))
        except UnknownAnswer:
            return False
        return row.result.state is AnswerState.WAITING
