"""How much work one learner, and one address, may ask for."""

from __future__ import annotations

import pytest

from service.api.practice_limits import SWEPT_AT, WINDOW_SECONDS, WorkLimit
from service.errors import TooManyRequests


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_learner_may_go_on_when_the_window_has_passed() -> None:
    clock = Clock()
    limit = WorkLimit(most_of_learner=2, clock=clock)
    limit.take("ada", "here")
    clock.now = 100.0
    limit.take("ada", "here")
    with pytest.raises(TooManyRequests, match="8 minutes") as refused:
        limit.take("ada", "here")
    assert refused.value.retry_after_seconds == WINDOW_SECONDS - 100.0
    limit.take("grace", "here")
    clock.now = WINDOW_SECONDS
    limit.take("ada", "here")
    with pytest.raises(TooManyRequests):
        limit.take("ada", "here")


def test_new_cookies_do_not_help_one_address() -> None:
    limit = WorkLimit(most_of_learner=2, most_of_address=5, clock=Clock())
    for number in range(5):
        limit.take(f"learner {number}", "here")
    with pytest.raises(TooManyRequests):
        limit.take("another", "here")
    limit.take("another", "there")


def test_those_who_left_are_forgotten() -> None:
    clock = Clock()
    limit = WorkLimit(most_of_address=10**9, clock=clock)
    for number in range(SWEPT_AT + 10):
        limit.take(f"learner {number}", "here")
    clock.now = WINDOW_SECONDS + 1
    limit.take("new", "there")
    assert limit.count_names() == 2
