"""The few functions of scipy that are used here, with types: scipy ships none."""

from __future__ import annotations

import numpy as np
from scipy import special, stats  # type: ignore[import-untyped]

from service.statistics.inputs import FloatArray


def compute_normal_probability(deviate: float) -> float:
    """P(Z <= deviate) of the standard normal distribution."""
    return float(special.ndtr(deviate))


def compute_normal_quantile(probability: float) -> float:
    """The standard normal deviate below which `probability` lies."""
    return float(special.ndtri(probability))


def compute_t_probability(deviate: float, freedom: float) -> float:
    """P(T <= deviate) of Student's t with `freedom` degrees of freedom."""
    return float(special.stdtr(freedom, deviate))


def compute_t_quantile(probability: float, freedom: int) -> float:
    """The deviate of Student's t below which `probability` lies."""
    return float(special.stdtrit(freedom, probability))


def rank_values(values: FloatArray) -> FloatArray:
    """Ranks from 1; ties share the mean of their ranks."""
    return np.asarray(stats.rankdata(values), dtype=np.float64)


def compute_kendall_tau_b(first: FloatArray, second: FloatArray) -> float:
    """Kendall's tau-b (Kendall 1945, Biometrika 33, the tie-corrected coefficient); both must vary."""
    return float(stats.kendalltau(first, second, variant="b").statistic)


def compute_wilcoxon_p(differences: FloatArray) -> float:
    """Two-sided p of the signed-rank test; zeros are ranked, then dropped (Pratt 1959, JASA 54); not all may be zero.

    Levels tie often. Wilcoxon's own rule drops the zeros before ranking and then says the same of two graders that
    differ on 3 cases of 300 as of two that differ on 3 of 3.
    """
    return float(stats.wilcoxon(differences, zero_method="pratt", method="approx").pvalue)


def compute_binomial_p(successes: int, trials: int) -> float:
    """Two-sided exact p of `successes` among at least one trial when each has probability one half."""
    return float(stats.binomtest(successes, trials, 0.5).pvalue)


def compute_binomial_tail(successes: int, trials: int) -> float:
    """One-sided exact p of at least so many `successes` among `trials` of probability one half; 1 without trials."""
    return float(stats.binom.sf(successes - 1, trials, 0.5))
