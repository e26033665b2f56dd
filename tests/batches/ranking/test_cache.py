"""A page never waits for a newer ranking, says of when it is, and stays what it was while somebody turns pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from service.batches.ranking import cache
from service.batches.ranking.cache import EXPIRED, RankingPage, Rankings
from service.batches.ranking.error import UNMEASURED
from service.batches.ranking.query import RankingQuery
from service.batches.ranking.snapshot import Basis
from service.domain.batch import Batch
from service.errors import StoreUnavailable, UnknownAnswer
from service.store.database import Database
from service.store.results import AnswerColumns, IntArray, ResultReader
from tests.factories import make_rubric
from tests.store.batch_factory import make_answers
from tests.store.conftest import Clock
from tests.store.results_factory import fill_batch, set_result

QUERY = RankingQuery()


class GatedReader(ResultReader):
    """Reads when the gate is open, fails when told to, and counts."""

    gate: asyncio.Event
    loads = 0
    is_broken = False

    async def load(self, batch_id: str) -> AnswerColumns:
        self.loads += 1
        await self.gate.wait()
        if self.is_broken:
            raise StoreUnavailable("The database is away. Ask again.")
        return await super().load(batch_id)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(f"sqlite:///{tmp_path}/grader.db")
    yield database
    await database.aclose()


@pytest.fixture
async def batch(database: Database) -> Batch:
    answers = [one.model_copy(update={"question": "angry-customer"}) for one in make_answers(6)]
    batch = await fill_batch(database, answers)
    for number in range(4):
        await score(database, number, 2.0 + number / 4)
    return batch


async def score(database: Database, number: int, overall: float) -> None:
    await set_result(database, number, overall=overall, levels={"empathy": overall, "resolution": overall})


@pytest.fixture
async def reader(tmp_path: Path, database: Database) -> AsyncIterator[GatedReader]:
    reader = GatedReader.open(f"sqlite:///{tmp_path}/grader.db")
    reader.gate = asyncio.Event()
    reader.gate.set()
    yield reader
    await reader.aclose()


@pytest.fixture
async def rankings(reader: GatedReader, clock: Clock) -> AsyncIterator[Rankings]:
    rankings = Rankings(reader, lambda _: Basis(make_rubric(), 1, UNMEASURED), clock)
    yield rankings
    await rankings.aclose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def name(page: RankingPage) -> list[str]:
    return [line.key for line in page.people]


async def test_the_first_readers_wait_for_one_build(rankings: Rankings, reader: GatedReader, batch: Batch) -> None:
    snapshots = await asyncio.gather(*(rankings.get(batch) for _ in range(5)))
    assert len({snapshot.id for snapshot in snapshots}) == reader.loads == 1
    assert name(await rankings.list_page(batch, QUERY)) == ["c3", "c2", "c1", "c0"]


async def test_a_page_does_not_wait_for_a_newer_ranking(
    rankings: Rankings, reader: GatedReader, batch: Batch, database: Database
) -> None:
    await rankings.get(batch)
    await score(database, 4, 5.0)
    reader.gate.clear()
    rankings.expire(batch.id)
    old = await rankings.list_page(batch, QUERY)  # would hang here if it waited
    assert (name(old)[0], old.covered.scored) == ("c3", 4)
    waiting = asyncio.create_task(rankings.get(batch, newest=True))
    reader.gate.set()
    await waiting
    new = await rankings.list_page(batch, QUERY)
    assert (name(new)[0], new.covered.scored) == ("c4", 5)
    assert reader.loads == 2  # the second one found that nothing had changed since


async def test_newest_sees_what_was_written_before_it_was_asked(
    rankings: Rankings, batch: Batch, database: Database
) -> None:
    await rankings.get(batch)
    await score(database, 5, 4.0)
    assert (await rankings.get_person(batch, "c5", newest=True)).overall == 4.0


async def test_a_cursor_stays_in_its_snapshot(rankings: Rankings, batch: Batch, database: Database) -> None:
    first = await rankings.list_page(batch, QUERY, limit=2)
    await score(database, 4, 5.0)
    newest = await rankings.get(batch, newest=True)
    second = await rankings.list_page(batch, QUERY, limit=2, cursor=first.next_cursor)
    assert (name(first) + name(second), second.snapshot) == (["c3", "c2", "c1", "c0"], first.snapshot)
    assert (second.notice, newest.id == first.snapshot) == (None, False)


async def test_an_expired_cursor_goes_on_in_the_newest_and_says_so(
    rankings: Rankings, batch: Batch, database: Database
) -> None:
    first = await rankings.list_page(batch, QUERY, limit=2)
    for step in range(cache.KEPT):
        await score(database, 4, 4.0 + step / 10)
        await set_result(database, 5, state=["failed", "unscored", "waiting"][step])
        await rankings.get(batch, newest=True)
    page = await rankings.list_page(batch, QUERY, limit=2, cursor=first.next_cursor)
    assert (page.notice, page.offset, name(page)) == (EXPIRED, 2, ["c2", "c1"])


async def test_nothing_new_builds_nothing_and_is_said(
    rankings: Rankings, reader: GatedReader, batch: Batch, clock: Clock
) -> None:
    first = await rankings.list_page(batch, QUERY)
    clock.advance(timedelta(minutes=5))
    await rankings.get(batch, newest=True)
    again = await rankings.list_page(batch, QUERY)
    assert (reader.loads, again.snapshot, again.made_at) == (1, first.snapshot, first.made_at)
    assert again.checked_at - first.checked_at == timedelta(minutes=5)


async def test_a_failed_renewal_leaves_the_last_ranking(
    rankings: Rankings, reader: GatedReader, batch: Batch, database: Database
) -> None:
    first = await rankings.get(batch)
    await score(database, 4, 5.0)
    reader.is_broken = True
    with pytest.raises(StoreUnavailable):
        await rankings.get(batch, newest=True)
    assert await rankings.get(batch) is first
    reader.is_broken = False
    assert (await rankings.get(batch, newest=True)).covered.scored == 5


async def test_without_any_ranking_the_failure_is_told(rankings: Rankings, reader: GatedReader, batch: Batch) -> None:
    reader.is_broken = True
    with pytest.raises(StoreUnavailable):
        await rankings.get(batch)


async def test_what_is_held_is_bounded(reader: GatedReader, database: Database, batch: Batch, clock: Clock) -> None:
    rankings = Rankings(reader, lambda _: Basis(make_rubric(), 1, UNMEASURED), clock, max_held_answers=7)
    first = await rankings.list_page(batch, QUERY, limit=2)
    await score(database, 4, 5.0)
    await rankings.get(batch, newest=True)
    page = await rankings.list_page(batch, QUERY, limit=2, cursor=first.next_cursor)
    assert page.notice == EXPIRED
    await rankings.aclose()


async def test_a_forgotten_batch_is_read_again(rankings: Rankings, reader: GatedReader, batch: Batch) -> None:
    await rankings.get(batch)
    rankings.forget(batch.id)
    await rankings.get(batch)
    assert reader.loads == 2


async def test_nobody_with_this_reference(rankings: Rankings, batch: Batch) -> None:
    with pytest.raises(UnknownAnswer, match="nobody"):
        await rankings.get_person(batch, "zoe")


async def test_a_followed_batch_has_its_ranking_ready(
    rankings: Rankings, reader: GatedReader, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    rankings.warm(batch)
    assert not rankings._tasks  # a small one is made when it is asked for
    monkeypatch.setattr(cache, "WARM_FROM", 1)
    rankings.warm(batch)
    rankings.warm(batch)
    await asyncio.gather(*rankings._tasks)
    reader.gate.clear()
    assert name(await rankings.list_page(batch, QUERY)) == ["c3", "c2", "c1", "c0"]  # would hang if it had to read
    assert reader.loads == 1


async def test_what_was_searched_is_looked_up_once(
    rankings: Rankings, reader: GatedReader, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[object] = []
    search = reader.search

    async def count(batch_id: str, words: Sequence[str]) -> IntArray:
        searched.append(words)
        return await search(batch_id, words)

    monkeypatch.setattr(reader, "search", count)
    for _ in range(2):
        assert name(await rankings.list_page(batch, RankingQuery(search=" C2  answer"))) == ["c2"]
    assert searched == [("C2", "answer")]
    assert name(await rankings.list_page(batch, RankingQuery(search="row 3"))) == ["c1"]
    assert name(await rankings.list_page(batch, RankingQuery(search=" \0 "))) == ["c3", "c2", "c1", "c0"]
    assert len(searched) == 1
    rankings.forget(batch.id)
    await rankings.list_page(batch, RankingQuery(search="C2 answer"))
    assert len(searched) == 2
