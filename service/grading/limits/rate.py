"""The rate that a provider allows, learned from what it turns away. Pure: time comes in with each call.

The constants were chosen by simulation (tests/grading/limits): buckets of 2 to 10 calls and one-second windows that
allow 20, 5, then 50 calls a second, with and without Retry-After, latency 0.05 and 0.5 s.
"""

from __future__ import annotations

import math
from collections import deque

KEPT = 0.92  # of the rate found, after a cut
LEAST_KEPT = 0.3  # of the rate, in one cut: what was taken lately says little after a time of few calls
UNMEASURED = 0.6  # of the rate, when the last cut was not enough and is too fresh to have measured anything
ENOUGH_SECONDS = 0.4  # to have measured something
COUNTED_CALLS = 30  # about as many of the last calls say what the provider takes
LEAST_COUNTED_SECONDS, MOST_COUNTED_SECONDS = 0.5, 3.0
MOST_COUNTED_CALLS = 4096
PLATEAU = 2.0  # times the square root of the rate: seconds to stay below what was found
LONGEST_PLATEAU_SECONDS = 20.0
GROWTH = 0.9  # calls a second, times the cube of the seconds since the plateau: 5 to 50 a second in 3.7 s
FIRST_HOLD_SECONDS = 0.15
LONGEST_HOLD_SECONDS = 20.0
QUIET_SECONDS = 2.0  # without growth after a failure of the provider
SLACK_SECONDS = 0.05  # that a late timer may catch up
LONGEST_BREAK_SECONDS = 86_400.0  # that is believed
LEAST_PER_SECOND = 0.05


class AdaptiveRate:
    """Unlimited until the provider answers 429; then like TCP's CUBIC (RFC 9438), in calls a second.

    One cut for all calls that were sent before it, quickly back to just below what was found, a plateau, then growth
    that gets faster while nothing happens. Times are seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self.per_second = math.inf  # while no limit is known
        self.closed_until = -math.inf  # nothing is sent before
        self.asked_until = -math.inf  # the part of it that the provider asked for
        self._before = self._found = self._floor = math.inf
        self._grown_seconds = self._plateau_seconds = 0.0
        self._sent: deque[float] = deque(maxlen=MOST_COUNTED_CALLS)
        self._counted = 0
        self._counted_seconds = 0.0
        self._sent_at = self._cut_at = self._next_at = self._quiet_until = -math.inf
        self._probe_at: float | None = None  # when the first call after the last break went out
        self._hold_seconds = FIRST_HOLD_SECONDS

    def find_start(self, now: float, ahead: bool = False) -> float:
        """When the next call may be sent, `now` at the earliest; `ahead` lends it the place of the call after it."""
        if math.isinf(self.per_second):
            return max(now, self.closed_until)
        return max(now, self.closed_until, self._next_at - (1 / self.per_second if ahead else 0.0))

    def note_sent(self, now: float, is_paced: bool) -> None:
        """A call goes out. `is_paced`: the rate made it wait; only then is there a reason to grow."""
        passed = min(now - self._sent_at, 1.0)
        self._sent_at = now
        self._sent.append(now)
        if math.isinf(self.per_second):
            return
        if self._probe_at is None:
            self._probe_at = now
            self._next_at = now + max(1 / self.per_second, self._hold_seconds / 2)  # one call asks, not all of them
            return
        if is_paced and now >= self._quiet_until:
            self._grow(passed)
        self._next_at = max(self._next_at, now - SLACK_SECONDS) + 1 / self.per_second

    def note_fault(self, now: float) -> None:
        """A failure that is no 429 (5xx, no reply in time): the provider is not well, so no growth for a while."""
        self._quiet_until = now + QUIET_SECONDS

    def note_overload(self, now: float, sent_at: float, retry_after_seconds: float | None) -> None:
        """The provider turned a call away. Nothing is sent before the time it asked for is over.

        Also without one there is a short break: who counts by the second refuses all until that second is over. Where
        the first call after it is refused again, the break was too short, and nothing is known about the rate.
        """
        if sent_at <= self._cut_at:
            self._counted -= 1  # counted as taken when it went out
            self._settle()
        elif sent_at == self._probe_at:
            self._hold_seconds = min(2 * self._hold_seconds, LONGEST_HOLD_SECONDS)
            self._cut_at, self._probe_at = now, None
        else:
            self._hold_seconds = FIRST_HOLD_SECONDS
            self._cut(now)
        self._close(now, retry_after_seconds)

    def _close(self, now: float, retry_after_seconds: float | None) -> None:
        if retry_after_seconds is not None:
            self.asked_until = max(self.asked_until, now + min(retry_after_seconds, LONGEST_BREAK_SECONDS))
        self.closed_until = max(self.closed_until, now + self._hold_seconds, self.asked_until)
        self._next_at = max(self._next_at, self.closed_until)  # no catching up: three at once met a bucket of two

    def _cut(self, now: float) -> None:
        wanted = 1.0 if math.isinf(self.per_second) else COUNTED_CALLS / self.per_second
        since = max(self._cut_at, now - min(max(wanted, LEAST_COUNTED_SECONDS), MOST_COUNTED_SECONDS))
        if len(self._sent) == MOST_COUNTED_CALLS:
            since = max(since, self._sent[0])
        self._counted_seconds = now - since
        self._counted = sum(1 for at in self._sent if at > since) - 1
        self._sent.clear()
        self._cut_at, self._probe_at, self._before = now, None, self.per_second
        self._settle()

    def _settle(self) -> None:
        """The rate after a cut, once more with each call of the same episode that comes back turned away."""
        self._found = max(self._estimate(), LEAST_PER_SECOND)
        self._floor = self.per_second = KEPT * self._found
        self._grown_seconds = 0.0
        is_first = math.isinf(self._before)
        self._plateau_seconds = 0.0 if is_first else min(PLATEAU * math.sqrt(self._found), LONGEST_PLATEAU_SECONDS)

    def _estimate(self) -> float:
        """Calls a second that the provider took before the cut; never more than were sent."""
        if math.isinf(self._before):
            return self._counted / max(self._counted_seconds, 1.0)
        if self._counted_seconds < ENOUGH_SECONDS:
            return UNMEASURED * self._before
        return min(max(self._counted / self._counted_seconds, LEAST_KEPT * self._before), self._before)

    def _grow(self, seconds: float) -> None:
        self._grown_seconds += seconds
        since = self._grown_seconds - self._plateau_seconds
        if since < 0:
            missing = (self._found - self._floor) * (-since / self._plateau_seconds) ** 3
            self.per_second = self._found - missing
        else:
            self.per_second = self._found + GROWTH * since**3
