"""Whether some group of cases is graded differently from the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from service.statistics.bootstrap import (
    DEFAULT_RESAMPLES,
    Interval,
    Resampled,
    compute_interval,
    resample_clusters,
)
from service.statistics.inputs import (
    FloatArray,
    IntArray,
    Labels,
    check_levels,
    check_same_length,
    index_labels,
)
from service.statistics.moments import CONSTANT, Statistic, evaluate, sum_columns
from service.statistics.undefined import Undefined

SMALL_GROUP = 20  # cases; below it a standardised difference of 0.5 is within chance
COLUMNS = 3  # of a group's table: count, sum, sum of squares


@dataclass(frozen=True, slots=True)
class GroupGap:
    """One group's mean less the rest's: `difference` in levels, `standardised` in standard deviations (Hedges' g).

    `interval` belongs to `standardised`. `small` (n < 20): shown like any other, and not to be leaned on.
    """

    group: str
    n: int
    rest: int
    small: bool
    difference: float | Undefined
    standardised: float | Undefined
    interval: Interval | Undefined


def compare_groups(
    graded: ArrayLike,
    groups: Labels,
    clusters: Labels,
    seed: int,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = 0.95,
) -> tuple[GroupGap, ...]:
    """A gap for each distinct group label, in the order of the labels, of the plain graded levels.

    A gap here may be one of the answers: without a reference nobody can say. Hedges' g (Hedges 1981, Journal of
    Educational Statistics 6(2): pooled sample deviation, times 1 - 3 / (4 df - 1)); interval by BCa over clusters.
    Undefined with fewer than two cases on a side. ValueError as in `measure_agreement`, and below 2,000 resamples.
    """
    return _compare(check_levels("graded", graded), groups, clusters, seed, resamples, confidence)


def compare_group_residuals(
    reference: ArrayLike,
    graded: ArrayLike,
    groups: Labels,
    clusters: Labels,
    seed: int,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = 0.95,
) -> tuple[GroupGap, ...]:
    """As `compare_groups`, of graded - reference: a gap here is the grader's, or that of the people it is held against.

    Standardised with the deviation of the residuals, not of the levels, so a precise grader's small bias shows.
    Williamson, Xi & Breyer 2012 (on subgroups) flag more than 0.10.
    """
    x, y = check_levels("reference", reference), check_levels("graded", graded)
    check_same_length(reference=x, graded=y)
    return _compare(y - x, groups, clusters, seed, resamples, confidence)


def compute_hedges_g(group: FloatArray, rest: FloatArray) -> FloatArray:
    """Hedges' g (...) from counts, sums and sums of squares (..., 3) of two sides; NaN below two cases or no spread."""
    n, m = group[..., 0], rest[..., 0]
    freedom = n + m - 2
    with np.errstate(divide="ignore", invalid="ignore"):  # sides without cases: excluded by `defined`
        difference = group[..., 1] / n - rest[..., 1] / m
        within = group[..., 2] - group[..., 1] ** 2 / n + rest[..., 2] - rest[..., 1] ** 2 / m
        variance = within / freedom
        defined = (n >= 2) & (m >= 2) & (variance > CONSTANT)
        g = (1 - 3 / (4 * freedom - 1)) * difference / np.sqrt(np.where(defined, variance, 1.0))
    return np.where(defined, g, np.nan)


def _compare(
    values: FloatArray, groups: Labels, clusters: Labels, seed: int, resamples: int, confidence: float
) -> tuple[GroupGap, ...]:
    group_codes, names = index_labels("groups", groups)
    codes, labels = index_labels("clusters", clusters)
    check_same_length(values=values, groups=group_codes, clusters=codes)
    tables = _sum_groups(values - values.mean(), group_codes, len(names), codes, len(labels))
    resampled = resample_clusters(tables, seed, resamples)
    return tuple(_measure_gap(str(name), place, resampled, confidence) for place, name in enumerate(names))


def _sum_groups(values: FloatArray, groups: IntArray, count: int, codes: IntArray, clusters: int) -> FloatArray:
    """Sums (clusters, 3 · groups): each group's count, sum and sum of squares side by side."""
    columns = np.column_stack([np.ones_like(values), values, values**2])
    cells = sum_columns(columns, codes * count + groups, clusters * count)
    return cells.reshape(clusters, count * COLUMNS)


def _measure_gap(name: str, place: int, resampled: Resampled, confidence: float) -> GroupGap:
    statistic = Statistic(
        lambda sums: compute_hedges_g(*_split_sides(sums, place)),
        f"Group {name} or the rest has fewer than two cases, or nobody differs within them.",
    )
    total = resampled.sums.sum(axis=0)
    group, rest = _split_sides(total, place)
    n, m = int(group[0]), int(rest[0])
    g = evaluate(statistic, total)
    return GroupGap(
        group=name,
        n=n,
        rest=m,
        small=n < SMALL_GROUP,
        difference=float(group[1] / n - rest[1] / m) if m else Undefined(f"Every case belongs to group {name}."),
        standardised=Undefined(statistic.why_undefined) if math.isnan(g) else g,
        interval=compute_interval(resampled, statistic, confidence),
    )


def _split_sides(sums: FloatArray, place: int) -> tuple[FloatArray, FloatArray]:
    tables = sums.reshape(*sums.shape[:-1], -1, COLUMNS)
    group = tables[..., place, :]
    return group, tables.sum(axis=-2) - group
