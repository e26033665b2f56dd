"""How far the grader's overall of one answer lies from what careful people would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# Levels; a convention, no finding: the embedded grader was measured at 1.07 and 0.68 on the two shipped eval sets.
DEFAULT_ERROR = 0.5
MIN_CASES = 30  # below, the standard deviation itself is uncertain by more than 13 %


@dataclass(frozen=True, slots=True)
class GraderError:
    """The standard error of one answer's overall (levels, 0–4) and where the number comes from, for people to read."""

    levels: float
    source: str
    is_measured: bool

    def __post_init__(self) -> None:
        if not 0 <= self.levels <= 4:
            raise ValueError(f"a grader's error lies between 0 and 4 levels, got {self.levels:g}")


UNMEASURED = GraderError(
    DEFAULT_ERROR,
    f"assumed to be {DEFAULT_ERROR} of a level, since no accepted eval run of this rubric, prompt and model says how "
    "large it is",
    is_measured=False,
)


def measure_grader_error(reference: ArrayLike, graded: ArrayLike, source: str) -> GraderError:
    """The standard deviation of graded minus reference overall, of the cases that have both (NaN elsewhere).

    Not the root mean square: a grader that is strict with everybody puts nobody before anybody else. The raters' own
    error is in it, so it errs towards calling people equal. UNMEASURED below MIN_CASES cases.
    """
    difference = np.asarray(graded, np.float64) - np.asarray(reference, np.float64)
    difference = difference[np.isfinite(difference)]
    if len(difference) < MIN_CASES:
        return UNMEASURED
    levels = float(difference.std(ddof=1))
    return GraderError(levels, f"{levels:.2f} of a level, measured on {len(difference)} answers of {source}", True)
