"""The breaker on a clock that moves when told to."""

from __future__ import annotations

from service.batches.breaker import INFINITY, Breaker, BreakerPolicy


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def open_breaker(clock: Clock) -> Breaker:
    breaker = Breaker(clock, BreakerPolicy(failures=3, first_wait_seconds=0.5, longest_wait_seconds=2.0))
    for _ in range(3):
        assert breaker.get_wait_seconds() == 0
        breaker.fail(breaker.begin())
    return breaker


def test_failures_in_a_row_open_it_and_successes_between_do_not() -> None:
    breaker = Breaker(Clock(), BreakerPolicy(failures=2))
    breaker.fail(is_probe=False)
    breaker.succeed()
    breaker.fail(is_probe=False)
    assert not breaker.is_open
    breaker.fail(is_probe=False)
    assert breaker.is_open


def test_one_probe_at_a_time_and_waits_that_double_up_to_a_limit() -> None:
    clock = Clock()
    breaker = open_breaker(clock)
    for wait in (0.5, 1.0, 2.0, 2.0):
        assert breaker.get_wait_seconds() == wait
        breaker.fail(is_probe=False)  # sent before it opened
        assert breaker.get_wait_seconds() == wait
        clock.seconds += wait
        assert breaker.get_wait_seconds() == 0
        assert breaker.begin()
        assert breaker.get_wait_seconds() == INFINITY
        breaker.fail(is_probe=True)
    clock.seconds += 2
    breaker.begin()
    breaker.succeed()
    assert breaker.get_wait_seconds() == 0
    assert not breaker.begin()


def test_a_probe_that_did_not_ask_leaves_its_place_to_another() -> None:
    clock = Clock()
    breaker = open_breaker(clock)
    clock.seconds += 0.5
    breaker.begin()
    breaker.give_up(is_probe=True)
    assert breaker.get_wait_seconds() == 0


def test_what_the_backend_asks_for_is_waited() -> None:
    clock = Clock()
    breaker = Breaker(clock, BreakerPolicy(failures=1))
    breaker.fail(is_probe=False, asked_seconds=60)
    assert breaker.get_wait_seconds() == 60
