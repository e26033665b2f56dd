"""How far a grader agrees with the reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from service.domain.rubric import LEVELS, LOWEST_LEVEL
from service.statistics.bootstrap import DEFAULT_RESAMPLES, Interval, compute_interval, resample_clusters
from service.statistics.distributions import rank_values
from service.statistics.inputs import (
    FloatArray,
    IntArray,
    Labels,
    check_levels,
    check_same_length,
    index_labels,
    round_levels,
)
from service.statistics.intraclass import compute_icc
from service.statistics.moments import CONSTANT, KAPPA, MEAN_ERROR, Moment, evaluate, sum_pairs
from service.statistics.undefined import Undefined

CONSTANT_REFERENCE = Undefined("Every case has the same reference level.")
CONSTANT_GRADED = Undefined("Every case has the same graded level.")
EMPTY_BAND = Undefined("No case has this reference level.")


@dataclass(frozen=True, slots=True)
class Band:
    """The cases whose rounded reference is `level`. `mean_graded` in levels 1–5, `mean_error` 0–4, `exact` 0–1."""

    level: int
    n: int
    mean_graded: float | Undefined
    mean_error: float | Undefined
    exact: float | Undefined


@dataclass(frozen=True, slots=True)
class Agreement:
    """One grader against the reference; each formula stands at the function that computes it.

    `kappa` quadratic weighted, -1–1. `exact` share of cases with equal rounded levels, `adjacent` with levels at most
    1.0 apart, not rounded (so 2.4 and 3.5 count for neither). `mean_error` absolute, `mean_difference` graded -
    reference, both in levels. `confusion[r][g]`: cases with rounded reference r + 1 and graded g + 1.
    """

    n: int
    kappa: float | Undefined
    exact: float
    adjacent: float
    pearson: float | Undefined
    spearman: float | Undefined
    icc: float | Undefined
    mean_error: float
    mean_difference: float
    standardised_difference: float | Undefined
    deviation_ratio: float | Undefined
    confusion: tuple[tuple[int, ...], ...]
    bands: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class AgreementInterval:
    """Cluster bootstrap intervals of one grader's kappa and mean absolute error (levels)."""

    kappa: Interval | Undefined
    mean_error: Interval | Undefined


def measure_agreement(reference: ArrayLike, graded: ArrayLike) -> Agreement:
    """Agreement of `graded` with `reference`, levels (cases,) from 1 to 5; `moments.compute_kappa` names the kappa.

    ValueError when a level is not finite or outside 1–5, when there are no cases, or the lengths differ.
    """
    x, y = _check_pair(reference, graded)
    total = sum_pairs(x, y, np.zeros(len(x), dtype=np.int64), 1)[0]
    kappa = evaluate(KAPPA, total)
    rounded_x, rounded_y = round_levels(x), round_levels(y)
    return Agreement(
        n=len(x),
        kappa=Undefined(KAPPA.why_undefined) if math.isnan(kappa) else kappa,
        exact=float(total[Moment.EXACT] / len(x)),
        adjacent=float(total[Moment.ADJACENT] / len(x)),
        pearson=compute_pearson(x, y),
        spearman=compute_pearson(rank_values(x), rank_values(y)),
        icc=compute_icc(np.column_stack([x, y])),
        mean_error=float(total[Moment.ABSOLUTE] / len(x)),
        mean_difference=float((y - x).mean()),
        standardised_difference=_standardise_difference(x, y),
        deviation_ratio=_compute_deviation_ratio(x, y),
        confusion=_count_confusion(rounded_x, rounded_y),
        bands=tuple(_measure_band(level, x, y, rounded_x, rounded_y) for level in LEVELS),
    )


def measure_interval(
    reference: ArrayLike,
    graded: ArrayLike,
    clusters: Labels,
    seed: int,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = 0.95,
) -> AgreementInterval:
    """BCa intervals for kappa and mean absolute error; `clusters` labels each case, usually with its question.

    Errors as in `measure_agreement`; also ValueError below 2,000 resamples or for a confidence outside (0, 1).
    """
    x, y = _check_pair(reference, graded)
    codes, labels = index_labels("clusters", clusters)
    check_same_length(reference=x, clusters=codes)
    resampled = resample_clusters(sum_pairs(x, y, codes, len(labels)), seed, resamples)
    return AgreementInterval(
        kappa=compute_interval(resampled, KAPPA, confidence),
        mean_error=compute_interval(resampled, MEAN_ERROR, confidence),
    )


def compute_pearson(x: FloatArray, y: FloatArray) -> float | Undefined:
    """Product-moment correlation in [-1, 1]; of ranks it is Spearman's (Spearman 1904, with tied ranks averaged)."""
    if x.var() <= CONSTANT or y.var() <= CONSTANT:
        return CONSTANT_REFERENCE if x.var() <= CONSTANT else CONSTANT_GRADED
    x, y = x - x.mean(), y - y.mean()
    return float(np.clip((x @ y) / math.sqrt((x @ x) * (y @ y)), -1.0, 1.0))


def _check_pair(reference: ArrayLike, graded: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = check_levels("reference", reference), check_levels("graded", graded)
    check_same_length(reference=x, graded=y)
    return x, y


def _standardise_difference(x: FloatArray, y: FloatArray) -> float | Undefined:
    """(mean graded - mean reference) / sqrt((var graded + var reference) / 2), in standard deviations.

    Williamson, Xi & Breyer 2012 (Educational Measurement: Issues and Practice 31(1), on standardised mean score
    differences); they flag more than 0.15. Sample variances (n - 1).
    """
    if len(x) < 2 or x.var() + y.var() <= CONSTANT:
        return Undefined("Neither the reference nor the grader varies, so there is no unit to standardise with.")
    return float((y.mean() - x.mean()) / math.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2))


def _compute_deviation_ratio(x: FloatArray, y: FloatArray) -> float | Undefined:
    """Standard deviation of the graded levels over that of the reference; below 1 a grader that shuns the ends."""
    return CONSTANT_REFERENCE if x.var() <= CONSTANT else float(y.std() / x.std())


def _count_confusion(x: IntArray, y: IntArray) -> tuple[tuple[int, ...], ...]:
    counts = np.zeros((len(LEVELS), len(LEVELS)), dtype=np.int64)
    np.add.at(counts, (x - LOWEST_LEVEL, y - LOWEST_LEVEL), 1)
    return tuple(tuple(int(count) for count in row) for row in counts)


def _measure_band(level: int, x: FloatArray, y: FloatArray, rounded_x: IntArray, rounded_y: IntArray) -> Band:
    inside = rounded_x == level
    if not inside.any():
        return Band(level, 0, EMPTY_BAND, EMPTY_BAND, EMPTY_BAND)
    return Band(
        level=level,
        n=int(inside.sum()),
        mean_graded=float(y[inside].mean()),
        mean_error=float(np.abs(x[inside] - y[inside]).mean()),
        exact=float((rounded_y[inside] == level).mean()),
    )
