"""What every function here asks of its arrays, checked once and said in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
Labels: TypeAlias = NDArray[Any] | Sequence[str] | Sequence[int]

MIDDLE_LEVEL = (LOWEST_LEVEL + HIGHEST_LEVEL) / 2


def check_numbers(name: str, values: ArrayLike, dimensions: int = 1) -> FloatArray:
    """The values as a float array; ValueError when there are none, when one is not finite, or the shape is wrong."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions or array.size == 0:
        raise ValueError(f"{name}: expected a filled array of {dimensions} dimension(s), got shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: every value must be a finite number; leave out the cases without one.")
    return array


def check_levels(name: str, values: ArrayLike, dimensions: int = 1) -> FloatArray:
    """The values as a float array of levels; ValueError when one lies outside 1–5, and as in `check_numbers`."""
    array = check_numbers(name, values, dimensions)
    if array.min() < LOWEST_LEVEL or array.max() > HIGHEST_LEVEL:
        raise ValueError(
            f"{name}: levels lie between {LOWEST_LEVEL} and {HIGHEST_LEVEL}, got {array.min():g} to {array.max():g}."
        )
    return array


def check_same_length(**arrays: NDArray[Any]) -> None:
    """ValueError when the arrays do not describe the same cases."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"Every array must have one entry a case, in the same order; their lengths are {lengths}.")


def index_labels(name: str, labels: Labels) -> tuple[IntArray, NDArray[Any]]:
    """Codes (cases,) from 0 and the sorted distinct labels they stand for; ValueError when a label is NaN."""
    array = np.asarray(labels)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name}: expected one label a case, got shape {array.shape}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name}: a label is not a number; give the cases without one a label of their own.")
    distinct, codes = np.unique(array, return_inverse=True)
    return codes.astype(np.int64), distinct


def round_levels(levels: FloatArray) -> IntArray:
    """The nearest whole levels, halves away from zero (2.5 -> 3): numpy's own rounding would take 2.5 to 2."""
    return np.floor(levels + 0.5).astype(np.int64)  # levels are positive: away from zero is up
