"""Providers that allow so many calls a second, as arithmetic: the time goes in, "yes" or "come back then" comes out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Allowed = Callable[[float], float]
Round = Callable[[float], float]


class Allowance(Protocol):
    def ask(self, now: float) -> tuple[bool, float | None]:
        """Whether a call is taken; if not, after how many seconds to come back, None when that is not said."""
        ...


def allow_in_phases(*phases: tuple[float, float]) -> Allowed:
    """Calls a second at a time, of (seconds, calls a second); the last phase stays."""

    def find(now: float) -> float:
        for seconds, per_second in phases:
            if now < seconds:
                return per_second
            now -= seconds
        return phases[-1][1]

    return find


@dataclass
class Bucket:
    """Tokens drip in; at most `burst` of them wait. `says_when` rounds the Retry-After."""

    allowed: Allowed
    burst: float = 5.0
    says_when: Round | None = None
    _level: float | None = None
    _at: float = 0.0

    def ask(self, now: float) -> tuple[bool, float | None]:
        level = self.burst if self._level is None else self._level + (now - self._at) * self.allowed(now)
        self._level, self._at = min(self.burst, level), now
        if self._level >= 1:
            self._level -= 1
            return True, None
        return False, self.says_when((1 - self._level) / self.allowed(now)) if self.says_when else None


@dataclass
class Window:
    """So many calls in each second of the server's clock, which is `offset` seconds ahead."""

    allowed: Allowed
    offset: float = 0.0
    says_when: Round | None = None
    _second: int = -1
    _count: int = 0

    def ask(self, now: float) -> tuple[bool, float | None]:
        second = math.floor(now + self.offset)
        if second != self._second:
            self._second, self._count = second, 0
        if self._count < self.allowed(now):
            self._count += 1
            return True, None
        return False, self.says_when(second + 1 - now - self.offset) if self.says_when else None
