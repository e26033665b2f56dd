"""Levels that are not the same in two runs over the same cases, and how many of them chance would change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from service.evaluation.analysis.alignment import list_shared_criteria
from service.evaluation.analysis.columns import BoolArray, FloatArray
from service.evaluation.table import RunTable
from service.statistics.repeats import measure_change_floor
from service.statistics.undefined import Undefined


def have_same_grades(first: RunTable, second: RunTable) -> bool:
    """Whether two runs over the same cases, with as many repeats, differ in no level, score or reason."""
    if first.criteria != second.criteria or first.reasons != second.reasons:
        return False
    pairs = ((first.levels, second.levels), (first.overall, second.overall), (first.observed, second.observed))
    return all(np.array_equal(one, two, equal_nan=one.dtype.kind == "f") for one, two in pairs)


def count_level_changes(first: RunTable, second: RunTable) -> tuple[int, int]:
    """(changed, judged): of the criterion levels that either run has, repeat by repeat; a level won or lost changed.

    Both tables have the same cases and as many repeats.
    """
    changed, judged = _compare(first, second)
    return int(changed.sum()), int(judged.sum())


def measure_level_noise(first: RunTable, second: RunTable, repeated: Sequence[RunTable]) -> float | Undefined:
    """The share of levels (0–1) up to which a change between the two may be re-grading (see `measure_change_floor`).

    Of the `repeated` runs over the same cases, the one where it is largest. Undefined when none repeats its requests.
    """
    changed, _ = _compare(first, second)
    of_a_case = np.asarray(changed.sum(axis=(1, 2)) / changed.shape[1], dtype=np.float64)
    found = [measure_change_floor(table.levels, of_a_case) for table in repeated]
    known = [floor for floor in found if not isinstance(floor, Undefined)]
    return max(known) if known else found[0]


def _compare(first: RunTable, second: RunTable) -> tuple[BoolArray, BoolArray]:
    shared = list_shared_criteria(first, second)
    one, two = _select(first, shared), _select(second, shared)
    judged = np.isfinite(one) | np.isfinite(two)
    return judged & (one != two), judged


def _select(table: RunTable, criteria: Sequence[str]) -> FloatArray:
    return np.asarray(table.levels[:, :, [table.criteria.index(name) for name in criteria]])
