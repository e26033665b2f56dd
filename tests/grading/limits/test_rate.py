"""The state machine by hand, with times that are made up."""

from __future__ import annotations

import math

import pytest

from service.grading.limits.rate import FIRST_HOLD_SECONDS, KEPT, LONGEST_BREAK_SECONDS, AdaptiveRate


def send(rate: AdaptiveRate, start: float, per_second: float, seconds: float, is_paced: bool = True) -> float:
    """Sends evenly; the time of the last call."""
    count = round(per_second * seconds)
    for number in range(count):
        rate.note_sent(start + number / per_second, is_paced)
    return start + (count - 1) / per_second


def make_cut(now: float = 10.0) -> AdaptiveRate:
    """One that sent 20 a second and heard 429."""
    rate = AdaptiveRate()
    last = send(rate, now - 2, 20, 2)
    rate.note_overload(now, last, None)
    return rate


def test_no_limit_is_known_before_a_refusal() -> None:
    rate = AdaptiveRate()
    send(rate, 0.0, 1_000, 1.0)
    rate.note_fault(1.0)
    assert (rate.per_second, rate.find_start(1.0)) == (math.inf, 1.0)


def test_the_first_refusal_cuts_to_what_was_taken() -> None:
    assert make_cut().per_second == pytest.approx(KEPT * 20, rel=0.1)


def test_refusals_of_calls_sent_before_the_cut_are_one_episode() -> None:
    rate = make_cut()
    once = rate.per_second
    for _ in range(3):
        rate.note_overload(10.05, 9.95, None)
    assert rate.per_second == pytest.approx(once - 3 * KEPT, rel=0.02)  # three fewer were taken: no further cut


def test_a_refusal_after_the_cut_is_another_episode() -> None:
    rate = make_cut()
    once = rate.per_second
    last = send(rate, 11.0, once, 2.0)
    rate.note_overload(13.0, last, None)
    assert rate.per_second <= KEPT * once


def test_a_break_that_was_too_short_doubles_and_cuts_nothing() -> None:
    rate = make_cut()
    once, now = rate.per_second, 10.0
    for expected in (2, 4, 8):
        now = rate.find_start(now)
        rate.note_sent(now, is_paced=True)
        rate.note_overload(now + 0.05, now, None)
        assert rate.find_start(now) == pytest.approx(now + 0.05 + expected * FIRST_HOLD_SECONDS)
    assert rate.per_second == once


@pytest.mark.parametrize(
    ("asked", "closed"), [(7.0, 7.0), (0.0, 0.15), (-3.0, 0.15), (math.nan, 0.15), (math.inf, LONGEST_BREAK_SECONDS)]
)
def test_nothing_starts_before_the_time_asked_for(asked: float, closed: float) -> None:
    rate = make_cut()
    rate.note_overload(10.0, 9.95, asked)
    assert rate.find_start(10.0, ahead=True) == pytest.approx(10.0 + closed, abs=1e-3)


def test_growth_is_quick_then_flat_then_faster_and_faster() -> None:
    rate = make_cut()
    start = rate.per_second
    now, rates = 11.0, []
    for _ in range(16):
        send(rate, now, 20, 1.0)
        now += 1.0
        rates.append(rate.per_second)
    steps = [after - before for before, after in zip([start, *rates], rates, strict=False)]
    assert all(step >= 0 for step in steps)
    assert steps[-1] > steps[-2] > steps[-3] > 1  # the first cut has no plateau: nobody knows yet where the limit is


def test_a_plateau_comes_before_growth_once_the_limit_is_known() -> None:
    rate = make_cut()
    last = send(rate, 11.0, 18, 2.0)
    rate.note_overload(13.0, last, None)
    found = rate.per_second / KEPT
    send(rate, 14.0, 18, 8.0)  # 2 x sqrt(18) = 8.5 s
    assert 0.98 * found <= rate.per_second <= found


@pytest.mark.parametrize("reason", ["fault", "nobody waited"])
def test_without_need_or_health_nothing_grows(reason: str) -> None:
    rate = make_cut()
    before = rate.per_second
    if reason == "fault":
        rate.note_fault(10.9)
    send(rate, 11.0, 10, 1.5, is_paced=reason == "fault")
    assert rate.per_second == before


def test_the_rate_never_ends_at_nothing() -> None:
    rate = make_cut()
    now = 11.0
    for _ in range(50):
        now = rate.find_start(now)
        rate.note_sent(now, is_paced=True)
        second = rate.find_start(now)
        rate.note_sent(second, is_paced=True)
        rate.note_overload(second, second, None)
        now = second
    assert 0 < rate.per_second < 1
