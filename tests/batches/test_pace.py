"""How fast a batch goes: by what was seen, or not at all."""

from __future__ import annotations

import pytest

from service.batches.liveness import Liveness
from service.batches.pace import MOST_BATCHES, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def look(pace: Pace, clock: Clock, *looks: tuple[float, int]) -> list[float | None]:
    found = []
    for now, done in looks:
        clock.now = now
        found.append(pace.note("bat_1", done))
    return found


@pytest.mark.parametrize(
    ("looks", "rates"),
    [
        ([(0, 0)], [None]),
        ([(0, 0), (0.5, 50)], [None, None]),
        ([(0, 0), (2, 50)], [None, 25.0]),
        ([(0, 0), (2, 50), (4, 50)], [None, 25.0, 12.5]),
        ([(0, 0), (600, 600)], [None, 1.0]),
        ([(0, 90), (2, 10)], [None, None]),  # what had failed waits again
    ],
)
def test_the_pace(looks: list[tuple[float, int]], rates: list[float | None]) -> None:
    clock = Clock()
    assert look(Pace(clock), clock, *looks) == rates


def test_only_the_last_half_minute_counts() -> None:
    clock = Clock()
    slow = [(float(second), second) for second in range(100)]
    fast = [(100.0 + second, 100 + 10 * second) for second in range(40)]
    assert look(Pace(clock), clock, *slow, *fast)[-1] == pytest.approx(10.0)


def test_memory_is_bounded() -> None:
    clock = Clock()
    pace = Pace(clock)
    for number in range(3 * MOST_BATCHES):
        pace.note(f"bat_{number}", 0)
    clock.now += 10
    assert pace.note("bat_0", 100) is None  # forgotten, and so unknown


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        ([(0, {})], [False]),
        ([(0, {"w": 1})], [None]),
        ([(0, {"w": 1}), (1.1, {"w": 2})], [None, True]),
        ([(0, {"w": 1}), (1.1, {"w": 1}), (4.0, {"w": 1})], [None, None, False]),  # the row of a killed one
        ([(0, {"w": 1}), (1, {"w": 2}), (5, {"w": 2})], [None, True, False]),
        ([(0, {}), (1, {"w": 0})], [False, True]),  # one that has just started
        ([(0, {"w": 1}), (1, {"w": 2}), (2, {})], [None, True, False]),  # stopped in order
    ],
)
def test_who_works_is_known_by_beats(looks: list[tuple[float, dict[str, int]]], found: list[bool | None]) -> None:
    clock = Clock()
    liveness = Liveness(clock)
    told = []
    for now, beats in looks:
        clock.now = now
        told.append(liveness.look(beats))
    assert told == found
