"""Who would pass with one grader and not with the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.statistics.distributions import compute_kendall_tau_b
from service.statistics.inputs import FloatArray, check_numbers, check_same_length
from service.statistics.undefined import Undefined

DECIMALS = 9  # of a score; means of the same repeats in another order must tie


@dataclass(frozen=True, slots=True)
class Top:
    """Selects the `count` highest. Cases that tie at the border for fewer places than they are stand on it: which of
    them is in is anybody's choice.
    """

    count: int


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Selects every case that scores `score` or more."""

    score: float


Cutoff: TypeAlias = Top | AtLeast


@dataclass(frozen=True, slots=True)
class RankFlips:
    """`rose` and `fell` are positions in the arrays, ascending: out with the first and in with the second, and back.

    A case that stands on the border with either grader is neither: of 84 equal scores any order would flip some.
    `selected_*` count it in. `tau_b` is Kendall's, -1–1, over all cases.
    """

    n: int
    selected_first: int
    selected_second: int
    rose: tuple[int, ...]
    fell: tuple[int, ...]
    tau_b: float | Undefined


def find_flips(first: ArrayLike, second: ArrayLike, cutoff: Cutoff) -> RankFlips:
    """The cases that cross the cut-off between two score vectors (cases,), higher being better.

    `tau_b` after Kendall 1945 (Biometrika 33); Undefined when a vector does not vary. ValueError: scores not finite,
    lengths that differ, no cases, or a count outside 1 … cases.
    """
    a, b = check_numbers("first", first), check_numbers("second", second)
    check_same_length(first=a, second=b)
    before, after = _select(a, cutoff), _select(b, cutoff)
    constant = np.ptp(a) == 0 or np.ptp(b) == 0
    return RankFlips(
        n=len(a),
        selected_first=int(before.reached.sum()),
        selected_second=int(after.reached.sum()),
        rose=tuple(int(place) for place in np.flatnonzero(after.inside & ~before.reached)),
        fell=tuple(int(place) for place in np.flatnonzero(before.inside & ~after.reached)),
        tau_b=Undefined("One grader gives every case the same score.") if constant else compute_kendall_tau_b(a, b),
    )


@dataclass(frozen=True, slots=True)
class _Selection:
    """Which cases are in whatever the order of ties, and which reach the border at all."""

    inside: NDArray[np.bool_]
    reached: NDArray[np.bool_]


def _select(scores: FloatArray, cutoff: Cutoff) -> _Selection:
    rounded = np.round(scores, DECIMALS)
    if isinstance(cutoff, AtLeast):
        chosen = np.asarray(rounded >= round(cutoff.score, DECIMALS))
        return _Selection(chosen, chosen)
    if not 1 <= cutoff.count <= len(scores):
        raise ValueError(f"cutoff: expected a count from 1 to {len(scores)}, got {cutoff.count}.")
    border = np.partition(rounded, -cutoff.count)[-cutoff.count]
    reached = np.asarray(rounded >= border)
    inside = reached if reached.sum() == cutoff.count else np.asarray(rounded > border)
    return _Selection(inside, reached)
