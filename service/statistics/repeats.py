"""How far a grader differs from itself when it is asked again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from service.statistics.bootstrap import DEFAULT_RESAMPLES
from service.statistics.inputs import (
    MIDDLE_LEVEL,
    FloatArray,
    check_levels,
    check_same_length,
    round_levels,
)
from service.statistics.moments import KAPPA, Moment, compute_kappa
from service.statistics.undefined import Undefined

FLOOR_QUANTILE = 0.95  # of the size; by symmetry the 97.5 % quantile of the signed difference
BEYOND_CHANCE = 1.96  # standard errors
CHUNK_CELLS = 2_000_000
ONE_REPEAT = Undefined("Each request was graded once, so nothing shows how gradings of one request differ.")


@dataclass(frozen=True, slots=True)
class RepeatNoise:
    """`deviation`: standard deviation of one case's gradings, in levels, pooled over cases.

    `changed`: share of cases (0–1) whose rounded level is not the same in all repeats. `mean_floor` (levels) and
    `kappa_floor`: two runs of the same grader differ by less than this, 95 times in 100, in mean level and in kappa.
    """

    cases: int
    repeats: int
    deviation: float
    changed: float
    mean_floor: float
    kappa_floor: float | Undefined


def measure_repeats(
    graded: ArrayLike, seed: int, reference: ArrayLike | None = None, draws: int = DEFAULT_RESAMPLES
) -> RepeatNoise | Undefined:
    """The noise in levels (cases, repeats) of the same requests; Undefined with one repeat.

    Deviation: root of the mean within-case sample variance (one-way analysis of variance; Bland & Altman 1996, BMJ,
    Statistics Notes: Measurement error). Floors: one repeat of each case makes a run, a different one the other,
    `draws` times. Not with replacement: a repeat paired with itself would shrink the noise by 1 / k. Repeats of one
    case are taken for independent, cases too. `kappa_floor` needs the reference. ValueError as in `measure_agreement`.
    """
    levels = check_levels("graded", graded, dimensions=2)
    if draws < 1:
        raise ValueError(f"draws: expected at least 1, got {draws}.")
    if levels.shape[1] < 2:
        return ONE_REPEAT
    rounded = round_levels(levels)
    kappa_floor: float | Undefined = Undefined("There is no reference to agree with.")
    if reference is not None:
        kappa_floor = _measure_kappa_floor(levels, check_levels("reference", reference), seed, draws)
    return RepeatNoise(
        cases=levels.shape[0],
        repeats=levels.shape[1],
        deviation=float(math.sqrt(levels.var(axis=1, ddof=1).mean())),
        changed=float((np.ptp(rounded, axis=1) > 0).mean()),
        mean_floor=_compute_floor(levels, _average_gaps, seed, draws),
        kappa_floor=kappa_floor,
    )


def measure_change_floor(levels: FloatArray, changed: FloatArray) -> float | Undefined:
    """The share of levels (0–1) that re-grading changes, and beyond it what chance adds in 97.5 of 100 pairs of runs.

    `levels` is (cases, repeats, criteria), NaN where a criterion was not judged; `changed` (cases,) says how many
    levels of a case differ between the two runs, one repeat each. The bound is the share in which two repeats differ,
    plus 1.960 standard errors of the paired difference, cases taken for independent. Not from drawn pairs of repeats,
    as the other floors: a share has no mean of zero, and 17 of 60 equal graders moved. Undefined with one repeat, or
    without any level.
    """
    cases, repeats, _ = levels.shape
    judged = int(np.isfinite(levels).any(axis=1).sum())
    if repeats < 2 or not judged:
        return ONE_REPEAT if repeats < 2 else Undefined("Nothing was judged.")
    known = np.nan_to_num(levels)
    pairs = [(known[:, one] != known[:, two]).sum(axis=1) for one, two in combinations(range(repeats), 2)]
    within = np.mean(pairs, axis=0)
    error = math.sqrt(cases * float((changed - within).var()))
    return float((within.sum() + BEYOND_CHANCE * error) / judged)


def _measure_kappa_floor(levels: FloatArray, reference: FloatArray, seed: int, draws: int) -> float | Undefined:
    check_same_length(reference=reference, graded=levels)
    if math.isnan(_compute_kappas(reference, reference[np.newaxis])[0]):
        return Undefined(KAPPA.why_undefined)

    def subtract_kappas(first: FloatArray, second: FloatArray) -> FloatArray:
        return _compute_kappas(reference, second) - _compute_kappas(reference, first)

    return _compute_floor(levels, subtract_kappas, seed, draws)


def _compute_floor(
    levels: FloatArray, compare: Callable[[FloatArray, FloatArray], FloatArray], seed: int, draws: int
) -> float:
    cases, repeats = levels.shape
    generator = np.random.default_rng(seed)
    chunk = max(1, CHUNK_CELLS // cases)
    sizes = []
    for start in range(0, draws, chunk):
        shape = (min(chunk, draws - start), cases)
        one = generator.integers(0, repeats, size=shape)
        other = (one + generator.integers(1, repeats, size=shape)) % repeats
        places = np.arange(cases)
        sizes.append(np.abs(compare(levels[places, one], levels[places, other])))
    return float(np.quantile(np.concatenate(sizes), FLOOR_QUANTILE))


def _average_gaps(first: FloatArray, second: FloatArray) -> FloatArray:
    return np.asarray((second - first).mean(axis=1))


def _compute_kappas(reference: FloatArray, runs: FloatArray) -> FloatArray:
    """Kappa of each run (runs, cases) against the reference (cases,), from the five sums that it needs."""
    x, y = reference - MIDDLE_LEVEL, runs - MIDDLE_LEVEL
    sums = np.zeros((len(runs), len(Moment)))
    sums[:, Moment.COUNT], sums[:, Moment.X], sums[:, Moment.XX] = len(x), x.sum(), x @ x
    sums[:, Moment.Y], sums[:, Moment.YY], sums[:, Moment.XY] = y.sum(axis=1), (y * y).sum(axis=1), y @ x
    return compute_kappa(sums)
