"""Two graders, or two versions of one, on the same cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from service.statistics.bootstrap import (
    DEFAULT_RESAMPLES,
    Resampled,
    compute_p_below,
    resample_clusters,
)
from service.statistics.differences import Difference, measure_difference
from service.statistics.distributions import compute_binomial_p, compute_wilcoxon_p
from service.statistics.inputs import (
    FloatArray,
    Labels,
    check_levels,
    check_same_length,
    index_labels,
    round_levels,
)
from service.statistics.moments import (
    KAPPA,
    MEAN_ERROR,
    MEAN_GRADED,
    Moment,
    select_run,
    subtract,
    sum_pairs,
)
from service.statistics.sign_flip import compute_sign_flip_p
from service.statistics.undefined import Undefined

DECIMALS = 9  # of a difference in levels; 4.4 - 4.1 and 2.4 - 2.1 must tie


@dataclass(frozen=True, slots=True)
class McNemar:
    """Exact agreement of both graders with the reference, counted in cases; `p` two-sided, in (0, 1]."""

    both_exact: int
    only_first: int
    only_second: int
    neither: int
    p: float | Undefined


@dataclass(frozen=True, slots=True)
class LevelComparison:
    """How the levels themselves moved, whatever the reference: `mean_level` in levels, 1–5.

    `sign_flip_p` respects the clusters; `wilcoxon_p` takes the cases for independent and is too sure when those of one
    question move together.
    """

    n: int
    clusters: int
    mean_level: Difference
    wilcoxon_p: float | Undefined
    sign_flip_p: float | Undefined


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """`kappa`, `mean_error` (levels) and `levels`: second - first, all from one set of resamples.

    `kappa_worse_p`: one-sided p of "second's kappa is at least first's - margin" against "it is lower"; it is what
    `adjust_holm` wants. `error_wilcoxon_p` compares the absolute errors; it and `exact` take cases for independent.
    """

    kappa: Difference
    mean_error: Difference
    levels: LevelComparison
    kappa_worse_p: float | Undefined
    error_wilcoxon_p: float | Undefined
    exact: McNemar


def compare_paired(
    reference: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    clusters: Labels,
    seed: int,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = 0.95,
    margin: float = 0.0,
) -> PairedComparison:
    """Second against first on the same cases: levels (cases,) from 1 to 5, a cluster label for each case.

    Columns compared with one seed and the same clusters share their resamples. `margin` (kappa, >= 0) is only for
    `kappa_worse_p`. ValueError: levels not finite or outside 1–5, lengths that differ, no cases, fewer than 2,000
    resamples, a confidence outside (0, 1), a negative margin.
    """
    if not margin >= 0:
        raise ValueError(f"margin: expected zero or more kappa, got {margin}.")
    x, a, b = check_levels("reference", reference), check_levels("first", first), check_levels("second", second)
    codes, labels = index_labels("clusters", clusters)
    check_same_length(reference=x, first=a, second=b, clusters=codes)
    sums = np.hstack([sum_pairs(x, a, codes, len(labels)), sum_pairs(x, b, codes, len(labels))])
    resampled = resample_clusters(sums, seed, resamples)
    kappas, errors = ((select_run(statistic, 0), select_run(statistic, 1)) for statistic in (KAPPA, MEAN_ERROR))
    return PairedComparison(
        kappa=measure_difference(resampled, *kappas, confidence),
        mean_error=measure_difference(resampled, *errors, confidence),
        levels=_compare_resampled_levels(a, b, resampled, seed, resamples, confidence),
        kappa_worse_p=compute_p_below(resampled, subtract(kappas[1], kappas[0]), -margin),
        error_wilcoxon_p=_test_signed_ranks(np.abs(b - x) - np.abs(a - x)),
        exact=count_exact(x, a, b),
    )


def compare_levels(
    first: ArrayLike,
    second: ArrayLike,
    clusters: Labels,
    seed: int,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = 0.95,
) -> LevelComparison:
    """What can be said without a reference: whether the mean level moved. Arguments and errors as `compare_paired`."""
    a, b = check_levels("first", first), check_levels("second", second)
    codes, labels = index_labels("clusters", clusters)
    check_same_length(first=a, second=b, clusters=codes)
    sums = np.hstack([sum_pairs(a, a, codes, len(labels)), sum_pairs(a, b, codes, len(labels))])
    resampled = resample_clusters(sums, seed, resamples)
    return _compare_resampled_levels(a, b, resampled, seed, resamples, confidence)


def count_exact(reference: FloatArray, first: FloatArray, second: FloatArray) -> McNemar:
    """McNemar's exact test (McNemar 1947, Psychometrika 12; the binomial form of its p) on rounded levels.

    Undefined when no case is exact for one grader only. Ignores clusters: read it beside the interval of kappa.
    """
    target = round_levels(reference)
    one, two = round_levels(first) == target, round_levels(second) == target
    only_first, only_second = int((one & ~two).sum()), int((two & ~one).sum())
    discordant = only_first + only_second
    p: float | Undefined = Undefined("No case is exact for one grader and not for the other.")
    if discordant:
        p = compute_binomial_p(only_first, discordant)
    return McNemar(int((one & two).sum()), only_first, only_second, int((~one & ~two).sum()), p)


def _compare_resampled_levels(
    first: FloatArray, second: FloatArray, resampled: Resampled, seed: int, resamples: int, confidence: float
) -> LevelComparison:
    graded = [len(Moment) * run + Moment.Y for run in (0, 1)]
    return LevelComparison(
        n=len(first),
        clusters=len(resampled.sums),
        mean_level=measure_difference(resampled, select_run(MEAN_GRADED, 0), select_run(MEAN_GRADED, 1), confidence),
        wilcoxon_p=_test_signed_ranks(second - first),
        sign_flip_p=compute_sign_flip_p(resampled.sums[:, graded[1]] - resampled.sums[:, graded[0]], seed, resamples),
    )


def _test_signed_ranks(differences: FloatArray) -> float | Undefined:
    """Wilcoxon's test (Wilcoxon 1945; zeros after Pratt 1959), normal approximation with tie correction."""
    rounded = np.round(differences, DECIMALS)
    if not rounded.any():
        return Undefined("Every difference is zero.")
    return compute_wilcoxon_p(rounded)
