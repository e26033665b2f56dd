"""Sums from which agreement can be computed, kept per cluster.

Kappa, mean error and mean difference need nothing of the cases but nine sums. Kept per cluster, a bootstrap replicate
is "how often was each cluster drawn" times these sums: one matrix product for 2,000 replicates, without touching the
cases again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from service.statistics.inputs import MIDDLE_LEVEL, FloatArray, IntArray, round_levels

ADJACENT_LEVELS = 1.0  # the usual "exact plus adjacent" of essay scoring
ROUNDING = 1e-9  # levels; 4.4 - 3.4 is 1.0000000000000004
CONSTANT = 1e-12  # squared levels; the variance that rounding leaves to equal levels such as 3.3


class Moment(IntEnum):
    """The columns of a table of sums; x is the reference, y the graded level, both less 3 so that rounding stays small.

    A table has the shape (..., 9): (clusters, 9), (replicates, 9), or (9,) for the total.
    """

    COUNT = 0
    X = 1
    Y = 2
    XX = 3
    YY = 4
    XY = 5
    ABSOLUTE = 6  # |x - y|
    EXACT = 7  # cases whose rounded levels are equal
    ADJACENT = 8  # cases with |x - y| <= 1.0


@dataclass(frozen=True, slots=True)
class Statistic:
    """`compute` takes sums (..., columns) to values (...), NaN where the sums do not define it.

    That NaN is this package's only one. It never leaves: `bootstrap` counts it, `evaluate` turns it into
    `why_undefined`.
    """

    compute: Callable[[FloatArray], FloatArray]
    why_undefined: str


def sum_pairs(reference: FloatArray, graded: FloatArray, codes: IntArray, clusters: int) -> FloatArray:
    """Sums (clusters, 9), columns as in `Moment`, of checked levels; `codes` (cases,) are 0 … clusters - 1."""
    x, y = reference - MIDDLE_LEVEL, graded - MIDDLE_LEVEL
    distance = np.abs(x - y)
    columns = {
        Moment.COUNT: np.ones_like(x),
        Moment.X: x,
        Moment.Y: y,
        Moment.XX: x * x,
        Moment.YY: y * y,
        Moment.XY: x * y,
        Moment.ABSOLUTE: distance,
        Moment.EXACT: (round_levels(reference) == round_levels(graded)).astype(np.float64),
        Moment.ADJACENT: (distance <= ADJACENT_LEVELS + ROUNDING).astype(np.float64),
    }
    return sum_columns(np.column_stack([columns[moment] for moment in Moment]), codes, clusters)


def sum_columns(values: FloatArray, codes: IntArray, clusters: int) -> FloatArray:
    """Values (cases, columns) summed within clusters: (clusters, columns)."""
    return np.column_stack([np.bincount(codes, weights=column, minlength=clusters) for column in values.T])


def compute_kappa(sums: FloatArray) -> FloatArray:
    """Quadratic weighted kappa, (...) in [-1, 1]; NaN where the reference does not vary.

    1 - mean (x - y)² / mean over all pairs (x_i - y_j)². With whole levels that is Cohen's kappa with quadratic weights
    (Cohen 1968, Psychological Bulletin 70(4), weighted kappa). In population moments it is
    2 cov / (var x + var y + (mean x - mean y)²): Lin's concordance (Lin 1989, Biometrics 45(1), section 2), which
    needs no whole levels. A grader that always says the same has kappa 0; a reference that does says nothing of the
    grader, hence NaN, where the formula would give 0 or 0/0.
    """
    n = sums[..., Moment.COUNT]
    mean_x, mean_y = sums[..., Moment.X] / n, sums[..., Moment.Y] / n
    var_x = sums[..., Moment.XX] / n - mean_x**2
    var_y = sums[..., Moment.YY] / n - mean_y**2
    covariance = sums[..., Moment.XY] / n - mean_x * mean_y
    disagreement = var_x + var_y + (mean_x - mean_y) ** 2
    kappa = np.full(n.shape, np.nan)
    np.divide(2 * covariance, disagreement, out=kappa, where=var_x > CONSTANT)
    return kappa


def compute_mean_error(sums: FloatArray) -> FloatArray:
    """Mean absolute error, (...) in levels, 0–4."""
    return np.asarray(sums[..., Moment.ABSOLUTE] / sums[..., Moment.COUNT])


def compute_mean_graded(sums: FloatArray) -> FloatArray:
    """Mean graded level, (...) 1–5."""
    return np.asarray(sums[..., Moment.Y] / sums[..., Moment.COUNT] + MIDDLE_LEVEL)


def evaluate(statistic: Statistic, total: FloatArray) -> float:
    """The statistic of one row of sums; NaN when undefined."""
    return float(statistic.compute(total[np.newaxis])[0])


ALWAYS = "There are no cases."
KAPPA = Statistic(compute_kappa, "Every case has the same reference level, so there is nothing to agree on.")
MEAN_ERROR = Statistic(compute_mean_error, ALWAYS)
MEAN_GRADED = Statistic(compute_mean_graded, ALWAYS)


def select_run(statistic: Statistic, run: int) -> Statistic:
    """The statistic of the run whose nine sums stand in columns 9·run … 9·run + 8 of a wider table."""
    columns = slice(len(Moment) * run, len(Moment) * (run + 1))
    return Statistic(lambda sums: statistic.compute(sums[..., columns]), statistic.why_undefined)


def subtract(second: Statistic, first: Statistic) -> Statistic:
    """second - first, of the same sums."""
    return Statistic(lambda sums: second.compute(sums) - first.compute(sums), second.why_undefined)
