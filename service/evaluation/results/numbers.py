"""Numbers of a report; those that do not exist say why."""

from __future__ import annotations

from service.domain.base import Value

OVERALL = "overall"


class Missing(Value):
    """A number that cannot be computed, and why, in a plain sentence."""

    undefined: str


Number = float | Missing


class Interval(Value):
    """A 95 % confidence interval, unless its owner says another confidence."""

    low: float
    high: float


class Estimate(Value):
    value: Number
    interval: Interval | Missing
