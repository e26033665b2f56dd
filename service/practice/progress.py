"""How a learner's levels went over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import fmean

from service.domain.practice import Attempt

MAX_POINTS = 60  # of a line in a plot: more than that nobody sees, and 2,000 attempts would make 200 kB of SVG


@dataclass(frozen=True, slots=True)
class Point:
    """`level` is 1.0–5.0, the mean of `attempts` of them where there are too many to show each."""

    at: datetime
    level: float
    attempts: int = 1


@dataclass(frozen=True, slots=True)
class Series:
    """One line: a criterion, or the overall score (`id` "overall"). `first` and `latest` are single attempts."""

    id: str
    name: str
    points: tuple[Point, ...]

    @property
    def first(self) -> float:
        return self.points[0].level

    @property
    def latest(self) -> float:
        return self.points[-1].level


def build_series(attempts: Iterable[Attempt], names: Mapping[str, str]) -> tuple[Series, ...]:
    """The overall score, then each criterion in the order of `names`, oldest attempt first; empty lines are left out.

    A criterion that an answer did not show is no point: it was not on the scale.
    """
    scored = sorted((one for one in attempts if one.overall is not None), key=lambda one: (one.created_at, one.id))
    lines = [Series("overall", "Overall", thin_out([Point(it.created_at, it.overall or 0.0) for it in scored]))]
    for key, name in names.items():
        points = [Point(it.created_at, level) for it in scored if (level := it.levels.get(key)) is not None]
        lines.append(Series(key, name, thin_out(points)))
    return tuple(line for line in lines if line.points)


def thin_out(points: Sequence[Point], most: int = MAX_POINTS) -> tuple[Point, ...]:
    """At most `most` points; the first and the last stay as they are, those between are means of neighbours."""
    if len(points) <= most:
        return tuple(points)
    inner, groups = points[1:-1], most - 2
    edges = [round(place * len(inner) / groups) for place in range(groups + 1)]
    means = [_average(inner[start:end]) for start, end in pairwise(edges) if start < end]
    return (points[0], *means, points[-1])


def _average(points: Sequence[Point]) -> Point:
    return Point(points[len(points) // 2].at, fmean(point.level for point in points), len(points))
