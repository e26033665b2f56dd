"""One scope of a table as plain columns: `overall`, or one criterion of the cases that ask for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.domain.rubric import LOWEST_LEVEL
from service.evaluation.results.numbers import OVERALL
from service.evaluation.table import RunTable

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Column:
    """Levels of one scope, one entry a case; NaN where there is none.

    `graded` is the mean over the repeats. Not observed counts as the lowest level, in the reference as in the grade;
    `*_observed` tells the two apart (always true for `overall`). `first` and `second` are the two ratings themselves.
    """

    scope: str
    reference: FloatArray
    graded: FloatArray
    first: FloatArray
    second: FloatArray
    reference_observed: BoolArray
    graded_observed: BoolArray
    clusters: NDArray[np.str_]
    words: FloatArray

    @property
    def twice(self) -> BoolArray:
        """The cases that two people rated."""
        return np.isfinite(self.first) & np.isfinite(self.second)

    @property
    def both(self) -> BoolArray:
        """The cases that have a reference and a grade."""
        return np.isfinite(self.reference) & np.isfinite(self.graded)


def list_scopes(table: RunTable) -> tuple[str, ...]:
    """`overall`, then the criteria."""
    return (OVERALL, *table.criteria)


def select_column(table: RunTable, scope: str) -> Column:
    """The column of a scope."""
    clusters, words = np.asarray(table.clusters, dtype=np.str_), np.asarray(table.words, dtype=np.float64)
    if scope == OVERALL:
        every = np.ones(len(table.case_ids), dtype=np.bool_)
        graded = average_repeats(table.overall)
        return Column(
            scope=scope,
            reference=table.reference_overall,
            graded=graded,
            first=table.first_overall,
            second=table.second_overall,
            reference_observed=every,
            graded_observed=every,
            clusters=clusters,
            words=words,
        )
    index = table.criteria.index(scope)
    graded = average_repeats(table.levels[:, :, index])
    return Column(
        scope=scope,
        reference=table.reference_levels[:, index],
        graded=graded,
        first=table.first_levels[:, index],
        second=table.second_levels[:, index],
        reference_observed=table.reference_observed[:, index],
        graded_observed=find_observed(table)[:, index],
        clusters=clusters,
        words=words,
    )


def select_levels(table: RunTable, scope: str) -> FloatArray:
    """The levels of a scope, (cases, repeats); NaN where there is none."""
    return table.overall if scope == OVERALL else table.levels[:, :, table.criteria.index(scope)]


def average_repeats(values: FloatArray) -> FloatArray:
    """Means over the second axis, of what is there; NaN where nothing is."""
    there = np.isfinite(values)
    counts = there.sum(axis=1)
    sums = np.where(there, values, 0.0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def find_observed(table: RunTable) -> BoolArray:
    """Whether more than half of the repeats that judged a criterion observed it, (cases, criteria)."""
    return np.asarray(2 * table.observed.sum(axis=1) > np.isfinite(table.levels).sum(axis=1))


def average_levels(table: RunTable) -> FloatArray:
    """Mean over repeats of the levels, (cases, criteria); NaN where there is none."""
    flat = [average_repeats(table.levels[:, :, index]) for index in range(len(table.criteria))]
    return np.column_stack(flat) if flat else np.empty((len(table.case_ids), 0))


def label_levels(levels: FloatArray, observed: BoolArray) -> NDArray[np.int64]:
    """Row or column of a confusion matrix: 0 for not observed, else the level, halves rounded up."""
    rounded = np.floor(levels + 0.5).astype(np.int64)
    return np.where(observed, np.maximum(rounded, LOWEST_LEVEL), 0)
