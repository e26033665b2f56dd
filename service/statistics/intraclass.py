"""The intraclass correlation of raters who each rated every case."""

from __future__ import annotations

import numpy as np

from service.statistics.inputs import FloatArray, check_numbers
from service.statistics.undefined import Undefined

ROUNDING = 1e-12  # of the total sum of squares


def compute_icc(ratings: FloatArray) -> float | Undefined:
    """ICC(2,1) of ratings (cases, raters), at most 1: two-way random effects, one rater, absolute agreement.

    (BMS - EMS) / (BMS + (k - 1) EMS + k (JMS - EMS) / n), Shrout & Fleiss 1979, Psychological Bulletin 86(2), table 1
    and case 2. Negative when cases differ less than chance would have them. Undefined with one case, one rater, or
    ratings that are all equal. ValueError when a rating is not finite.
    """
    ratings = check_numbers("ratings", ratings, dimensions=2)
    n, k = ratings.shape
    if n < 2 or k < 2:
        return Undefined("An intraclass correlation needs at least two cases and two raters.")
    ratings = ratings - ratings.mean()
    rows = k * (ratings.mean(axis=1) ** 2).sum()
    columns = n * (ratings.mean(axis=0) ** 2).sum()
    total = (ratings**2).sum()
    if total <= ROUNDING * ratings.size:
        return Undefined("All ratings are equal, so no part of their variance belongs to the cases.")
    between, judges = rows / (n - 1), columns / (k - 1)
    error = max(0.0, total - rows - columns) / ((n - 1) * (k - 1))
    denominator = between + (k - 1) * error + k * (judges - error) / n
    if denominator <= ROUNDING * total:
        return Undefined("The estimated variance of the ratings is not positive.")
    return float(np.clip((between - error) / denominator, -np.inf, 1.0))
