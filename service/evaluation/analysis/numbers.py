"""Numbers of the statistics -> numbers of a report."""

from __future__ import annotations

import math

from service.evaluation.results.numbers import Estimate, Interval, Missing, Number
from service.statistics import bootstrap
from service.statistics.undefined import Undefined

DECIMALS = 9  # beyond them two processors disagree, and a report would differ for nothing


def to_number(value: float | Undefined) -> Number:
    """The number, rounded to nine decimals; `Missing` with the reason where there is none."""
    if isinstance(value, Undefined):
        return Missing(undefined=value.reason)
    return round(float(value), DECIMALS) + 0.0 if math.isfinite(value) else Missing(undefined="It is not finite.")


def to_estimate(value: float | Undefined, interval: bootstrap.Interval | Undefined) -> Estimate:
    """The number with its interval."""
    if isinstance(interval, Undefined):
        return Estimate(value=to_number(value), interval=Missing(undefined=interval.reason))
    low, high = to_number(interval.low), to_number(interval.high)
    if isinstance(low, Missing) or isinstance(high, Missing):
        return Estimate(value=to_number(value), interval=Missing(undefined="Its ends are not finite."))
    return Estimate(value=to_number(value), interval=Interval(low=low, high=high))
