"""A ceiling a minute that the operator set: a token bucket. Pure: time comes in with each call."""

from __future__ import annotations

import math

BURST_SECONDS = 5.0  # of the ceiling may be used at once: providers count in parts of the minute, too


class Ceiling:
    """So many units a minute, of which `share` (0 to 1) is this process's; times are of one monotonic clock.

    A unit is spent when it is not there yet, and owed: one request larger than the bucket would else wait for ever.
    """

    def __init__(self, per_minute: float, share: float) -> None:
        self._per_minute = per_minute
        self._share = share
        self._level = math.inf  # cut to the bucket's size on first use
        self._at = 0.0

    def set_share(self, share: float, now: float) -> None:
        """From now on, this share of the ceiling."""
        self._fill(now)
        self._share = share

    def find_start(self, now: float, needed: float) -> float:
        """When the bucket holds `needed` units, or is full."""
        self._fill(now)
        missing = min(needed, self._size) - self._level
        return now if missing <= 1e-9 else now + missing / self._per_second

    def spend(self, now: float, units: float) -> None:
        """Takes units out; a negative count gives back."""
        self._fill(now)
        self._level = min(self._level - units, self._size)

    @property
    def _per_second(self) -> float:
        return self._per_minute * self._share / 60

    @property
    def _size(self) -> float:
        return max(1.0, self._per_second * BURST_SECONDS)

    def _fill(self, now: float) -> None:
        gained = (now - self._at) * self._per_second
        self._level, self._at = min(self._size, self._level + gained), now
