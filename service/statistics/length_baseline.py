"""The grader that only counts words: what a real grader has to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL
from service.statistics.inputs import (
    FloatArray,
    Labels,
    check_levels,
    check_numbers,
    check_same_length,
    index_labels,
)
from service.statistics.moments import CONSTANT, sum_columns
from service.statistics.undefined import Undefined


def predict_from_length(reference: ArrayLike, words: ArrayLike, clusters: Labels) -> FloatArray | Undefined:
    """Levels (cases,), 1–5, predicted from log(1 + words) by ordinary least squares, clipped.

    The line for a case is fitted to the other clusters only (leave-one-group-out cross-validation, Hastie, Tibshirani &
    Friedman 2009, section 7.10.2 on what must stay out of the fit). Where those have all one length, it is their mean
    level. Length is the oldest shortcut of automated scoring: Perelman 2014, Assessing Writing 21. Undefined with one
    cluster. ValueError: levels outside 1–5, negative or non-finite words, lengths that differ.
    """
    y, words = check_levels("reference", reference), check_numbers("words", words)
    codes, labels = index_labels("clusters", clusters)
    check_same_length(reference=y, words=words, clusters=codes)
    if words.min() < 0:
        raise ValueError("words: a number of words cannot be negative.")
    if len(labels) < 2:
        return Undefined("All cases are of one question, so no other is left to fit the line to.")
    x = np.log1p(words)
    centre_x, centre_y = x.mean(), y.mean()
    x, y = x - centre_x, y - centre_y
    sums = sum_columns(np.column_stack([np.ones_like(x), x, y, x * x, x * y]), codes, len(labels))
    n, sum_x, sum_y, sum_xx, sum_xy = (sums.sum(axis=0) - sums).T
    mean_x, mean_y = sum_x / n, sum_y / n
    variance = sum_xx / n - mean_x**2
    slope: FloatArray = np.zeros_like(n)
    np.divide(sum_xy / n - mean_x * mean_y, variance, out=slope, where=variance > CONSTANT)
    predicted = centre_y + mean_y[codes] + slope[codes] * (x - mean_x[codes])
    return np.asarray(np.clip(predicted, LOWEST_LEVEL, HIGHEST_LEVEL))
