from __future__ import annotations

import asyncio

import pytest

from service.errors import SpeechBusy
from service.transcriptions.line import Line, Waiting


def fill(line: Line, *names: str) -> None:
    """`ada-1` is a recording of ada."""
    for name in names:
        line.add(Waiting(name, name.partition("-")[0], "en"))


async def take_all(line: Line) -> list[str]:
    return [(await line.take()).name for _ in range(len(line))]


async def test_first_come_first_served_and_owners_take_turns() -> None:
    line = Line(100)
    fill(line, "ada-1", "ada-2", "ada-3", "bob-1", "bob-2", "cleo-1")
    assert await take_all(line) == ["ada-1", "bob-1", "cleo-1", "ada-2", "bob-2", "ada-3"]


async def test_one_owner_is_served_in_order() -> None:
    line = Line(100)
    fill(line, "-1", "-2", "-3")
    assert await take_all(line) == ["-1", "-2", "-3"]


async def test_who_takes_from_an_empty_line_waits() -> None:
    line = Line(100)
    takers = [asyncio.create_task(line.take()) for _ in range(2)]
    await asyncio.sleep(0)
    fill(line, "ada-1", "bob-1")
    assert {(await taker).name for taker in takers} == {"ada-1", "bob-1"}


async def test_what_is_removed_is_not_taken() -> None:
    line = Line(100)
    fill(line, "ada-1", "ada-2", "bob-1")
    assert line.remove("ada-1")
    assert line.remove("bob-1")
    assert not line.remove("bob-1")
    assert await take_all(line) == ["ada-2"]


def test_a_full_line_turns_everybody_away() -> None:
    line = Line(4)
    fill(line, "ada-1", "bob-1", "cleo-1")
    line.reserve("dora-1", "dora")
    with pytest.raises(SpeechBusy):
        line.reserve("eve-1", "eve")
    line.free("dora-1")
    fill(line, "dora-1")
    for owner in ("eve", ""):
        with pytest.raises(SpeechBusy):
            line.reserve("late", owner)


def test_what_comes_again_keeps_its_place() -> None:
    line = Line(2)
    again = Waiting("ada-1", "ada", "en")
    line.keep(again)
    line.keep(Waiting("bob-1", "bob", "en"))
    with pytest.raises(SpeechBusy):
        line.reserve("cleo-1", "cleo")
    line.add(again)  # one place still
    with pytest.raises(SpeechBusy):
        line.reserve("cleo-1", "cleo")
    assert not line.remove("bob-1")
    line.reserve("cleo-1", "cleo")


def test_nobody_in_particular_fills_the_line_alone() -> None:
    line = Line(8)
    fill(line, "ada-1", "ada-2")
    with pytest.raises(SpeechBusy):
        line.reserve("ada-3", "ada")
    line.reserve("bob-1", "bob")
    line.reserve("bob-2", "bob")
    with pytest.raises(SpeechBusy):
        line.reserve("bob-3", "bob")
    for name in ("bob-1", "bob-2", "bob-2"):
        line.free(name)
    fill(line, *(f"-{number}" for number in range(5)))
    line.reserve("-5", "")  # where nobody needs a key, all are one owner
