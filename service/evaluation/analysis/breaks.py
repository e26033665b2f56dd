"""Robustness families of two runs on an equal footing: which of the second's breaks are more than chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from service.evaluation.analysis.families import judge_families, measure_deviations
from service.evaluation.analysis.sources import Source
from service.evaluation.results.run import Family
from service.evaluation.robustness.families import Family as Rule
from service.evaluation.table import RunTable
from service.statistics.distributions import compute_binomial_tail

EMBEDDED = "embedded"  # the grader of rules in this package: the same answer gets the same grade

Families = tuple[tuple[Family, ...], tuple[Family, ...]]


def judge_alike(whole: tuple[RunTable, RunTable], even: tuple[RunTable, ...], rules: tuple[Rule, ...]) -> Families:
    """The families of both runs, over as many repeats and with the same allowance for noise.

    `even` are the tables `whole` with as many repeats as the fewer. The deviations are the larger of both runs: a
    baseline of one repeat shows none, and each of its cases would break what a run of three is let pass.
    """
    one, two = (measure_deviations(table) for table in whole)
    common = {scope: max(one.get(scope, 0.0), two.get(scope, 0.0)) for scope in one.keys() | two.keys()}
    first, second = (judge_families(table, rules, common) for table in even)
    return first, second


def weigh_breaks(families: Families, table: RunTable, sources: tuple[Source, Source]) -> dict[str, float]:
    """Key of a family -> one-sided p that the second run breaks it more often; empty when both graders have no noise.

    The exact sign test over base cases: each counts as worse when more of the cases made of it break the promise than
    before, or as better when fewer. With one case a base that is McNemar's test (1947, Psychometrika 12). By bases,
    since cases of one base share its noise: a base that was graded low makes all of its four attacks a rise. Families
    that one of the runs left unchecked are left out.
    """
    if all(is_deterministic(source) for source in sources):
        return {}
    bases = dict(zip(table.case_ids, table.bases, strict=True))
    before = {family.id: family for family in families[0] if family.state != "unchecked"}
    pairs = ((before[family.id], family) for family in families[1] if family.id in before)
    return {name_test(new): _compare(old, new, bases) for old, new in pairs if new.state != "unchecked"}


def _compare(old: Family, new: Family, bases: Mapping[str, str]) -> float:
    change = Counter(bases[case] for case in new.violating)
    change.subtract(bases[case] for case in old.violating)
    worse, better = (sum(sign * count > 0 for count in change.values()) for sign in (1, -1))
    return compute_binomial_tail(worse, worse + better)


def name_test(family: Family) -> str:
    """Its key among the tests that are adjusted together; no criterion has a colon in its id."""
    return f"family:{family.id}"


def is_deterministic(source: Source) -> bool:
    """Whether the grader has shown no noise: it is the embedded one, or no repeat of any case differed."""
    if source.identity.model_requested == EMBEDDED:
        return True
    return source.table.overall.shape[1] > 1 and all(_list_equal(source.table))


def _list_equal(table: RunTable) -> Iterator[bool]:
    for values in (table.overall, table.levels):
        yield bool(np.array_equal(values, np.repeat(values[:, :1], values.shape[1], axis=1), equal_nan=True))
    for rows in (table.reasons, table.raised):
        yield all(len(set(row)) == 1 for row in rows)
