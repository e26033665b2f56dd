"""The numbers raters used, and the levels 1–5 that they mean."""

from __future__ import annotations

import re
from dataclasses import dataclass

from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL
from service.errors import ImportInvalid

_SCALE = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]+)?)\s*[-–]\s*([0-9]{1,3}(?:\.[0-9]+)?)\s*")


@dataclass(frozen=True, slots=True)
class Scale:
    """A team's own scale; `worst` is above `best` where 1 is the best mark.

    Both are below 1,000: with larger ones nobody could tell the comma of 4,500 from that of 4,5.
    """

    worst: float = LOWEST_LEVEL
    best: float = HIGHEST_LEVEL

    def __str__(self) -> str:
        return f"{self.worst:g}–{self.best:g}"

    def compute_level(self, mark: float) -> float | None:
        """`1 + 4 × (mark − worst) / (best − worst)`, 1.0–5.0; None for a mark outside the scale, and for NaN."""
        if not min(self.worst, self.best) <= mark <= max(self.worst, self.best):
            return None
        share = (mark - self.worst) / (self.best - self.worst)
        return LOWEST_LEVEL + (HIGHEST_LEVEL - LOWEST_LEVEL) * share


def read_scale(text: str | None) -> Scale:
    """The scale `0-10`, worst mark first; the rubric's own 1–5 for None. Raises ImportInvalid."""
    if text is None:
        return Scale()
    match = _SCALE.fullmatch(text)
    if match is None or float(match[1]) == float(match[2]):
        raise ImportInvalid(
            f"--scale {text!r}: expected the worst and the best mark, each from 0 to 999, such as 0-10 or 6-1."
        )
    return Scale(float(match[1]), float(match[2]))
