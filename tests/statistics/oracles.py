"""Other people's implementations, with types: neither scipy nor scikit-learn ships them."""

from __future__ import annotations

import numpy as np
from scipy import stats  # type: ignore[import-untyped]
from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

from service.statistics.inputs import FloatArray


def compute_cohen_kappa(reference: FloatArray, graded: FloatArray) -> float:
    """With all five labels: else it weighs by the rank of the levels that occur, and 5 may be as near to 2 as 3 is."""
    levels = [1, 2, 3, 4, 5]
    return float(cohen_kappa_score(reference.astype(int), graded.astype(int), labels=levels, weights="quadratic"))


def compute_pearson(x: FloatArray, y: FloatArray) -> float:
    return float(stats.pearsonr(x, y).statistic)


def compute_spearman(x: FloatArray, y: FloatArray) -> float:
    return float(stats.spearmanr(x, y).statistic)


def compute_wilcoxon_p(differences: FloatArray) -> float:
    return float(stats.wilcoxon(differences, zero_method="pratt", method="approx").pvalue)


def compute_binomial_p(successes: int, trials: int) -> float:
    return float(stats.binomtest(successes, trials).pvalue)


def compute_bca(reference: FloatArray, graded: FloatArray, resamples: int) -> tuple[float, float]:
    """scipy's BCa interval of the mean absolute error, each case for itself."""

    def average_error(x: FloatArray, y: FloatArray, axis: int = -1) -> FloatArray:
        return np.asarray(np.abs(x - y).mean(axis=axis))

    result = stats.bootstrap(
        (reference, graded),
        average_error,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        method="BCa",
        rng=np.random.default_rng(5),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
