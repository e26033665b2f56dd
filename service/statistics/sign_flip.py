"""A test of "no difference" that respects clusters."""

from __future__ import annotations

import numpy as np

from service.statistics.inputs import FloatArray
from service.statistics.undefined import Undefined

EXACT_CLUSTERS = 12  # 4,096 sign patterns: all of them take less than a millisecond
CHUNK_CELLS = 2_000_000
ROUNDING = 1e-9  # of the size of the sums: patterns that tie in exact arithmetic must tie here


def compute_sign_flip_p(cluster_sums: FloatArray, seed: int, resamples: int) -> float | Undefined:
    """Two-sided p of "the differences of each cluster are symmetric around zero", in (0, 1].

    `cluster_sums` (clusters,) are the differences summed within clusters; the statistic is the size of their total.
    Whole clusters change sign (Canay, Romano & Shaikh 2017, Econometrica 85(3)). Up to 12 clusters every
    pattern is counted; beyond, `resamples` random ones, p = (1 + as extreme) / (1 + resamples) (Phipson & Smyth 2010).
    Undefined when every sum is zero. With K clusters p cannot fall below 2 / 2^K: five clusters never reach 0.05.
    """
    scale = float(np.abs(cluster_sums).sum())
    if scale <= ROUNDING:
        return Undefined("No question's mean level differs between the two runs.")
    bound = abs(float(cluster_sums.sum())) - ROUNDING * scale
    clusters = len(cluster_sums)
    if clusters <= EXACT_CLUSTERS:
        patterns = np.arange(2**clusters)[:, np.newaxis] >> np.arange(clusters) & 1
        return float((np.abs((1 - 2 * patterns) @ cluster_sums) >= bound).mean())
    generator = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // clusters)
    extreme = 0
    for start in range(0, resamples, chunk):
        flips = generator.integers(0, 2, size=(min(chunk, resamples - start), clusters), dtype=np.int8)
        extreme += int(np.count_nonzero(np.abs((1.0 - 2.0 * flips) @ cluster_sums) >= bound))
    return (1 + extreme) / (1 + resamples)
