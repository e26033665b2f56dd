"""Which of several changes moved the agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from service.statistics.bootstrap import DEFAULT_RESAMPLES, Resampled, resample_clusters
from service.statistics.differences import Difference, measure_difference
from service.statistics.inputs import Labels, check_levels, check_same_length, index_labels
from service.statistics.moments import KAPPA, MEAN_GRADED, Statistic, select_run, sum_pairs
from service.statistics.undefined import Undefined


@dataclass(frozen=True, slots=True)
class Run:
    """Levels (cases,) after `factor` (prompt, model, …) was changed from the run before; the first's is its name."""

    factor: str
    graded: ArrayLike


@dataclass(frozen=True, slots=True)
class Step:
    """What one factor changed, in kappa and in mean level (levels).

    `kappa_noise_share`: how much of the step's size re-grading alone could make, 0–1; 1 is "perhaps all of it".
    """

    factor: str
    kappa: Difference
    mean_level: Difference
    kappa_noise_share: float | Undefined


@dataclass(frozen=True, slots=True)
class Decomposition:
    """`steps` add up to `total`, whose factor names the first and the last run."""

    steps: tuple[Step, ...]
    total: Step


def decompose_change(
    reference: ArrayLike,
    runs: Sequence[Run],
    clusters: Labels,
    seed: int,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = 0.95,
    kappa_floor: float | Undefined | None = None,
) -> Decomposition:
    """The change from the first run to the last, split into steps between neighbours; one set of resamples for all.

    A sequential decomposition: the estimates telescope, the ends of the intervals do not. What a factor is given
    depends on the order when factors interact (Fortin, Lemieux & Firpo 2011, Handbook of Labor Economics 4A, on
    path dependence). `kappa_floor` is `RepeatNoise.kappa_floor`; without it the noise shares are Undefined.
    ValueError: fewer than two runs, and as in `compare_paired`.
    """
    if len(runs) < 2:
        raise ValueError(f"runs: expected at least two, got {len(runs)}.")
    x = check_levels("reference", reference)
    levels = [check_levels(f"run {place + 1} ({run.factor})", run.graded) for place, run in enumerate(runs)]
    codes, labels = index_labels("clusters", clusters)
    for graded in levels:
        check_same_length(reference=x, graded=graded, clusters=codes)
    sums = np.hstack([sum_pairs(x, graded, codes, len(labels)) for graded in levels])
    resampled = resample_clusters(sums, seed, resamples)
    floor = Undefined("It was not measured how far two runs differ by re-grading alone.")
    measure = _StepMeasure(resampled, confidence, floor if kappa_floor is None else kappa_floor)
    steps = tuple(measure.measure_step(runs[b].factor, a, b) for a, b in pairwise(range(len(runs))))
    total = measure.measure_step(f"{runs[0].factor} to {runs[-1].factor}", 0, len(runs) - 1)
    return Decomposition(steps, total)


@dataclass(frozen=True, slots=True)
class _StepMeasure:
    resampled: Resampled
    confidence: float
    kappa_floor: float | Undefined

    def measure_step(self, factor: str, first: int, second: int) -> Step:
        kappa = self._measure(KAPPA, first, second)
        return Step(
            factor=factor,
            kappa=kappa,
            mean_level=self._measure(MEAN_GRADED, first, second),
            kappa_noise_share=compute_noise_share(kappa.difference, self.kappa_floor),
        )

    def _measure(self, statistic: Statistic, first: int, second: int) -> Difference:
        runs = (select_run(statistic, first), select_run(statistic, second))
        return measure_difference(self.resampled, *runs, self.confidence)


def compute_noise_share(difference: float | Undefined, floor: float | Undefined) -> float | Undefined:
    """min(1, floor / |difference|); Undefined when either is, or when nothing changed."""
    if isinstance(difference, Undefined):
        return difference
    if isinstance(floor, Undefined):
        return floor
    if difference == 0:
        return Undefined("Nothing changed, so there is nothing to explain.")
    return min(1.0, floor / abs(difference))
