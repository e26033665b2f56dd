"""Is some group graded differently: each value of each group column against the rest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from service.evaluation.analysis.columns import Column, average_repeats, select_column
from service.evaluation.analysis.numbers import to_estimate, to_number
from service.evaluation.policy import Policy
from service.evaluation.results.numbers import OVERALL, Estimate, Missing
from service.evaluation.results.run import Group
from service.evaluation.table import RunTable
from service.statistics.groups import GroupGap, compare_group_residuals, compare_groups

MAX_VALUES = 40  # of one column; a column with more is an identity, such as a name or a date
NO_REFERENCE = Missing(undefined="No case of this group has a reference.")


def measure_groups(table: RunTable, policy: Policy) -> tuple[Group, ...]:
    """A row for each value of each column, also for the small ones, which are marked."""
    return tuple(row for column in table.groups for row in _measure_column(table, column, policy))


def _measure_column(table: RunTable, name: str, policy: Policy) -> Iterator[Group]:
    values = np.asarray(table.groups[name], dtype=np.str_)
    overall = select_column(table, OVERALL)
    graded = np.isfinite(average_repeats(table.overall)) & (values != "")
    if not graded.any() or len(set(values[graded].tolist())) > MAX_VALUES:
        return
    gaps = compare_groups(
        overall.graded[graded], values[graded], overall.clusters[graded], policy.seed, policy.resamples
    )
    rated = graded & overall.both
    biases = {}
    if rated.any():
        found = compare_group_residuals(
            overall.reference[rated],
            overall.graded[rated],
            values[rated],
            overall.clusters[rated],
            policy.seed,
            policy.resamples,
        )
        biases = {gap.group: gap for gap in found}
    for gap in gaps:
        yield _describe(name, gap, biases.get(gap.group), overall, values)


def _describe(column: str, gap: GroupGap, bias: GroupGap | None, overall: Column, values: NDArray[np.str_]) -> Group:
    inside = (values == gap.group) & np.isfinite(overall.graded)
    rated = inside & np.isfinite(overall.reference)
    return Group(
        column=column,
        value=gap.group,
        n=gap.n,
        rated_n=int(rated.sum()),
        small=gap.small,
        mean_graded=to_number(float(overall.graded[inside].mean())),
        mean_reference=to_number(float(overall.reference[rated].mean())) if rated.any() else NO_REFERENCE,
        difference=to_estimate(gap.standardised, gap.interval),
        bias=to_estimate(bias.standardised, bias.interval)
        if bias is not None
        else Estimate(value=NO_REFERENCE, interval=NO_REFERENCE),
    )
