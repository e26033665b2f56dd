"""What was paid for is kept while the store is away, and nobody asks a model meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from service.batches import keeping
from service.batches.keeping import Keeper
from service.domain.batch import AnswerState
from service.errors import AlreadyGraded, StoreError, StoreFull, StoreReadOnly, StoreUnavailable, UnknownAnswer
from service.store.completion import AnswerKey
from tests.store.grades_factory import build_scored

KEY = AnswerKey("bat_1", 0)


class Store:
    """Raises what it is told to, in order; then it stores. As the answers' store: whether the answer still waits."""

    def __init__(self, *errors: Exception, waits: bool | None = True) -> None:
        self.errors = list(errors)
        self.saved = 0
        self.waits = waits
        self.seconds = 0.0
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def save_answer(self, *_: object) -> None:
        if self.errors:
            raise self.errors.pop(0)
        await self.may_end.wait()
        self.saved += 1

    async def get(self, _: AnswerKey) -> object:
        if self.waits is None:
            raise UnknownAnswer("Deleted.")
        state = AnswerState.WAITING if self.waits else AnswerState.SCORED
        return type("Row", (), {"result": type("Result", (), {"state": state})})


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "FIRST_WAIT_SECONDS", 0.0)


def keep(store: Store) -> Keeper:
    return Keeper(store, store, lambda: store.seconds)  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [StoreFull, StoreUnavailable, StoreReadOnly])
async def test_a_grade_waits_for_its_store(error: type[StoreError]) -> None:
    store = Store(*(error("Away.") for _ in range(50)))
    keeper = keep(store)
    await keeper.keep(build_scored(), KEY)
    assert store.saved == 1
    assert keeper.is_well


async def test_all_is_well_only_when_nothing_waits_any_more() -> None:
    keeper = keep(Store())
    gates = [asyncio.Event(), asyncio.Event()]

    async def save(gate: asyncio.Event) -> None:
        if not gate.is_set():
            raise StoreFull("No space.")

    waiting = [asyncio.create_task(keeper.persist(lambda gate=gate: save(gate))) for gate in gates]  # type: ignore[misc]
    for gate, is_well in zip(gates, (False, True), strict=True):
        for _ in range(5):
            await asyncio.sleep(0)
        assert not keeper.is_well
        gate.set()
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED if not is_well else asyncio.ALL_COMPLETED)
        assert keeper.is_well is is_well


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    keeper = keep(Store(*(StoreFull("No space.") for _ in range(10_000))))
    task = asyncio.create_task(keeper.keep(build_scored(), KEY))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not keeper.is_well
    task.cancel()
    await asyncio.wait([task])
    assert keeper.is_well


async def test_a_store_that_takes_its_time_is_not_given_more_and_more() -> None:
    store = Store()
    store.may_end.clear()
    keeper = keep(store)
    tasks = [asyncio.create_task(keeper.keep(build_scored(), AnswerKey("bat_1", number))) for number in range(3)]
    await asyncio.sleep(0)
    store.seconds = keeping.SLOW_SECONDS / 2
    assert keeper.is_well
    store.seconds = keeping.SLOW_SECONDS
    assert not keeper.is_well
    store.may_end.set()
    await asyncio.wait(tasks)
    assert keeper.is_well


async def test_another_worker_that_was_first_is_no_failure() -> None:
    await keep(Store(AlreadyGraded("First."))).keep(build_scored(), KEY)
    await keep(Store(StoreError("Refused a row."), waits=False)).keep(build_scored(), KEY)
    await keep(Store(StoreError("Refused a row."), waits=None)).keep(build_scored(), KEY)


async def test_a_row_that_is_refused_is_not_lost_without_a_word() -> None:
    with pytest.raises(StoreError, match="Refused"):
        await keep(Store(StoreError("Refused a row."))).keep(build_scored(), KEY)
