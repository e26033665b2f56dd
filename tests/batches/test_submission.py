"""A file's rows become a batch, or nothing does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from service.batches.submission import BLOCK_ROWS, BrokenImports, Imported, delete_importing, store_rows
from service.domain.batch import BatchState, NewAnswer, Rejected
from service.errors import BatchInvalid, UnknownBatch
from service.store.answers import AnswerStore
from service.store.batches import BatchStore
from service.store.database import Database
from tests.store.batch_factory import make_answers, make_batch


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path / 'grader.db'}")
    yield database
    await database.aclose()


@pytest.fixture
async def store(database: Database) -> BatchStore:
    store = BatchStore(database)
    await store.create(make_batch(), ["answer"])
    return store


def make_rejected(row: int) -> Rejected:
    return Rejected(row=row, field="answer", excerpt=None, reason="It is empty.", cells=("",))


async def test_rows_are_stored_in_blocks_and_told(database: Database, store: BatchStore) -> None:
    told: list[Imported] = []

    async def listen(imported: Imported) -> None:
        told.append(imported)

    def read() -> Iterator[NewAnswer | Rejected]:
        for answer in make_answers(BLOCK_ROWS + 10):
            yield answer
            if answer.number % 100 == 0:
                yield make_rejected(answer.row)

    imported = await store_rows(store, "bat_1", read(), listen)
    assert imported == Imported(BLOCK_ROWS + 10, 6)
    assert told[-1] == imported
    assert [one.answers + one.rejected for one in told] == [BLOCK_ROWS, BLOCK_ROWS + 16]
    assert (await store.count("bat_1")).waiting == BLOCK_ROWS + 10
    assert len(await AnswerStore(database).list_rejected("bat_1")) == 6


async def test_a_file_without_an_answer_names_its_first_problem(store: BatchStore) -> None:
    with pytest.raises(BatchInvalid, match=r"None of the file's 2 rows can be graded\. Row 2, answer: It is empty\."):
        await store_rows(store, "bat_1", [make_rejected(2), make_rejected(3)])
    with pytest.raises(BatchInvalid, match="no row with an answer"):
        await store_rows(store, "bat_1", [])


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_import_that_broke_off_is_deleted_by_the_observers_clock(store: BatchStore) -> None:
    clock = Clock()
    broken = BrokenImports(store, clock)
    assert await broken.forget() == ()
    clock.now = 59.0
    assert await broken.forget() == ()
    await store.add_rows("bat_1", make_answers(1))  # it goes on
    clock.now = 61.0
    assert await broken.forget() == ()
    clock.now = 120.0
    assert await broken.forget() == ()
    clock.now = 121.0
    assert await broken.forget() == ("bat_1",)
    with pytest.raises(UnknownBatch):
        await store.get("bat_1")
    assert await broken.forget() == ()


async def test_a_batch_that_started_meanwhile_is_left_alone(store: BatchStore) -> None:
    await store.start("bat_1", 1, 0)
    assert not await delete_importing(store, "bat_1")
    assert (await store.get("bat_1")).state is BatchState.RUNNING
    assert not await delete_importing(store, "bat_2")
