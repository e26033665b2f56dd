"""The difference of one quantity between two runs, with what is known of its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.statistics.bootstrap import Interval, Resampled, compute_interval
from service.statistics.distributions import compute_normal_quantile
from service.statistics.moments import Statistic, evaluate, subtract
from service.statistics.undefined import Undefined

DETECTION_LEVEL = 0.05  # two-sided
DETECTION_POWER = 0.80


@dataclass(frozen=True, slots=True)
class Difference:
    """`difference` is `second` - `first`; all in the unit of the quantity.

    `minimum_detectable`: the true difference that a comparison of this size finds four times in five.
    """

    first: float | Undefined
    second: float | Undefined
    difference: float | Undefined
    interval: Interval | Undefined
    minimum_detectable: float | Undefined


def measure_difference(resampled: Resampled, first: Statistic, second: Statistic, confidence: float) -> Difference:
    """`second` - `first`, both statistics of the same resampled sums, so that what the runs share cancels."""
    total = resampled.sums.sum(axis=0)
    contrast = subtract(second, first)
    interval = compute_interval(resampled, contrast, confidence)
    return Difference(
        first=_name_undefined(evaluate(first, total), first),
        second=_name_undefined(evaluate(second, total), second),
        difference=_name_undefined(evaluate(contrast, total), contrast),
        interval=interval,
        minimum_detectable=compute_minimum_detectable(interval),
    )


def compute_minimum_detectable(interval: Interval | Undefined) -> float | Undefined:
    """(1.960 + 0.842) · standard error: two-sided 5 %, power 80 % (Bloom 1995, Evaluation Review 19(5)).

    Undefined without an interval, and when every resample gave the same difference.
    """
    if isinstance(interval, Undefined):
        return interval
    if interval.standard_error == 0.0:
        return Undefined("Every resample gives the same difference, so nothing shows how far it could vary.")
    multiple = compute_normal_quantile(1 - DETECTION_LEVEL / 2) + compute_normal_quantile(DETECTION_POWER)
    return multiple * interval.standard_error


def _name_undefined(value: float, statistic: Statistic) -> float | Undefined:
    return Undefined(statistic.why_undefined) if math.isnan(value) else value
