"""Turns: how many are asked about at a time, and how many grades may wait to be stored."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import cast

from service.batches.lanes import Lane, Turn
from service.grading.call import Caller


def make_lane(size: int) -> Lane:
    return Lane(cast("Caller", None), size, monotonic)  # the caller is asked for its name only when its backend is down


async def take(lane: Lane) -> Turn:
    turn = await lane.take(None)
    assert turn is not None
    return turn


async def test_the_next_is_asked_while_a_grade_is_stored() -> None:
    lane = make_lane(1)
    (await take(lane)).succeed()
    await take(lane)
    assert (lane.free, lane.storing) == (0, 1)


async def test_nobody_is_asked_while_twice_as_many_are_asked_or_stored() -> None:
    lane = make_lane(2)
    turns = [await take(lane) for _ in range(2)]
    for turn in turns:
        turn.succeed()
    others = [await take(lane) for _ in range(2)]
    others[0].succeed()
    waiting = asyncio.create_task(lane.take(None))
    await asyncio.sleep(0)
    assert not waiting.done()
    turns[0].close()
    turns[0].close()
    assert await waiting
    assert (lane.free, lane.storing) == (0, 2)


async def test_closing_gives_back_what_was_not_asked() -> None:
    lane = make_lane(1)
    (await take(lane)).close()
    assert (lane.free, lane.storing) == (1, 0)
