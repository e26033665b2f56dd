"""Watching a batch: true progress, for however many watch, until it ends."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from service.api.batch_watching import Watches
from service.config import Settings
from service.domain.batch import BatchState, Counts
from service.errors import ShuttingDown, StoreUnavailable, UnknownBatch
from service.wiring_batches import Progress
from tests.api.batches import Holding, finish, follow, run_batches, submit
from tests.api.raw import RawRequest
from tests.api.support import parse_events
from tests.store.batch_factory import make_batch


async def test_progress_ends_with_the_batch(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        events = await follow(client, await submit(client, 5))
        assert [event for _, event, _ in events[-2:]] == ["progress", "finished"]
        done = [data["done"] for _, event, data in events if event == "progress"]
        assert done == sorted(done)
        assert done[-1] == 5
        ids = [number for number, _, _ in events]
        assert ids == [*map(str, range(1, len(events))), "end-0"]


async def test_who_reconnects_sees_the_state_of_now(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 2)
        again = await client.get(f"{address}/events", headers={"Last-Event-ID": "1"})
        assert [event for _, event, _ in parse_events(again.text)] == ["progress", "finished"]
        told = await client.get(f"{address}/events", headers={"Last-Event-ID": "end-0"})
        assert (told.status_code, told.content) == (204, b"")  # a browser stops reconnecting


async def test_the_end_of_an_earlier_round_is_not_the_end(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 1)
        assert (await client.get(f"{address}/events", headers={"Last-Event-ID": "end-7"})).status_code == 200


async def test_deleting_a_batch_tells_its_watchers(settings: Settings) -> None:
    holding = Holding()
    async with run_batches(settings, holding) as (_, client):
        address = await submit(client, 2)
        watching = asyncio.create_task(follow(client, address))
        await holding.asked.wait()
        assert (await client.delete(address)).status_code == 204
        holding.opened.set()
        assert [(event, data["code"]) for _, event, data in [(await watching)[-1]]] == [("problem", "batch-unknown")]


async def test_stopping_the_server_tells_watchers(settings: Settings) -> None:
    holding = Holding()
    async with run_batches(settings, holding) as (app, client):
        address = await submit(client, 2)
        watching = asyncio.create_task(follow(client, address))
        await holding.asked.wait()
        app.state.runtime.begin_shutdown()
        _, event, problem = (await watching)[-1]
        assert (event, problem["code"]) == ("problem", "shutting-down")


async def test_a_watcher_who_leaves_ends_nothing(settings: Settings) -> None:
    holding = Holding()
    async with run_batches(settings, holding) as (app, client):
        address = await submit(client, 2)
        leaving = RawRequest(app, f"{address}/events")
        await leaving.wait_for_body()
        leaving.leave()
        await leaving.task
        holding.opened.set()
        assert (await follow(client, address))[-1][1] == "finished"


class Counting:
    """A batch that has made one step more at every look; `fails` are raised first."""

    def __init__(self, answers: int, fails: tuple[Exception, ...] = ()) -> None:
        self.looks, self._answers, self._fails = 0, answers, list(fails)

    async def __call__(self, batch_id: str) -> Progress:
        self.looks += 1
        if self._fails:
            raise self._fails.pop(0)
        done = min(self.looks, self._answers)
        state = BatchState.FINISHED if done == self._answers else BatchState.RUNNING
        counts = Counts(waiting=self._answers - done, scored=done)
        return Progress(make_batch(id=batch_id, state=state), counts, None, None, True)


async def collect(watches: Watches) -> list[int]:
    async with aclosing(watches.follow("bat_1")) as steps:
        return [step.counts.done async for step in steps]


async def test_all_watchers_share_one_look() -> None:
    look = Counting(4)
    watches = Watches(look, poll_seconds=0.001)
    seen = await asyncio.gather(*(collect(watches) for _ in range(50)))
    assert all(one[-1] == 4 for one in seen)
    assert look.looks == 4
    await watches.aclose()


async def test_a_database_that_restarts_is_waited_for() -> None:
    watches = Watches(Counting(3, (StoreUnavailable("away"), StoreUnavailable("away"))), poll_seconds=0.001)
    assert await collect(watches) == [3]
    await watches.aclose()


@pytest.mark.parametrize("failure", [UnknownBatch("gone"), ValueError("a bug")])
async def test_what_cannot_be_watched_ends_all_watching(failure: Exception) -> None:
    watches = Watches(Counting(3, (failure,)), poll_seconds=0.001)
    results = await asyncio.gather(*(collect(watches) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, Exception) for one in results)
    assert "a bug" not in str(results)
    await watches.aclose()


async def test_a_batch_that_was_retried_can_be_watched_again() -> None:
    look = Counting(2)
    watches = Watches(look, poll_seconds=0.001)
    await collect(watches)
    look.looks = 0
    assert (await collect(watches))[-1] == 2
    await watches.aclose()


async def test_nobody_looks_when_nobody_watches() -> None:
    look = Counting(1_000)
    watches = Watches(look, poll_seconds=0.001)
    async with aclosing(watches.follow("bat_1")) as steps:
        await anext(steps)
    before = look.looks
    await asyncio.sleep(0.01)
    assert look.looks == before


async def test_stopping_ends_those_who_wait() -> None:
    watches = Watches(Counting(1_000), poll_seconds=60)
    watching = asyncio.create_task(collect(watches))
    await asyncio.sleep(0.01)
    watches.stop(ShuttingDown("The service is stopping."))
    with pytest.raises(ShuttingDown):
        await watching
    await watches.aclose()
